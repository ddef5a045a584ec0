//! Endpoints of RDS, and the certificate authorities that this program trusts for them.
//!
//! `rds/README.md` tells where the certificates come from.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// The root certificates of RDS in the regions that this program knows, in PEM format.
pub(super) const ROOTS: &[u8] = include_bytes!("rds/roots.pem");

/// Returns whether a host name is an endpoint of RDS. Those in China end with `.cn`.
pub(super) fn is_rds(host: &str) -> bool {
    endpoint(host).is_some()
}

/// Returns whether a host name is the endpoint of an RDS Proxy, whose certificate is public: "Amazon RDS Proxy and
/// Aurora Serverless use certificates from the Amazon Certificate Manager (ACM)" (RDS User Guide, "Rotating your
/// SSL/TLS certificate").
pub(super) fn is_proxy(host: &str) -> bool {
    endpoint(host).is_some_and(|name| name.contains(".proxy-"))
}

/// Returns the region of an endpoint of RDS: `NAME.ID.REGION.rds.amazonaws.com`.
pub(super) fn region(host: &str) -> Option<String> {
    endpoint(host)?.rsplit('.').next().map(str::to_owned)
}

/// Returns what is before `.rds.amazonaws.com`.
fn endpoint(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.trim_end_matches(".cn").strip_suffix(".rds.amazonaws.com").map(str::to_owned)
}

/// Returns the root certificates of RDS if they contain those of a region.
///
/// # Errors
/// They are damaged.
pub(super) fn roots_for(region: &str) -> Option<Result<Vec<CertificateDer<'static>>, pem::Error>> {
    let comment = format!("# Amazon RDS {region} Root CA ");
    let is_known = ROOTS.windows(comment.len()).any(|text| text == comment.as_bytes());
    is_known.then(|| CertificateDer::pem_slice_iter(ROOTS).collect())
}

/// Returns the root certificates of RDS in a region, in PEM format without comments: one for each kind of key, because
/// a DB instance has one of them ("Certificate authorities", RDS User Guide). `None` if the region is not known.
pub fn rds_roots_pem(region: &str) -> Option<String> {
    let comment = format!("# Amazon RDS {region} Root CA ");
    let text = std::str::from_utf8(ROOTS).ok()?;
    let mut pem = String::new();
    let mut is_wanted = false;
    for line in text.lines() {
        if line.starts_with('#') {
            is_wanted = line.starts_with(&comment);
        } else if is_wanted {
            pem.push_str(line);
            pem.push('\n');
        }
    }
    (!pem.is_empty()).then_some(pem)
}

/// Returns where AWS publishes the certificates of RDS in a region ("Certificate bundles by AWS Region", RDS User
/// Guide; for China, the guide on docs.amazonaws.cn).
pub(super) fn bundle_url(region: &str) -> String {
    let place = match region.split('-').next() {
        Some("cn") => "rds-truststore.s3.cn-north-1.amazonaws.com.cn",
        Some("us") if region.starts_with("us-gov-") => "truststore.pki.us-gov-west-1.rds.amazonaws.com",
        _ => "truststore.pki.rds.amazonaws.com",
    };
    format!("https://{place}/{region}/{region}-bundle.pem")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use sha2::{Digest, Sha256};
    use x509_cert::Certificate;
    use x509_cert::der::Decode;
    use x509_cert::ext::pkix::BasicConstraints;

    use super::*;

    /// A certificate that expires within this time must be replaced now.
    const NOTICE: Duration = Duration::from_hours(5 * 365 * 24);

    #[test]
    fn the_certificates_are_the_root_authorities_of_rds() {
        let text = std::str::from_utf8(ROOTS).unwrap();
        let comments: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let certificates = roots_for("eu-central-1").expect("a region").unwrap();
        assert_eq!((certificates.len(), comments.len()), (81, 81));
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        for (der, comment) in certificates.iter().zip(comments) {
            let certificate = Certificate::from_der(der).unwrap_or_else(|error| panic!("{comment}: {error}"));
            let content = &certificate.tbs_certificate;
            let subject = content.subject.to_string();
            let fingerprint: String = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
            let (name, expected) = comment.split_once(", SHA-256 ").unwrap();
            assert_eq!(fingerprint, expected, "{name}");
            assert!(subject.contains(&format!("CN={name}")), "{subject}");
            assert!(
                subject.contains("OU=Amazon RDS") && subject.contains("O=Amazon Web Services\\, Inc."),
                "{subject}"
            );
            assert_eq!(content.subject, content.issuer, "{name} is no root");
            let (_, constraints) = content.get::<BasicConstraints>().unwrap().expect("it is an authority");
            assert!(constraints.ca, "{name}");
            assert!(content.validity.not_before.to_unix_duration() < now, "{name}");
            assert!(content.validity.not_after.to_unix_duration() > now + NOTICE, "{name} expires");
            let known = ["RSA2048 G1", "RSA4096 G1", "ECC384 G1"];
            let region = name.strip_prefix("Amazon RDS ").unwrap().split(' ').next().unwrap();
            assert!(known.iter().any(|key| name == format!("Amazon RDS {region} Root CA {key}")), "{name}");
        }
        let mut roots = rustls::RootCertStore::empty();
        assert_eq!(roots.add_parsable_certificates(certificates), (81, 0));
    }

    #[test]
    fn the_roots_of_a_region_are_those_that_sign_its_databases() {
        let pem = rds_roots_pem("eu-west-1").expect("a known region");
        let own: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
        assert_eq!(own.len(), 3);
        for der in own {
            let subject = Certificate::from_der(&der).unwrap().tbs_certificate.subject.to_string();
            assert!(subject.contains("CN=Amazon RDS eu-west-1 Root CA "), "{subject}");
        }
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END CERTIFICATE-----\n"));
        assert!(!pem.contains('#'), "a comment is no part of a certificate");
        for unknown in ["cn-north-1", "us-gov-west-1", "eu-west", ""] {
            assert_eq!(rds_roots_pem(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_region_without_certificates_is_known_to_be_one() {
        assert!(roots_for("us-east-1").is_some() && roots_for("us-west-2").is_some());
        assert!(roots_for("cn-north-1").is_none() && roots_for("us-gov-west-1").is_none() && roots_for("us").is_none());
        assert_eq!(region("a.c1.eu-west-1.rds.amazonaws.com.").as_deref(), Some("eu-west-1"));
        assert_eq!(region("a.c1.CN-North-1.rds.amazonaws.com.cn").as_deref(), Some("cn-north-1"));
        assert!(is_proxy("p.proxy-c1.eu-west-1.rds.amazonaws.com") && !is_proxy("p.proxy-c1.example.com"));
        let urls = [
            ("eu-west-1", "https://truststore.pki.rds.amazonaws.com/eu-west-1/eu-west-1-bundle.pem"),
            (
                "us-gov-east-1",
                "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem",
            ),
            ("cn-north-1", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/cn-north-1/cn-north-1-bundle.pem"),
        ];
        for (region, url) in urls {
            assert_eq!(bundle_url(region), url);
        }
    }
}
