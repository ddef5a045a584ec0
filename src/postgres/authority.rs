//! The sandbox's certificate authority, in the place of the authorities of RDS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use super::error::PostgresError;
use super::files;
use super::lock::Lock;

const NAME: &str = "migrate-infra sandbox root CA";
/// How long another process can take to create the authority.
const LIMIT: Duration = Duration::from_secs(30);

/// An authority that signs the certificates of servers.
#[derive(Debug, Clone)]
pub struct Authority {
    directory: PathBuf,
}

/// A certificate with its key, as PEM.
pub(super) struct ServerCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// Opens the authority in a directory, or creates one. Several processes can do so at the same time.
    ///
    /// It blocks while another process creates it.
    pub fn open_or_create(directory: &Path) -> Result<Self, PostgresError> {
        files::create_directory(directory, 0o755)?;
        let directory = directory.canonicalize().map_err(PostgresError::io("find", directory))?;
        let authority = Self { directory };
        let _lock = Lock::exclusive(&authority.directory.join("ca.lock"), LIMIT)?;
        // The certificate is written last: without it, there is no authority.
        if !authority.certificate_file().exists() {
            let key = KeyPair::generate()?;
            files::write(&authority.key_file(), &key.serialize_pem(), 0o600)?;
            let certificate = CertifiedIssuer::self_signed(parameters()?, key)?;
            files::write(&authority.certificate_file(), &certificate.pem(), 0o644)?;
        }
        Ok(authority)
    }

    /// Returns the file with the certificate that clients trust.
    pub fn certificate_file(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    fn key_file(&self) -> PathBuf {
        self.directory.join("ca.key")
    }

    /// Issues a certificate for a server: "the SSL certificate includes the DB instance endpoint as the Common Name
    /// (CN)" ("Using SSL with a PostgreSQL DB instance"). It is also valid for this machine, where the server really
    /// runs.
    pub(super) fn issue(&self, endpoint: &str) -> Result<ServerCertificate, PostgresError> {
        let path = self.key_file();
        let pem = std::fs::read_to_string(&path).map_err(PostgresError::io("read", &path))?;
        let issuer = Issuer::new(parameters()?, KeyPair::from_pem(&pem)?);
        let mut names = vec![endpoint.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
        names.dedup();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name(endpoint);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        Ok(ServerCertificate { certificate, key: key.serialize_pem() })
    }
}

/// Returns the parameters of the authority's certificate. They depend on nothing, so that the issuer of a later process
/// is the same.
fn parameters() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// Returns a name. The standard limits it to 64 characters (`ub-common-name` of RFC 5280), and endpoints can be longer:
/// the host names of the certificate count for verification anyway.
fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    distinguished
}
