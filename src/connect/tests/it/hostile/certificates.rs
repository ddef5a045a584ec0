//! Certificates of servers that are not what they claim to be.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use infra_test_server::directory;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;

use super::HOST;

/// Whom a certificate is for, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The authority says that it is the server.
    Server,
    /// The server says it of itself.
    SelfSigned,
    /// The authority says that it is another server.
    OtherHost,
    /// The authority said so once.
    Expired,
}

pub struct Certificates {
    /// The file with the certificate of the authority.
    pub authority: PathBuf,
    known: Vec<(Identity, CertificateDer<'static>, KeyPair)>,
}

impl Certificates {
    pub fn of(&self, identity: Identity) -> (&CertificateDer<'static>, &KeyPair) {
        let found = self.known.iter().find(|(known, ..)| *known == identity);
        found.map(|(_, certificate, key)| (certificate, key)).expect("every identity has a certificate")
    }
}

/// Returns the certificates. The first call makes them.
pub fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let file = directory("hostile-").join("ca.crt");
        fs::write(&file, authority.pem()).expect("a file");
        let known = [Identity::Server, Identity::SelfSigned, Identity::OtherHost, Identity::Expired].map(|identity| {
            let key = KeyPair::generate().expect("a key");
            let host = if identity == Identity::OtherHost { "other.example.com" } else { HOST };
            let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
            if identity == Identity::Expired {
                (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }
            let signed = match identity {
                Identity::SelfSigned => params.self_signed(&key),
                _ => params.signed_by(&key, &authority),
            };
            (identity, signed.expect("a certificate").der().clone(), key)
        });
        Certificates { authority: file, known: known.into() }
    })
}
