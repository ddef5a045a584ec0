//! A DB parameter group with the parameters that differ from the engine's defaults.
//!
//! All values are set with the method `pending-reboot`, which RDS takes for dynamic and static parameters alike. A database
//! that is created with the group has them from its first start; one that runs already gets changed values with its next reboot.
//! Family and description are fixed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use serde::{Deserialize, Serialize};

use super::{tagging, users};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, judge, kept};

/// "A maximum of 20 parameters can be modified in a single request" (ModifyDBParameterGroup; ResetDBParameterGroup says the same).
const A_CALL: usize = 20;
/// How long RDS may be busy with the group, in seconds.
const BUSY_SECONDS: u64 = 300;

/// The specification of a DB parameter group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbParameterGroup {
    /// Its name, in lower case.
    pub name: String,
    /// The engine and its major version, for example `postgres16`.
    pub family: String,
    /// What it is for.
    pub description: String,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
}

/// What is known of a DB parameter group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbParameterGroupAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The parameters that have been set.
    pub parameters: BTreeMap<String, String>,
    /// The tags that this tool sets.
    pub tags: Tags,
    /// The engine and its major version, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// What it is for, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Handle<DbParameterGroup> {
    /// The group's name. It is given out once the parameters are in place, so that a database created with the group
    /// starts with them.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }
}

#[async_trait]
impl Resource for DbParameterGroup {
    const KIND: &'static str = "rds.db_parameter_group";
    const ABOUT: About = About {
        summary: "the engine settings of a database",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "rds:CreateDBParameterGroup",
            "rds:DescribeDBParameterGroups",
            "rds:DescribeDBParameters",
            "rds:ModifyDBParameterGroup",
            "rds:ResetDBParameterGroup",
            "rds:DeleteDBParameterGroup",
            "rds:ListTagsForResource",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            "rds:DescribeDBInstances",
        ],
        creates: &["rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"],
        changes: &["rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        deletes: &["rds:DeleteDBParameterGroup"],
        immutable: &["name", "family", "description"],
        tagged: true,
        blocked_by: "database instances that use it",
        unique: &[&["name"]],
        restarts: &[("parameters", STATIC)],
        ..About::PLAIN
    };
    type Attrs = DbParameterGroupAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&DbParameterGroupAttrs>) -> Result<Observed<DbParameterGroupAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let call = cx.aws.rds.describe_db_parameter_groups().db_parameter_group_name(name).send();
        let found = settled(cx.read("rds:DescribeDBParameterGroups", call).await, &["DBParameterGroupNotFound"])?;
        let Some(group) = found.and_then(|found| found.db_parameter_groups?.pop()) else { return Ok(Observed::Absent) };
        let arn = group.db_parameter_group_arn.unwrap_or_default();
        let tags = tagging::of(cx, &arn).await?;
        let parameters = parameters(cx, name).await?;
        let name = group.db_parameter_group_name.unwrap_or_default();
        let attrs = || DbParameterGroupAttrs {
            name,
            arn: arn.clone(),
            parameters,
            tags: kept(cx, tags.clone()),
            family: group.db_parameter_group_family,
            description: group.description,
        };
        Ok(judge(cx, &tags, &arn, attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<DbParameterGroupAttrs>) -> Result<DbParameterGroupAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let differing = self.parameters.iter().filter(|(name, value)| attrs.parameters.get(*name) != Some(value));
        let changed: Vec<Parameter> = differing.map(|(name, value)| parameter(name).parameter_value(value).build()).collect();
        for some in changed.chunks(A_CALL) {
            let name = &attrs.name;
            send(some, |some| async move {
                let call = || cx.aws.rds.modify_db_parameter_group().db_parameter_group_name(name).set_parameters(Some(some.clone())).send();
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
        attrs.tags = tagging::bring(cx, &attrs.arn, attrs.tags).await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &DbParameterGroupAttrs) -> Result<()> {
        let uses = |instance: &aws_sdk_rds::types::DbInstance| {
            instance.db_parameter_groups().iter().any(|group| group.db_parameter_group_name() == Some(attrs.name.as_str()))
        };
        let call = || cx.aws.rds.delete_db_parameter_group().db_parameter_group_name(&attrs.name).send();
        users::delete_when_free(cx, &attrs.name, "InvalidDBParameterGroupState", uses, || async {
            settled(cx.mutate("rds:DeleteDBParameterGroup", call).await, &["DBParameterGroupNotFound"]).map(drop)
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &DbParameterGroupAttrs) -> Result<()> {
        tagging::bring(cx, &attrs.arn, attrs.tags.clone()).await.map(drop)
    }

    fn id(attrs: &DbParameterGroupAttrs) -> String {
        attrs.name.clone()
    }
}

impl DbParameterGroup {
    async fn create(&self, cx: &Cx) -> Result<DbParameterGroupAttrs> {
        let tags = tagging::sent(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.rds.create_db_parameter_group().db_parameter_group_name(&self.name).db_parameter_group_family(&self.family);
            call.description(&self.description).set_tags(Some(tags.clone())).send()
        };
        let made = cx.mutate("rds:CreateDBParameterGroup", call).await?;
        let group = made.db_parameter_group.ok_or(Error::Incomplete { call: "rds:CreateDBParameterGroup", what: "the group" })?;
        Ok(DbParameterGroupAttrs {
            name: group.db_parameter_group_name.unwrap_or_default(),
            arn: group.db_parameter_group_arn.unwrap_or_default(),
            parameters: BTreeMap::new(),
            tags: cx.identity.all_tags(),
            family: Some(self.family.clone()),
            description: Some(self.description.clone()),
        })
    }
}

/// Static parameters that people set. "You can use `pending-reboot` for both dynamic and static parameters" (ModifyDBParameterGroup);
/// of others AWS says itself that they are static.
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

/// All of them when the database restarts, whatever they are.
fn with_the_restart(parameters: &[Parameter]) -> Vec<Parameter> {
    let later = |parameter: &Parameter| {
        let later = Parameter::builder().set_parameter_name(parameter.parameter_name.clone()).set_parameter_value(parameter.parameter_value.clone());
        later.apply_method(ApplyMethod::PendingReboot).build()
    };
    parameters.iter().map(later).collect()
}

/// Sends parameters; when one of them turns out to be static, all of them wait for the restart.
async fn send<Fut: Future<Output = Result<()>> + Send>(parameters: &[Parameter], change: impl Fn(Vec<Parameter>) -> Fut + Send) -> Result<()> {
    match change(parameters.to_vec()).await {
        // "InvalidParameterCombination: cannot use immediate apply method for static parameter"
        Err(error) if error.is_code("InvalidParameterCombination") => change(with_the_restart(parameters)).await,
        other => other,
    }
}

/// RDS refuses changes of a group while an instance that uses it is created or changed.
async fn when_idle<Fut: Future<Output = Result<()>> + Send>(cx: &Cx, change: impl Fn() -> Fut + Send) -> Result<()> {
    cx.retry("the parameter group to be free for a change", &["InvalidDBParameterGroupState"], BUSY_SECONDS, change).await
}

/// The parameters that somebody has set, as opposed to the engine's defaults.
async fn parameters(cx: &Cx, group: &str) -> Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut marker = None;
    loop {
        let call = cx.aws.rds.describe_db_parameters().db_parameter_group_name(group).source("user").set_marker(marker).send();
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
