//! A dashboard. Its name belongs to the account, not to a region. It shows metrics of the region of the resource.
//!
//! PutDashboard creates or overwrites. So the owner of an existing dashboard is checked first.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use super::widgets::{Widget, body};
use crate::ownership::{classify, missing_tags};
use infra_base::address::Region;
use infra_core::resource::{Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a dashboard.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "cloudwatch.dashboard",
    summary = "a dashboard of metrics",
    repeat = "setting",
    arns("cloudwatch:dashboard/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::CloudWatch,
    reads("cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource", "tag:GetResources"),
    creates("cloudwatch:PutDashboard"),
    updates("cloudwatch:PutDashboard"),
    deletes("cloudwatch:DeleteDashboards"),
)]
pub struct Dashboard {
    /// Its name: letters, digits, `-` and `_`.
    #[immutable]
    #[unique]
    pub name: String,
    /// Its diagrams, row by row.
    #[weak_ref]
    pub widgets: Vec<Widget>,
}

/// What is known of a dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct DashboardAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its address in the console.
    #[computed]
    #[output(created)]
    pub url: String,
    /// Its metrics.
    pub body: Value,
}

#[async_trait]
impl Resource for Dashboard {
    async fn observe(&self, cx: &StepContext, _known: Option<&DashboardAttrs>) -> Result<Observed<DashboardAttrs>> {
        let call = cx.aws.cloudwatch.get_dashboard().dashboard_name(&self.name).send();
        let Some(found) = ignore_codes(cx.read("cloudwatch:GetDashboard", call).await, &["ResourceNotFound"])? else {
            return Ok(Observed::Absent);
        };
        let tags = tagging::list(cx, &self.arn(cx)).await?.unwrap_or_default();
        let body = found.dashboard_body().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let attrs = || DashboardAttrs { name: self.name.clone(), url: url(&cx.region, &self.name), body };
        Ok(classify(cx, &tags, &self.name, attrs))
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<DashboardAttrs>) -> Result<DashboardAttrs> {
        let wanted = body(&self.widgets, cx.region.as_str())?;
        match seen {
            Some(attrs) if attrs.body == wanted => Ok(attrs),
            Some(attrs) => {
                self.put(cx, &wanted).await?;
                Ok(DashboardAttrs { body: wanted, ..attrs })
            }
            None => {
                self.put(cx, &wanted).await?;
                let attrs = DashboardAttrs { name: self.name.clone(), url: url(&cx.region, &self.name), body: wanted };
                // Some emulators ignore the tags in this call.
                let tags = tagging::list(cx, &self.arn(cx)).await?.unwrap_or_default();
                if !missing_tags(cx, &tags).is_empty() {
                    self.retag(cx, &attrs).await?;
                }
                Ok(attrs)
            }
        }
    }

    async fn delete(&self, cx: &StepContext, attrs: &DashboardAttrs) -> Result<()> {
        let call = || cx.aws.cloudwatch.delete_dashboards().dashboard_names(&attrs.name).send();
        let delete = || cx.mutate("cloudwatch:DeleteDashboards", call);
        let deleted = cx.retry("CloudWatch to finish an earlier change", &["ConflictException"], 30, delete).await;
        ignore_codes(deleted, &["ResourceNotFound"]).map(drop)
    }

    fn tag_target(&self, cx: &StepContext, _attrs: &DashboardAttrs) -> String {
        self.arn(cx)
    }

    /// The name is unique across regions, and a deletion in one region deletes the dashboard. So the old one must be
    /// deleted first.
    fn global_names(&self, _region: &Region) -> Vec<String> {
        vec![format!("dashboard {}", self.name)]
    }
}

impl Dashboard {
    fn arn(&self, cx: &StepContext) -> String {
        format!("arn:{}:cloudwatch::{}:dashboard/{}", cx.region.partition(), cx.account, self.name)
    }

    async fn put(&self, cx: &StepContext, body: &Value) -> Result<()> {
        let (text, tags) = (body.to_string(), tagging::to_sdk(cx.identity.all_tags()));
        // CloudWatch ignores the tags when the dashboard exists.
        let call = || {
            cx.aws
                .cloudwatch
                .put_dashboard()
                .dashboard_name(&self.name)
                .dashboard_body(&text)
                .set_tags(Some(tags.clone()))
                .send()
        };
        let put = || cx.mutate("cloudwatch:PutDashboard", call);
        let answer = cx.retry("CloudWatch to finish an earlier change", &["ConflictException"], 30, put).await?;
        // "If this result includes only warning messages, then the input was valid enough for the dashboard to be
        // created."
        for message in answer.dashboard_validation_messages() {
            cx.notice(format!("CloudWatch on dashboard `{}`: {}", self.name, message.message().unwrap_or_default()));
        }
        Ok(())
    }
}

/// Returns the address of a dashboard in the console.
fn url(region: &Region, name: &str) -> String {
    let console = match region.partition() {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}")
}
