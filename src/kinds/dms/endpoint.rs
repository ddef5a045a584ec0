//! An endpoint: one of the two databases of a replication. DMS reads its credentials from Secrets Manager. Host and
//! password are never given here, because DMS refuses both ways at once.
//!
//! DMS refuses to change an endpoint while a task that uses it runs. The kind does not stop the task: it says so.

use async_trait::async_trait;
use aws_sdk_databasemigration::types::{
    DmsSslModeValue, Endpoint as Description, Filter, PluginNameValue, PostgreSqlSettings, ReplicationEndpointTypeValue,
};
use serde::{Deserialize, Serialize};

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS};
use super::filter::{filter, filter_any};
use super::tagging;
use super::task_status::AT_REST;
use crate::ownership::classify;
use crate::tag_index;
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// What DMS may show if no plug-in was chosen.
const DEFAULT_PLUGINS: [&str; 2] = ["pglogical", "no-preference"];

/// The side of a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointDirection {
    /// The source of the data.
    Source,
    /// The target of the data.
    Target,
}

/// The specification of an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.endpoint",
    summary = "a database of a replication",
    repeat = "name",
    arns("dms:endpoint:"),
    create_seconds = 3,
    ready_seconds = 5,
    delete_seconds = 5,
    tagger = tagging::Dms,
    delete_blockers = "replication tasks that use it",
    reads("dms:DescribeEndpoints", "dms:DescribeReplicationTasks", "dms:ListTagsForResource", "tag:GetResources"),
    creates("dms:CreateEndpoint"),
    updates("dms:ModifyEndpoint"),
    deletes("dms:DeleteEndpoint"),
    // "The caller needs iam:GetRole and iam:PassRole on the role, and DescribeSecret" ("Using secrets to access
    // endpoints").
    permissions("iam:PassRole"),
)]
pub struct Endpoint {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub identifier: String,
    /// Its side.
    #[immutable]
    pub direction: EndpointDirection,
    /// `postgres`
    #[immutable]
    pub engine: String,
    /// The database inside the instance.
    pub database_name: String,
    /// The secret with `username`, `password`, `host` and `port`, in the endpoint's region.
    #[weak_ref]
    pub secret: Input<Arn>,
    /// The role with which DMS reads the secret.
    #[weak_ref]
    pub access_role: Input<Arn>,
    /// `none`, `require`, `verify-ca` or `verify-full`. The last two require a certificate.
    pub ssl_mode: String,
    /// The certificates of the authorities that sign the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Input<Arn>>,
    /// A customer-managed key that encrypts the endpoint. Without one, DMS uses the key `aws/dms`.
    #[immutable]
    pub kms_key: Option<String>,
    /// Statements, separated by semicolons, that DMS runs in each session that it opens in the database
    /// (`AfterConnectScript`).
    pub after_connect_script: Option<String>,
    /// Whether a LOB above the limit of the task fails the task, instead of being truncated
    /// (`FailTasksOnLobTruncation`).
    #[serde(default)]
    pub fail_on_lob_truncation: bool,
    /// Settings that the API has no fields for, as `name=value`, separated by semicolons.
    #[serde(default)]
    pub extra_connection_attributes: Option<String>,
    /// The logical slot that a change-only task reads (`SlotName`). It must exist when the task starts.
    pub slot_name: Option<String>,
    /// The plug-in of that slot, if it is not `pglogical`, the default (`PluginName`).
    pub plugin_name: Option<String>,
    /// Whether DMS creates a table and an event trigger in a source to replicate statements about tables
    /// (`CaptureDdls`).
    #[serde(default = "yes")]
    pub capture_ddls: bool,
    /// Delays it until the role has its permissions.
    #[order_only]
    pub permission: Input<String>,
    /// Delays it until the secret has its content.
    #[order_only]
    pub content: Input<String>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct EndpointAttrs {
    #[id]
    #[output(created, doc = "The endpoint's name.")]
    pub identifier: String,
    #[tag_target]
    #[output(created, doc = "The endpoint's ARN.")]
    #[output(ready, name = "usable_arn", doc = "The endpoint's ARN, once tasks can use it.")]
    pub arn: Arn,
    pub database_name: String,
    pub secret: String,
    pub access_role: String,
    pub ssl_mode: String,
    /// The ARN of the certificates, if it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    #[serde(default)]
    pub after_connect_script: Option<String>,
    #[serde(default)]
    pub fail_on_lob_truncation: bool,
    #[serde(default)]
    pub extra_connection_attributes: Option<String>,
    #[serde(default)]
    pub slot_name: Option<String>,
    #[serde(default)]
    pub plugin_name: Option<String>,
    #[serde(default = "yes")]
    pub capture_ddls: bool,
    /// Its side, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The engine, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The key that encrypts it, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

#[async_trait]
impl Resource for Endpoint {
    async fn observe(&self, cx: &StepContext, known: Option<&EndpointAttrs>) -> Result<Observed<EndpointAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(current) = describe(cx, identifier).await? else { return Ok(Observed::Absent) };
        let attrs = attrs_of(&current);
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let observed = classify(cx, &tags, identifier, || attrs);
        if matches!(observed, Observed::Ours(_)) && current.status() == Some("deleting") {
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(observed)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<EndpointAttrs>) -> Result<EndpointAttrs> {
        let (secret, role) = (self.secret.get()?, self.access_role.get()?);
        let certificate = self.certificate.as_ref().map(Input::get).transpose()?.map(|arn| arn.0.clone());
        let ssl_mode = DmsSslModeValue::from(self.ssl_mode.as_str());
        let settings = PostgreSqlSettings::builder()
            .database_name(&self.database_name)
            .secrets_manager_secret_id(secret.as_str())
            .secrets_manager_access_role_arn(role.as_str())
            .set_after_connect_script(self.after_connect_script.clone())
            .set_fail_tasks_on_lob_truncation(
                (self.fail_on_lob_truncation || seen.is_some()).then_some(self.fail_on_lob_truncation),
            )
            .set_slot_name(self.slot_name.clone())
            .set_plugin_name(self.plugin_name.as_deref().map(PluginNameValue::from))
            .set_capture_ddls((!self.capture_ddls || seen.is_some()).then_some(self.capture_ddls))
            .build();
        let Some(attrs) = seen else {
            let direction = match self.direction {
                EndpointDirection::Source => ReplicationEndpointTypeValue::Source,
                EndpointDirection::Target => ReplicationEndpointTypeValue::Target,
            };
            let tags = tagging::to_sdk(cx.identity.all_tags());
            let call = || {
                let call =
                    cx.aws.dms.create_endpoint().endpoint_identifier(&self.identifier).endpoint_type(direction.clone());
                let call =
                    call.engine_name(&self.engine).ssl_mode(ssl_mode.clone()).postgre_sql_settings(settings.clone());
                let call = call.set_extra_connection_attributes(self.extra_connection_attributes.clone());
                let call = call.set_certificate_arn(certificate.clone());
                call.set_kms_key_id(self.kms_key.clone()).set_tags(Some(tags.clone())).send()
            };
            let why = "DMS to be able to use the role that reads the secret";
            let created = cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateEndpoint", call)).await?;
            let current =
                created.endpoint.ok_or(Error::MissingField { call: "dms:CreateEndpoint", what: "the endpoint" })?;
            if current.status() == Some("active") {
                cx.record_usable();
            }
            return Ok(attrs_of(&current));
        };
        let wanted = EndpointAttrs {
            database_name: self.database_name.clone(),
            secret: secret.0.clone(),
            access_role: role.0.clone(),
            ssl_mode: self.ssl_mode.clone(),
            certificate: certificate.clone(),
            after_connect_script: self.after_connect_script.clone(),
            fail_on_lob_truncation: self.fail_on_lob_truncation,
            // DMS may show others as well, which it has derived.
            extra_connection_attributes: match &self.extra_connection_attributes {
                Some(wanted) if has_attributes(attrs.extra_connection_attributes.as_deref(), wanted) => {
                    attrs.extra_connection_attributes.clone()
                }
                wanted => wanted.clone(),
            },
            slot_name: self.slot_name.clone(),
            plugin_name: self.plugin_name.clone(),
            capture_ddls: self.capture_ddls,
            ..attrs.clone()
        };
        if attrs != wanted {
            must_be_idle(cx, &attrs).await?;
            // "If this attribute is N, the current call to ModifyEndpoint […] replaces any endpoint settings that
            // already exist with new values, for settings with the same names" (ModifyEndpoint, ExactSettings): others
            // stay.
            let exact = self.takes_away(&attrs).then_some(true);
            let call = || {
                let call = cx.aws.dms.modify_endpoint().endpoint_arn(attrs.arn.as_str()).engine_name(&self.engine);
                let call = call.ssl_mode(ssl_mode.clone()).postgre_sql_settings(settings.clone());
                // An empty text takes it away, as terraform-provider-aws does.
                let none = || attrs.certificate.is_some().then(String::new);
                let call = call.set_certificate_arn(certificate.clone().or_else(none));
                // "To reset this parameter, pass the empty string ("") as an argument" (ModifyEndpoint).
                let attributes = self.extra_connection_attributes.clone().unwrap_or_default();
                let call = call.extra_connection_attributes(attributes);
                call.set_exact_settings(exact).send()
            };
            let passing = [ROLE, BUSY].concat();
            cx.retry("DMS to accept the change", &passing, ROLE_SECONDS, || cx.mutate("dms:ModifyEndpoint", call))
                .await?;
        }
        Ok(wanted)
    }

    async fn ready(&self, cx: &StepContext, attrs: EndpointAttrs) -> Result<EndpointAttrs> {
        if cx.is_usable() {
            return Ok(attrs);
        }
        cx.wait(Wait::new(format!("endpoint {} to become active", attrs.identifier), 2, 10 * 60), || async {
            let Some(current) = describe(cx, &attrs.identifier).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            Ok(match current.status().unwrap_or("unknown") {
                "active" => Progress::Reached(()),
                status @ ("failed" | "deleting") => Progress::Failed { status: status.to_owned(), reason: None },
                status => Progress::Pending(status.to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &EndpointAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_endpoint().endpoint_arn(attrs.arn.as_str()).send();
        let delete = || async {
            match describe(cx, &attrs.identifier).await?.as_ref().and_then(Description::status) {
                None | Some("deleting") => Ok(()),
                Some(_) => ignore_codes(cx.mutate("dms:DeleteEndpoint", call).await, NOT_FOUND).map(drop),
            }
        };
        cx.retry("the replication task to release the endpoint", BUSY, BUSY_SECONDS, delete).await?;
        wait_gone(cx, &attrs.identifier).await
    }
}

impl Endpoint {
    /// Returns whether a setting of the endpoint is to go back to its default.
    fn takes_away(&self, attrs: &EndpointAttrs) -> bool {
        (attrs.after_connect_script.is_some() && self.after_connect_script.is_none())
            || (attrs.slot_name.is_some() && self.slot_name.is_none())
            || (attrs.plugin_name.is_some() && self.plugin_name.is_none())
    }
}

/// Returns whether all wanted attributes are among those that DMS shows, in any order and case.
fn has_attributes(shown: Option<&str>, wanted: &str) -> bool {
    let all = |text: &str| text.split(';').map(|one| one.trim().to_lowercase()).collect::<Vec<_>>();
    let shown = all(shown.unwrap_or_default());
    all(wanted).iter().all(|one| one.is_empty() || shown.contains(one))
}

/// The default of `CaptureDdls`.
fn yes() -> bool {
    true
}

/// Refuses to change an endpoint that a task uses now: DMS answers with InvalidResourceStateFault until the task is
/// stopped (hashicorp/terraform-provider-aws, issue 27661).
async fn must_be_idle(cx: &StepContext, attrs: &EndpointAttrs) -> Result<()> {
    let call = cx.aws.dms.describe_replication_tasks().filters(filter("endpoint-arn", attrs.arn.as_str())?);
    let call = call.without_settings(true).send();
    let found = ignore_codes(cx.read("dms:DescribeReplicationTasks", call).await, NOT_FOUND)?;
    let tasks = found.and_then(|found| found.replication_tasks).unwrap_or_default();
    // A task that is created or changed is at rest in a moment.
    let passing = ["creating", "modifying", "moving", "testing", "deleting"];
    let at_work = tasks.iter().find(|task| {
        let status = task.status().unwrap_or("unknown");
        !AT_REST.contains(&status) && !passing.contains(&status)
    });
    match at_work {
        None => Ok(()),
        Some(task) => Err(Error::Refused(format!(
            "DMS changes {} only while the task {} is stopped: run `replication stop`, then `up`, then `replication \
             start`",
            attrs.identifier,
            task.replication_task_identifier().unwrap_or_default()
        ))),
    }
}

fn attrs_of(current: &Description) -> EndpointAttrs {
    let settings = current.postgre_sql_settings();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    EndpointAttrs {
        identifier: text(current.endpoint_identifier()),
        arn: current.endpoint_arn().unwrap_or_default().into(),
        database_name: text(settings.and_then(PostgreSqlSettings::database_name).or(current.database_name())),
        secret: text(settings.and_then(PostgreSqlSettings::secrets_manager_secret_id)),
        access_role: text(settings.and_then(PostgreSqlSettings::secrets_manager_access_role_arn)),
        ssl_mode: text(current.ssl_mode().map(DmsSslModeValue::as_str)),
        certificate: given(current.certificate_arn()),
        after_connect_script: given(settings.and_then(PostgreSqlSettings::after_connect_script)),
        fail_on_lob_truncation: settings.and_then(PostgreSqlSettings::fail_tasks_on_lob_truncation).unwrap_or(false),
        extra_connection_attributes: given(current.extra_connection_attributes()),
        slot_name: given(settings.and_then(PostgreSqlSettings::slot_name)),
        plugin_name: given(settings.and_then(PostgreSqlSettings::plugin_name).map(PluginNameValue::as_str))
            .filter(|plugin| !DEFAULT_PLUGINS.contains(&plugin.as_str())),
        capture_ddls: settings.and_then(PostgreSqlSettings::capture_ddls).unwrap_or(true),
        // AWS spells it in upper or lower case.
        direction: current.endpoint_type().map(|direction| direction.as_str().to_lowercase()),
        engine: current.engine_name().map(str::to_owned),
        kms_key: current.kms_key_id().map(str::to_owned),
    }
}

async fn describe(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    let is_this = |one: &Description| one.endpoint_identifier() == Some(identifier);
    let of_stack = |arns| async move { list(cx, Some(filter_any("endpoint-arn", arns)?)).await };
    let listed = tag_index::described(cx, DESCRIBE, "dms:endpoint:", of_stack, is_this).await?;
    if listed.is_some() {
        return Ok(listed);
    }
    if let Some(all) = cx.listed_before(DESCRIBE, || list(cx, None)).await?
        && !all.iter().any(is_this)
    {
        return Ok(None);
    }
    let call = cx.aws.dms.describe_endpoints().filters(filter("endpoint-id", identifier)?).send();
    let found = ignore_codes(cx.read(DESCRIBE, call).await, NOT_FOUND)?;
    let current = found.and_then(|found| found.endpoints).unwrap_or_default();
    Ok(current.into_iter().find(is_this))
}

const DESCRIBE: &str = "dms:DescribeEndpoints";

/// Returns all endpoints in the region, or those that pass a filter.
async fn list(cx: &StepContext, filter: Option<Filter>) -> Result<Vec<Description>> {
    let filters = filter.map(|filter| vec![filter]);
    let pages = cx.aws.dms.describe_endpoints().set_filters(filters).into_paginator().send();
    let pages = ignore_codes(cx.read(DESCRIBE, pages.collect::<Result<Vec<_>, _>>()).await, NOT_FOUND)?;
    Ok(pages.unwrap_or_default().into_iter().flat_map(|page| page.endpoints.unwrap_or_default()).collect())
}

async fn wait_gone(cx: &StepContext, identifier: &str) -> Result<()> {
    cx.wait(Wait::new(format!("endpoint {identifier} to be deleted"), 3, 10 * 60), || async {
        Ok(match describe(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(current) => Progress::Pending(current.status().unwrap_or("unknown").to_owned()),
        })
    })
    .await
}
