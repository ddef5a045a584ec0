//! An endpoint: one of the two databases of a replication. Its credentials are read from Secrets Manager by DMS itself; host and
//! password are never given here, since DMS refuses both ways at once.

use async_trait::async_trait;
use aws_sdk_databasemigration::types::{DmsSslModeValue, Endpoint as Shown, PostgreSqlSettings, ReplicationEndpointTypeValue};
use serde::{Deserialize, Serialize};

use super::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS, filter, tagging};
use crate::address::Arn;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::judge;

/// Which end of a replication it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointDirection {
    /// Data comes from here.
    Source,
    /// Data goes here.
    Target,
}

/// The specification of an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name, in lower case.
    pub identifier: String,
    /// Which end it is.
    pub direction: EndpointDirection,
    /// `postgres`
    pub engine: String,
    /// The database inside the instance.
    pub database_name: String,
    /// The secret with `username`, `password`, `host` and `port`, in the endpoint's region.
    pub secret: Input<Arn>,
    /// The role that DMS reads the secret with.
    pub access_role: Input<Arn>,
    /// `none`, `require`, `verify-ca` or `verify-full`.
    pub ssl_mode: String,
    /// A key of the customer's own for what DMS keeps of the endpoint; the key `aws/dms` without.
    pub kms_key: Option<String>,
    /// Makes it wait for what the role may do.
    pub permission: Input<String>,
    /// Makes it wait for the content of the secret.
    pub content: Input<String>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointAttrs {
    pub identifier: String,
    pub arn: Arn,
    pub database_name: String,
    pub secret: String,
    pub access_role: String,
    pub ssl_mode: String,
    /// Which end it is, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The engine, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The key that it is encrypted with, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Handle<Endpoint> {
    /// The endpoint's name.
    pub fn identifier(&self) -> Input<String> {
        self.created("identifier")
    }

    /// The endpoint's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The endpoint's ARN, once tasks can use it.
    pub fn usable_arn(&self) -> Input<Arn> {
        self.ready("arn")
    }
}

#[async_trait]
impl Resource for Endpoint {
    const KIND: &'static str = "dms.endpoint";
    const ABOUT: About = About {
        summary: "a database of a replication",
        create_seconds: 3,
        ready_seconds: 5,
        delete_seconds: 5,
        operations: &[
            "dms:CreateEndpoint",
            "dms:DescribeEndpoints",
            "dms:ModifyEndpoint",
            "dms:ListTagsForResource",
            "dms:AddTagsToResource",
            "dms:RemoveTagsFromResource",
            "dms:DeleteEndpoint",
            // "The caller needs iam:GetRole and iam:PassRole on the role, and DescribeSecret" ("Using secrets to access endpoints").
            "iam:PassRole",
        ],
        creates: &["dms:CreateEndpoint"],
        changes: &["dms:ModifyEndpoint", "dms:AddTagsToResource", "dms:RemoveTagsFromResource"],
        deletes: &["dms:DeleteEndpoint"],
        immutable: &["identifier", "direction", "engine", "kms_key"],
        tagged: true,
        blocked_by: "replication tasks that use it",
        unique: &[&["identifier"]],
        mentions: &["secret", "access_role"],
        waits_for: &["permission", "content"],
        ..About::PLAIN
    };
    type Attrs = EndpointAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&EndpointAttrs>) -> Result<Observed<EndpointAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(shown) = look(cx, identifier).await? else { return Ok(Observed::Absent) };
        let attrs = attrs_of(&shown);
        let Some(tags) = tagging::of(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let judged = judge(cx, &tags, identifier, || attrs);
        if matches!(judged, Observed::Ours(_)) && shown.status() == Some("deleting") {
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(judged)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<EndpointAttrs>) -> Result<EndpointAttrs> {
        let (secret, role) = (self.secret.get()?, self.access_role.get()?);
        let ssl_mode = DmsSslModeValue::from(self.ssl_mode.as_str());
        let settings = PostgreSqlSettings::builder().database_name(&self.database_name).secrets_manager_secret_id(secret.as_str());
        let settings = settings.secrets_manager_access_role_arn(role.as_str()).build();
        let Some(attrs) = seen else {
            let direction = match self.direction {
                EndpointDirection::Source => ReplicationEndpointTypeValue::Source,
                EndpointDirection::Target => ReplicationEndpointTypeValue::Target,
            };
            let tags = tagging::sent(cx.identity.all_tags());
            let call = || {
                let call = cx.aws.dms.create_endpoint().endpoint_identifier(&self.identifier).endpoint_type(direction.clone());
                let call = call.engine_name(&self.engine).ssl_mode(ssl_mode.clone()).postgre_sql_settings(settings.clone());
                call.set_kms_key_id(self.kms_key.clone()).set_tags(Some(tags.clone())).send()
            };
            let why = "DMS to be able to use the role that reads the secret";
            let made = cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateEndpoint", call)).await?;
            let shown = made.endpoint.ok_or(Error::Incomplete { call: "dms:CreateEndpoint", what: "the endpoint" })?;
            return Ok(attrs_of(&shown));
        };
        let wanted = EndpointAttrs {
            database_name: self.database_name.clone(),
            secret: secret.0.clone(),
            access_role: role.0.clone(),
            ssl_mode: self.ssl_mode.clone(),
            ..attrs.clone()
        };
        if attrs != wanted {
            let call = || {
                let call = cx.aws.dms.modify_endpoint().endpoint_arn(attrs.arn.as_str()).engine_name(&self.engine);
                call.ssl_mode(ssl_mode.clone()).postgre_sql_settings(settings.clone()).send()
            };
            let passing = [ROLE, BUSY].concat();
            cx.retry("DMS to take the change", &passing, ROLE_SECONDS, || cx.mutate("dms:ModifyEndpoint", call)).await?;
        }
        Ok(wanted)
    }

    async fn ready(&self, cx: &Cx, attrs: EndpointAttrs) -> Result<EndpointAttrs> {
        cx.wait(Wait::new(format!("endpoint {} to become active", attrs.identifier), 2, 10 * 60), || async {
            let Some(shown) = look(cx, &attrs.identifier).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            Ok(match shown.status().unwrap_or("unknown") {
                "active" => Progress::Reached(()),
                status @ ("failed" | "deleting") => Progress::Failed { status: status.to_owned(), reason: None },
                status => Progress::Pending(status.to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &EndpointAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_endpoint().endpoint_arn(attrs.arn.as_str()).send();
        let delete = || async {
            match look(cx, &attrs.identifier).await?.as_ref().and_then(Shown::status) {
                None | Some("deleting") => Ok(()),
                Some(_) => settled(cx.mutate("dms:DeleteEndpoint", call).await, NOT_FOUND).map(drop),
            }
        };
        cx.retry("the replication task to let go of the endpoint", BUSY, BUSY_SECONDS, delete).await?;
        wait_gone(cx, &attrs.identifier).await
    }

    async fn retag(&self, cx: &Cx, attrs: &EndpointAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn id(attrs: &EndpointAttrs) -> String {
        attrs.identifier.clone()
    }
}

fn attrs_of(shown: &Shown) -> EndpointAttrs {
    let settings = shown.postgre_sql_settings();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    EndpointAttrs {
        identifier: text(shown.endpoint_identifier()),
        arn: shown.endpoint_arn().unwrap_or_default().into(),
        database_name: text(settings.and_then(PostgreSqlSettings::database_name).or(shown.database_name())),
        secret: text(settings.and_then(PostgreSqlSettings::secrets_manager_secret_id)),
        access_role: text(settings.and_then(PostgreSqlSettings::secrets_manager_access_role_arn)),
        ssl_mode: text(shown.ssl_mode().map(DmsSslModeValue::as_str)),
        // AWS writes it in either case.
        direction: shown.endpoint_type().map(|direction| direction.as_str().to_lowercase()),
        engine: shown.engine_name().map(str::to_owned),
        kms_key: shown.kms_key_id().map(str::to_owned),
    }
}

async fn look(cx: &Cx, identifier: &str) -> Result<Option<Shown>> {
    let call = cx.aws.dms.describe_endpoints().filters(filter("endpoint-id", identifier)?).send();
    let found = settled(cx.read("dms:DescribeEndpoints", call).await, NOT_FOUND)?;
    let shown = found.and_then(|found| found.endpoints).unwrap_or_default();
    Ok(shown.into_iter().find(|one| one.endpoint_identifier() == Some(identifier)))
}

async fn wait_gone(cx: &Cx, identifier: &str) -> Result<()> {
    cx.wait(Wait::new(format!("endpoint {identifier} to be gone"), 3, 10 * 60), || async {
        Ok(match look(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(shown) => Progress::Pending(shown.status().unwrap_or("unknown").to_owned()),
        })
    })
    .await
}
