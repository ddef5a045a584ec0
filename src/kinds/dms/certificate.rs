//! Certificates in DMS: the authorities with which endpoints verify the servers of their databases.
//!
//! "You provide the root certificate or the chain of intermediate CA certificates leading up to the root (as a
//! certificate bundle)", and for Amazon RDS the bundle of RDS ("Using SSL with AWS Database Migration Service"), so
//! that one resource may hold the certificates of several authorities. DMS cannot change it.

use async_trait::async_trait;
use aws_sdk_databasemigration::types::Certificate as Description;
use serde::{Deserialize, Serialize};

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND};
use super::filter::filter;
use super::tagging;
use crate::ownership::classify;
use infra_base::address::Arn;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of certificates.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.certificate",
    summary = "the certificates with which endpoints verify databases",
    repeat = "name",
    arns("dms:cert:"),
    create_seconds = 2,
    delete_seconds = 2,
    tagger = tagging::Dms,
    delete_blockers = "endpoints that use it",
    reads("dms:DescribeCertificates", "dms:ListTagsForResource", "tag:GetResources"),
    creates("dms:ImportCertificate"),
    deletes("dms:DeleteCertificate")
)]
pub struct Certificate {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub identifier: String,
    /// The certificates in PEM format, one after the other. They are public.
    #[immutable]
    pub pem: String,
    /// A customer-managed key that encrypts it. Without one, DMS uses the key `aws/dms`.
    #[immutable]
    pub kms_key: Option<String>,
}

/// What is known of certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct CertificateAttrs {
    #[id]
    #[output(created, doc = "The name of the certificates.")]
    pub identifier: String,
    #[tag_target]
    #[output(created, doc = "The ARN of the certificates.")]
    pub arn: Arn,
    /// The certificates, as AWS shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
    /// The key that encrypts them, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

#[async_trait]
impl Resource for Certificate {
    async fn observe(&self, cx: &StepContext, known: Option<&CertificateAttrs>) -> Result<Observed<CertificateAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(current) = describe(cx, identifier).await? else { return Ok(Observed::Absent) };
        let attrs = attrs_of(&current);
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        Ok(classify(cx, &tags, identifier, || attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<CertificateAttrs>) -> Result<CertificateAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.dms.import_certificate().certificate_identifier(&self.identifier);
            let call = call.certificate_pem(&self.pem).set_kms_key_id(self.kms_key.clone());
            call.set_tags(Some(tags.clone())).send()
        };
        let imported = cx.mutate("dms:ImportCertificate", call).await?;
        let current = imported
            .certificate
            .ok_or(Error::MissingField { call: "dms:ImportCertificate", what: "the certificate" })?;
        Ok(attrs_of(&current))
    }

    async fn delete(&self, cx: &StepContext, attrs: &CertificateAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_certificate().certificate_arn(attrs.arn.as_str()).send();
        let delete = || cx.mutate("dms:DeleteCertificate", call);
        ignore_codes(cx.retry("the endpoints to release it", BUSY, BUSY_SECONDS, delete).await, NOT_FOUND).map(drop)
    }
}

fn attrs_of(current: &Description) -> CertificateAttrs {
    CertificateAttrs {
        identifier: current.certificate_identifier().unwrap_or_default().to_owned(),
        arn: current.certificate_arn().unwrap_or_default().into(),
        pem: current.certificate_pem().map(plain),
        kms_key: current.kms_key_id().map(str::to_owned),
    }
}

/// Returns certificates with the line ends of this program, however DMS keeps them.
fn plain(pem: &str) -> String {
    pem.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

async fn describe(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    let call = cx.aws.dms.describe_certificates().filters(filter("certificate-id", identifier)?).send();
    let found = ignore_codes(cx.read("dms:DescribeCertificates", call).await, NOT_FOUND)?;
    let current = found.and_then(|found| found.certificates).unwrap_or_default();
    Ok(current.into_iter().find(|one| one.certificate_identifier() == Some(identifier)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_line_ends_are_no_other_certificate() {
        let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(plain(pem), pem);
        assert_eq!(plain(&format!("\r\n{}", pem.trim_end().replace('\n', "\r\n"))), pem);
    }
}
