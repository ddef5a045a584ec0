//! Instance classes and versions that a region does not offer at all.
//!
//! Which zones offer them is asked by the kinds themselves; if no zone does, they leave the answer to the service.

use std::collections::BTreeSet;

use futures::future::join_all;
use infra_core::plan::Step;
use infra_kinds::ec2::{DatabaseOffer, database_options, replication_options};

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let text = |step: &Step, input: &str| step.spec[input].as_str().unwrap_or_default().to_owned();
    let mut wanted = BTreeSet::new();
    for step in subject.plan.steps.iter().filter(|step| step.action.creates()) {
        let (class, version) = (text(step, "instance_class"), text(step, "engine_version"));
        match step.kind.as_str() {
            "rds.db_instance" => wanted.insert((step.location(), text(step, "engine"), version, class)),
            "dms.replication_instance" => wanted.insert((step.location(), "dms".to_owned(), version, class)),
            _ => false,
        };
    }
    join_all(wanted.into_iter().map(|(location, engine, version, class)| async move {
        let cx = reader(subject, &location);
        let what = format!("{engine} {version} on {class}");
        let offered = match engine.as_str() {
            "dms" => replication_options(&cx, &class).await.map(|options| !options.is_empty()),
            _ => {
                let wanted = DatabaseOffer { engine, version, class };
                database_options(&cx, &wanted).await.map(|options| !options.is_empty())
            }
        };
        match offered {
            Ok(true) => Finding::new("offerings", place(&location), Verdict::Pass, format!("{what} is offered")),
            Ok(false) => Finding::new("offerings", place(&location), Verdict::Fail, format!("no zone offers {what}"))
                .remedy("choose a class or a version that is offered, or another region"),
            Err(error) => Finding::new("offerings", place(&location), Verdict::Unchecked, format!("{what}: {error}")),
        }
    }))
    .await
}
