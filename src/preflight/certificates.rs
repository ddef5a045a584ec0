//! The certificates of listeners: issued, for the name that clients use, and valid for long enough.

use std::collections::BTreeSet;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};
use futures::future::join_all;
use infra_base::address::Location;
use infra_core::plan::Action;
use infra_core::resource::describe;

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

/// What expires in fewer days should have been renewed: "ACM attempts to renew 45 days prior to expiration" ("Managed
/// certificate renewal", AWS Certificate Manager User Guide).
const SOON: i64 = 30;
/// Seconds of a day.
const DAY: i64 = 24 * 3600;
const CHECK: &str = "certificates";

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let listeners = subject.plan.steps.iter().filter(|step| step.kind == "elbv2.listener" && is_sent(&step.action));
    let certificates: BTreeSet<(Location, &str)> = listeners
        .filter_map(|step| {
            let account = Some(subject.reads.cloud.account_of(&step.location()).clone());
            let location = Location { region: step.region.clone(), account };
            Some((location, step.spec["protocol"]["https"]["certificate_arn"].as_str()?))
        })
        .collect();
    let checks = certificates.into_iter().map(async |(location, arn)| {
        let finding = |verdict, detail: String| Finding::new(CHECK, place(&location), verdict, detail);
        let call = subject.reads.cloud.clients(&location).0.acm.describe_certificate().certificate_arn(arn).send();
        match reader(subject, &location).read("acm:DescribeCertificate", call).await {
            Ok(answer) => {
                let certificate = answer.certificate.unwrap_or_else(|| CertificateDetail::builder().build());
                let (verdict, detail, remedy) = judge(arn, &certificate, subject);
                let found = finding(verdict, detail);
                vec![if let Some(remedy) = remedy { found.remedy(remedy) } else { found }]
            }
            Err(error) if error.is_code("ResourceNotFoundException") => {
                vec![
                    finding(Verdict::Fail, format!("{arn} does not exist"))
                        .remedy("set `service.certificate_arn` to a certificate of this account and region"),
                ]
            }
            Err(error) => vec![finding(Verdict::Unchecked, format!("{arn}: {}", describe(&error)))],
        }
    });
    join_all(checks).await.into_iter().flatten().collect()
}

/// Returns whether the listener is created or changed.
fn is_sent(action: &Action) -> bool {
    matches!(action, Action::Create | Action::Resume { .. } | Action::Update { .. } | Action::Replace { .. })
}

/// Returns the result for a certificate that exists, what was found, and what to do about it.
fn judge(arn: &str, certificate: &CertificateDetail, subject: &Subject<'_>) -> (Verdict, String, Option<String>) {
    let status = certificate.status();
    if status != Some(&CertificateStatus::Issued) {
        let status = status.map_or("without a status", CertificateStatus::as_str);
        let remedy = match status {
            "PENDING_VALIDATION" => "create the records that AWS Certificate Manager asks for, and wait for `ISSUED`",
            _ => "request or import another certificate, and set `service.certificate_arn`",
        };
        return (
            Verdict::Fail,
            format!("{arn} is {status}: a load balancer takes only what is issued"),
            Some(remedy.into()),
        );
    }
    let names = || certificate.subject_alternative_names().iter().map(String::as_str).chain(certificate.domain_name());
    if let Some(name) = subject.served_name.filter(|name| !names().any(|pattern| covers(pattern, name))) {
        let listed = names().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
        let detail = format!("{arn} is for {listed}, and clients use {name}: they would refuse the connection");
        return (Verdict::Warn, detail, Some("use a certificate for that name".into()));
    }
    let days_left = certificate.not_after().map(|at| (at.secs() - subject.reads.cloud.unix_now()) / DAY);
    match days_left {
        Some(days) if days < SOON => {
            let detail = format!("{arn} expires in {days} days");
            (Verdict::Warn, detail, Some("renew it; what was imported is not renewed by AWS".into()))
        }
        _ => (Verdict::Pass, format!("{arn} is issued"), None),
    }
}

/// Returns whether a name of a certificate is for a host. `*` stands for one label ("Wildcard names", AWS Certificate
/// Manager User Guide).
fn covers(pattern: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers("*.example.com", "API.example.com.") && covers("api.example.com", "api.Example.com"));
        assert!(!covers("*.example.com", "example.com") && !covers("*.example.com", "a.b.example.com"));
        assert!(!covers("example.com", "api.example.com"));
    }
}
