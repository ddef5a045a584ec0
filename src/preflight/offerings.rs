//! Instance classes and versions that a region does not offer at all.
//!
//! Which zones offer them is asked by the kinds themselves; if no zone does, they leave the answer to the service.

use std::collections::BTreeSet;

use futures::future::join_all;
use infra_core::plan::Step;
use infra_core::resource::{Result, StepContext};

use super::existing::reader;
use super::finding::{Finding, Verdict, place};
use super::quotas::creates;
use super::subject::Subject;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let text = |step: &Step, input: &str| step.spec[input].as_str().unwrap_or_default().to_owned();
    let mut wanted = BTreeSet::new();
    for step in subject.plan.steps.iter().filter(|step| creates(step)) {
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
            "dms" => replication(&cx, &class).await,
            _ => database(&cx, (&engine, &version), &class).await,
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

/// A version can be given by its first part.
async fn database(cx: &StepContext, (engine, version): (&str, &str), class: &str) -> Result<bool> {
    let options = cx
        .aws
        .rds
        .describe_orderable_db_instance_options()
        .engine(engine)
        .db_instance_class(class)
        .vpc(true)
        .into_paginator()
        .items()
        .send();
    let options =
        cx.read("rds:DescribeOrderableDBInstanceOptions", options.collect::<std::result::Result<Vec<_>, _>>()).await?;
    let fits = |offered: &str| version.is_empty() || offered == version || offered.starts_with(&format!("{version}."));
    Ok(options.iter().filter_map(|option| option.engine_version()).any(fits))
}

async fn replication(cx: &StepContext, class: &str) -> Result<bool> {
    let pages = cx.aws.dms.describe_orderable_replication_instances().into_paginator().send();
    let pages =
        cx.read("dms:DescribeOrderableReplicationInstances", pages.collect::<std::result::Result<Vec<_>, _>>()).await?;
    let mut all = pages.iter().flat_map(|page| page.orderable_replication_instances.iter().flatten());
    Ok(all.any(|one| one.replication_instance_class() == Some(class)))
}
