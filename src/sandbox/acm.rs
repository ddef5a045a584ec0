//! AWS Certificate Manager: certificates that somebody has requested before.

use aws_sdk_acm::operation::describe_certificate::{
    DescribeCertificateError, DescribeCertificateInput, DescribeCertificateOutput,
};
use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::account_facts::CertificateStatus as Status;

/// Milliseconds of a day.
const DAY: u64 = 24 * 3_600_000;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["certificate_arn"];
    registry.on("acm", "DescribeCertificate", fields, DescribeCertificateError::generic, describe);
}

fn describe(call: &mut Call<'_>, input: &DescribeCertificateInput) -> Result<DescribeCertificateOutput, Rejection> {
    let arn = input.certificate_arn().unwrap_or_default();
    if !arn.starts_with("arn:") || !arn.contains(":certificate/") {
        return refuse("InvalidArnException", format!("The certificate ARN {arn} is not valid."));
    }
    if !arn.starts_with(&call.arn("acm", "certificate/")) {
        return refuse("ResourceNotFoundException", format!("Could not find certificate {arn}."));
    }
    let Some(facts) = call.world.certificate(arn) else {
        let account = call.account();
        // The sandbox cannot know whether it exists: whatever was read from its answer would be invented.
        return refuse(
            "AccessDeniedException",
            format!(
                "the sandbox of account {account} knows nothing of {arn}; `[certificates]` of a script describes it"
            ),
        );
    };
    // Only what was issued has a period of validity.
    let was_issued = matches!(facts.status, Status::Issued | Status::Inactive | Status::Expired | Status::Revoked);
    let expires = call.now() + u64::from(facts.days_left) * DAY;
    let detail = CertificateDetail::builder()
        .certificate_arn(arn)
        .set_domain_name(facts.names.first().cloned())
        .set_subject_alternative_names(Some(facts.names.clone()))
        .status(CertificateStatus::from(facts.status.as_str()))
        .set_not_after(was_issued.then(|| DateTime::from_millis(i64::try_from(expires).unwrap_or(i64::MAX))))
        .build();
    Ok(DescribeCertificateOutput::builder().certificate(detail).build())
}
