//! A DB parameter group with the parameters that differ from the engine's defaults.
//!
//! Static parameters take effect at the next restart of a database; a new database has them from its first start.
//! Family and description cannot be changed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use serde::{Deserialize, Serialize};

use super::group_deletion::delete_when_free;
use super::tagging;
use crate::ownership::classify;
use infra_base::address::Arn;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// "A maximum of 20 parameters can be modified in a single request" (ModifyDBParameterGroup; ResetDBParameterGroup says
/// the same).
const A_CALL: usize = 20;
/// How long RDS can be busy with the group, in seconds.
const BUSY_SECONDS: u64 = 300;

/// The specification of a DB parameter group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "rds.db_parameter_group",
    summary = "the engine settings of a database",
    repeat = "name",
    arns("rds:pg:"),
    create_seconds = 2,
    delete_seconds = 1,
    tagger = tagging::Rds,
    delete_blockers = "database instances that use it",
    reads(
        "rds:DescribeDBParameterGroups",
        "rds:DescribeDBParameters",
        "rds:ListTagsForResource",
        "rds:DescribeDBInstances",
        "tag:GetResources",
    ),
    creates("rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"),
    updates("rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup"),
    deletes("rds:DeleteDBParameterGroup"),
)]
pub struct DbParameterGroup {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub name: String,
    /// The engine and its major version, for example `postgres16`.
    #[immutable]
    pub family: String,
    /// What it is for.
    #[immutable]
    pub description: String,
    /// Parameters by name.
    #[static_keys(STATIC)]
    pub parameters: BTreeMap<String, String>,
}

/// What is known of a DB parameter group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct DbParameterGroupAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[tag_target]
    pub arn: String,
    /// The parameters that have been set.
    pub parameters: BTreeMap<String, String>,
    /// The engine and its major version, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// What it is for, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

#[async_trait]
impl Resource for DbParameterGroup {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&DbParameterGroupAttrs>,
    ) -> Result<Observed<DbParameterGroupAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let call = cx.aws.rds.describe_db_parameter_groups().db_parameter_group_name(name).send();
        let found = ignore_codes(cx.read("rds:DescribeDBParameterGroups", call).await, &["DBParameterGroupNotFound"])?;
        let Some(group) = found.and_then(|found| found.db_parameter_groups?.pop()) else { return Ok(Observed::Absent) };
        let arn = group.db_parameter_group_arn.unwrap_or_default();
        let tags = tagging::list(cx, &arn).await?;
        let parameters = parameters(cx, name).await?;
        let name = group.db_parameter_group_name.unwrap_or_default();
        let attrs = || DbParameterGroupAttrs {
            name,
            arn: arn.clone(),
            parameters,
            family: group.db_parameter_group_family,
            description: group.description,
        };
        Ok(classify(cx, &tags, &arn, attrs))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(name) = arn.id_after("rds:pg:") else { return Ok(true) };
        let call = cx.aws.rds.describe_db_parameter_groups().db_parameter_group_name(name).send();
        Ok(ignore_codes(cx.read("rds:DescribeDBParameterGroups", call).await, &["DBParameterGroupNotFound"])?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<DbParameterGroupAttrs>) -> Result<DbParameterGroupAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let differing = self.parameters.iter().filter(|(name, value)| attrs.parameters.get(*name) != Some(value));
        let changed: Vec<Parameter> =
            differing.map(|(name, value)| parameter(name).parameter_value(value).build()).collect();
        for some in changed.chunks(A_CALL) {
            let name = &attrs.name;
            send(some, |some| async move {
                let call = || {
                    cx.aws
                        .rds
                        .modify_db_parameter_group()
                        .db_parameter_group_name(name)
                        .set_parameters(Some(some.clone()))
                        .send()
                };
                when_idle(cx, || async { cx.mutate("rds:ModifyDBParameterGroup", call).await.map(drop) }).await
            })
            .await?;
        }
        let surplus = attrs.parameters.keys().filter(|name| !self.parameters.contains_key(*name));
        let surplus: Vec<Parameter> = surplus.map(|name| parameter(name).build()).collect();
        for some in surplus.chunks(A_CALL) {
            let name = &attrs.name;
            send(some, |some| async move {
                let call = || {
                    let call = cx.aws.rds.reset_db_parameter_group().db_parameter_group_name(name);
                    call.reset_all_parameters(false).set_parameters(Some(some.clone())).send()
                };
                when_idle(cx, || async { cx.mutate("rds:ResetDBParameterGroup", call).await.map(drop) }).await
            })
            .await?;
        }
        attrs.parameters.clone_from(&self.parameters);
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &DbParameterGroupAttrs) -> Result<()> {
        let uses = |instance: &aws_sdk_rds::types::DbInstance| {
            instance
                .db_parameter_groups()
                .iter()
                .any(|group| group.db_parameter_group_name() == Some(attrs.name.as_str()))
        };
        let call = || cx.aws.rds.delete_db_parameter_group().db_parameter_group_name(&attrs.name).send();
        delete_when_free(cx, &attrs.name, "InvalidDBParameterGroupState", uses, || async {
            ignore_codes(cx.mutate("rds:DeleteDBParameterGroup", call).await, &["DBParameterGroupNotFound"]).map(drop)
        })
        .await
    }
}

impl DbParameterGroup {
    async fn create(&self, cx: &StepContext) -> Result<DbParameterGroupAttrs> {
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx
                .aws
                .rds
                .create_db_parameter_group()
                .db_parameter_group_name(&self.name)
                .db_parameter_group_family(&self.family);
            call.description(&self.description).set_tags(Some(tags.clone())).send()
        };
        let created = cx.mutate("rds:CreateDBParameterGroup", call).await?;
        let group = created
            .db_parameter_group
            .ok_or(Error::MissingField { call: "rds:CreateDBParameterGroup", what: "the group" })?;
        Ok(DbParameterGroupAttrs {
            name: group.db_parameter_group_name.unwrap_or_default(),
            arn: group.db_parameter_group_arn.unwrap_or_default(),
            parameters: BTreeMap::new(),
            family: Some(self.family.clone()),
            description: Some(self.description.clone()),
        })
    }
}

/// Common static parameters. "You can use `pending-reboot` for both dynamic and static parameters"
/// (ModifyDBParameterGroup); AWS reports itself whether another one is static.
const STATIC: &[&str] = &[
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "huge_pages",
    "max_connections",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "rds.logical_replication",
    "shared_buffers",
    "shared_preload_libraries",
    "track_activity_query_size",
    "wal_buffers",
];

fn parameter(name: &str) -> aws_sdk_rds::types::builders::ParameterBuilder {
    let method = if STATIC.contains(&name) { ApplyMethod::PendingReboot } else { ApplyMethod::Immediate };
    Parameter::builder().parameter_name(name).apply_method(method)
}

/// Returns the parameters with the method `pending-reboot`.
fn with_the_restart(parameters: &[Parameter]) -> Vec<Parameter> {
    let later = |parameter: &Parameter| {
        let later = Parameter::builder()
            .set_parameter_name(parameter.parameter_name.clone())
            .set_parameter_value(parameter.parameter_value.clone());
        later.apply_method(ApplyMethod::PendingReboot).build()
    };
    parameters.iter().map(later).collect()
}

/// Sends parameters. When one of them is static, all of them wait for the restart.
async fn send<Fut: Future<Output = Result<()>> + Send>(
    parameters: &[Parameter],
    change: impl Fn(Vec<Parameter>) -> Fut + Send,
) -> Result<()> {
    match change(parameters.to_vec()).await {
        // "InvalidParameterCombination: cannot use immediate apply method for static parameter"
        Err(error) if error.is_code("InvalidParameterCombination") => change(with_the_restart(parameters)).await,
        other => other,
    }
}

/// Repeats a change that RDS refuses while an instance of the group is created or changed.
async fn when_idle<Fut: Future<Output = Result<()>> + Send>(
    cx: &StepContext,
    change: impl Fn() -> Fut + Send,
) -> Result<()> {
    cx.retry("the parameter group to be free for a change", &["InvalidDBParameterGroupState"], BUSY_SECONDS, change)
        .await
}

/// Returns the parameters that are set, without the defaults of the engine.
async fn parameters(cx: &StepContext, group: &str) -> Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut marker = None;
    loop {
        let call =
            cx.aws.rds.describe_db_parameters().db_parameter_group_name(group).source("user").set_marker(marker).send();
        let page = cx.read("rds:DescribeDBParameters", call).await?;
        for parameter in page.parameters.unwrap_or_default() {
            if let (Some(name), Some(value)) = (parameter.parameter_name, parameter.parameter_value) {
                parameters.insert(name, value);
            }
        }
        marker = page.marker;
        if marker.is_none() {
            return Ok(parameters);
        }
    }
}
