//! Certificates with which endpoints verify their servers. Only those in PEM format are modelled.

use aws_sdk_databasemigration::operation::delete_certificate::{
    DeleteCertificateError, DeleteCertificateInput, DeleteCertificateOutput,
};
use aws_sdk_databasemigration::operation::describe_certificates::{
    DescribeCertificatesError, DescribeCertificatesInput, DescribeCertificatesOutput,
};
use aws_sdk_databasemigration::operation::import_certificate::{
    ImportCertificateError, ImportCertificateInput, ImportCertificateOutput,
};

use super::conversion::tags_from_sdk;
use super::filters::{matches_filters, not_found_if_empty};
use super::validation::identifier;
use crate::kms::default_key;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::Certificate;

/// What begins and ends a certificate in a PEM file.
const PEM: [&str; 2] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];

pub(super) fn register(registry: &mut Registry) {
    let fields = &["certificate_identifier", "certificate_pem", "kms_key_id", "tags"];
    registry.on("dms", "ImportCertificate", fields, ImportCertificateError::generic, import);
    registry.on("dms", "DescribeCertificates", &["filters"], DescribeCertificatesError::generic, describe);
    registry.on("dms", "DeleteCertificate", &["certificate_arn"], DeleteCertificateError::generic, delete);
}

/// "Certificates are accepted as PEM formatted X509 files, only", one or a bundle ("Using SSL with AWS Database
/// Migration Service").
fn is_pem(text: &str) -> bool {
    let [begins, ends] = PEM.map(|mark| text.matches(mark).count());
    begins > 0 && begins == ends && text.trim_start().starts_with(PEM[0]) && text.trim_end().ends_with(PEM[1])
}

fn import(call: &mut Call<'_>, input: &ImportCertificateInput) -> Result<ImportCertificateOutput, Rejection> {
    let name = identifier(input.certificate_identifier(), 255)?;
    let Some(pem) = input.certificate_pem() else {
        // AWS's message (awsdocs/aws-cloudformation-user-guide, pull request 452).
        return refuse(
            "InvalidParameterValueException",
            "Please provide a value for either for CertificatePem or for CertificateWallet.",
        );
    };
    if !is_pem(pem) {
        return refuse("InvalidCertificateFault", format!("The certificate {name} is not valid"));
    }
    if call.region_state().dms.certificates.contains_key(&name) {
        return refuse("ResourceAlreadyExistsFault", format!("Certificate {name} already exists"));
    }
    let arn_id = call.world.random_hex()[..26].to_uppercase();
    let certificate = Certificate {
        arn: call.arn("dms", &format!("cert:{arn_id}")),
        identifier: name.clone(),
        pem: pem.to_owned(),
        kms_key_id: input.kms_key_id().map(str::to_owned),
        tags: tags_from_sdk(input.tags()),
    };
    let answer = to_sdk(&certificate);
    call.region_state().dms.certificates.insert(name, certificate);
    Ok(ImportCertificateOutput::builder().certificate(answer).build())
}

fn to_sdk(certificate: &Certificate) -> aws_sdk_databasemigration::types::Certificate {
    aws_sdk_databasemigration::types::Certificate::builder()
        .certificate_identifier(&certificate.identifier)
        .certificate_arn(&certificate.arn)
        .certificate_pem(&certificate.pem)
        .kms_key_id(certificate.kms_key_id.clone().unwrap_or_else(|| default_key(&certificate.arn)))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeCertificatesInput) -> Result<DescribeCertificatesOutput, Rejection> {
    let mut found = Vec::new();
    for certificate in call.region_state().dms.certificates.values() {
        let field = |name: &str| match name {
            "certificate-id" => Some(certificate.identifier.clone()),
            "certificate-arn" => Some(certificate.arn.clone()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(certificate));
        }
    }
    let found = not_found_if_empty(found, input.filters(), "certificates")?;
    Ok(DescribeCertificatesOutput::builder().set_certificates(Some(found)).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteCertificateInput) -> Result<DeleteCertificateOutput, Rejection> {
    let arn = input.certificate_arn().unwrap_or_default();
    let dms = &mut call.region_state().dms;
    let Some(certificate) = dms.certificates.values().find(|one| one.arn == arn).cloned() else {
        return refuse("ResourceNotFoundFault", format!("Certificate {arn} not found"));
    };
    // "The resource is in a state that prevents it from being used": an endpoint uses it.
    if let Some(endpoint) = dms.endpoints.values().find(|one| one.certificate_arn.as_deref() == Some(arn)) {
        return refuse(
            "InvalidResourceStateFault",
            format!("Certificate {} is in use by endpoint {}", certificate.identifier, endpoint.identifier),
        );
    }
    dms.certificates.remove(&certificate.identifier);
    Ok(DeleteCertificateOutput::builder().certificate(to_sdk(&certificate)).build())
}

/// Checks the certificate of an endpoint: it is in this region, and there is one if the server is to be verified ("If
/// you select either the verify-ca or verify-full mode, you must specify the CA certificate that you want to use",
/// "Using SSL with AWS Database Migration Service").
pub(super) fn check(call: &mut Call<'_>, ssl_mode: &str, arn: Option<&str>) -> Result<(), Rejection> {
    match arn {
        Some(arn) if !call.region_state().dms.certificates.values().any(|one| one.arn == arn) => {
            refuse("ResourceNotFoundFault", format!("Certificate {arn} not found"))
        }
        None if ssl_mode.starts_with("verify-") => refuse(
            "InvalidParameterCombinationException",
            format!("A certificate is required for the SSL mode {ssl_mode}"),
        ),
        _ => Ok(()),
    }
}
