//! A dashboard. Its name belongs to the account, not to a region; what it shows is of the region of the resource.
//!
//! PutDashboard creates or overwrites without asking, so whose a dashboard of that name is has to be found out before.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tagging;
use super::widgets::{Widget, body};
use crate::address::Region;
use crate::aws::partition;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{missing, other_owner};

/// The specification of a dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dashboard {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// Its diagrams, row by row.
    pub widgets: Vec<Widget>,
}

/// What is known of a dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DashboardAttrs {
    /// Its name.
    pub name: String,
    /// Where a person can look at it.
    pub url: String,
    /// What it shows.
    pub body: Value,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: BTreeMap<String, String>,
}

impl Handle<Dashboard> {
    /// The dashboard's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// Where a person can look at it.
    pub fn url(&self) -> Input<String> {
        self.created("url")
    }
}

#[async_trait]
impl Resource for Dashboard {
    const KIND: &'static str = "cloudwatch.dashboard";
    const ABOUT: About = About {
        summary: "a dashboard of metrics",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "cloudwatch:GetDashboard",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutDashboard",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
            "cloudwatch:DeleteDashboards",
        ],
        creates: &["cloudwatch:PutDashboard"],
        changes: &["cloudwatch:PutDashboard", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        deletes: &["cloudwatch:DeleteDashboards"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "nothing",
        unique: &[&["name"]],
        mentions: &["widgets"],
        computed: &["url"],
        ..About::PLAIN
    };
    type Attrs = DashboardAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&DashboardAttrs>) -> Result<Observed<DashboardAttrs>> {
        let call = cx.aws.cloudwatch.get_dashboard().dashboard_name(&self.name).send();
        let Some(found) = settled(cx.read("cloudwatch:GetDashboard", call).await, &["ResourceNotFound"])? else {
            return Ok(Observed::Absent);
        };
        let tags = tagging::of(cx, &self.arn(cx)).await?.unwrap_or_default();
        if let Some(owner) = other_owner(cx, &tags) {
            return Ok(Observed::Foreign { id: self.name.clone(), owner });
        }
        let body = found.dashboard_body().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        Ok(Observed::Ours(DashboardAttrs { name: self.name.clone(), url: url(&cx.region, &self.name), body, missing_tags: missing(cx, &tags) }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<DashboardAttrs>) -> Result<DashboardAttrs> {
        let wanted = body(&self.widgets, cx.region.as_str())?;
        let mut attrs = match seen {
            Some(attrs) if attrs.body == wanted => attrs,
            Some(attrs) => {
                self.put(cx, &wanted).await?;
                DashboardAttrs { body: wanted, ..attrs }
            }
            None => {
                self.put(cx, &wanted).await?;
                // The service once had no tags on dashboards, and emulators may not have them in this call.
                let tags = tagging::of(cx, &self.arn(cx)).await?.unwrap_or_default();
                DashboardAttrs { name: self.name.clone(), url: url(&cx.region, &self.name), body: wanted, missing_tags: missing(cx, &tags) }
            }
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &DashboardAttrs) -> Result<()> {
        let call = || cx.aws.cloudwatch.delete_dashboards().dashboard_names(&attrs.name).send();
        let delete = || cx.mutate("cloudwatch:DeleteDashboards", call);
        let gone = cx.retry("CloudWatch to finish an earlier change", &["ConflictException"], 30, delete).await;
        settled(gone, &["ResourceNotFound"]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &DashboardAttrs) -> Result<()> {
        tagging::bring(cx, &self.arn(cx), &attrs.missing_tags).await
    }

    /// Its name is taken in every region, and a deletion in one takes it away from all: the old one has to be gone first.
    fn claims(&self, _region: &Region) -> Vec<String> {
        vec![format!("dashboard {}", self.name)]
    }

    fn id(attrs: &DashboardAttrs) -> String {
        attrs.name.clone()
    }
}

impl Dashboard {
    fn arn(&self, cx: &Cx) -> String {
        format!("arn:{}:cloudwatch::{}:dashboard/{}", partition(&cx.region), cx.account, self.name)
    }

    async fn put(&self, cx: &Cx, body: &Value) -> Result<()> {
        let (text, tags) = (body.to_string(), tagging::list(&cx.identity.all_tags()));
        // Of a dashboard that exists, CloudWatch ignores the tags.
        let call = || cx.aws.cloudwatch.put_dashboard().dashboard_name(&self.name).dashboard_body(&text).set_tags(Some(tags.clone())).send();
        let put = || cx.mutate("cloudwatch:PutDashboard", call);
        let answer = cx.retry("CloudWatch to finish an earlier change", &["ConflictException"], 30, put).await?;
        // "If this result includes only warning messages, then the input was valid enough for the dashboard to be created."
        for message in answer.dashboard_validation_messages() {
            cx.notice(format!("CloudWatch on dashboard `{}`: {}", self.name, message.message().unwrap_or_default()));
        }
        Ok(())
    }
}

/// Where the console shows a dashboard.
fn url(region: &Region, name: &str) -> String {
    let console = match partition(region) {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}")
}
