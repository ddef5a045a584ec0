//! A listener of a load balancer.
//!
//! It has no name; its identity is its port, of which a load balancer has each once.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    Action as SentAction, ActionTypeEnum, Certificate, Listener as Shown, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::address::Arn;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of a listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// Its load balancer.
    pub load_balancer: Input<Arn>,
    /// The port that it listens on.
    pub port: i32,
    /// What it speaks.
    pub protocol: Protocol,
    /// What it does with a request.
    pub action: Action,
}

/// What a listener speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP.
    Http,
    /// HTTPS.
    Https {
        /// An issued certificate in the load balancer's region.
        certificate_arn: String,
        /// The name of a policy of Elastic Load Balancing, for example `ELBSecurityPolicy-TLS13-1-2-2021-06`.
        ssl_policy: String,
    },
}

/// What a listener does with a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Hands it to the targets of a group.
    Forward(Input<Arn>),
    /// Tells the client to come again by HTTPS, on port 443.
    RedirectToHttps,
}

/// What a listener was seen to do with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenAction {
    /// Hands it to the targets of a group.
    Forward(Arn),
    /// Tells the client to come again by HTTPS, on port 443.
    RedirectToHttps,
    /// Something that this kind never sets.
    Other,
}

/// What is known of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerAttrs {
    /// Its ARN.
    pub arn: Arn,
    /// The port that it listens on.
    pub port: i32,
    /// What it speaks. `None` when it is something that this kind never sets.
    pub protocol: Option<Protocol>,
    /// What it does with a request.
    pub action: SeenAction,
    /// Its load balancer, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<Arn>,
}

impl Handle<Listener> {
    /// The listener's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// Something to wait for: when it is known, the target group is attached to the load balancer.
    pub fn done(&self) -> Input<String> {
        self.created("arn")
    }
}

#[async_trait]
impl Resource for Listener {
    const KIND: &'static str = "elbv2.listener";
    const ABOUT: About = About {
        summary: "a listener of a load balancer",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DeleteListener",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        creates: &["elasticloadbalancing:CreateListener"],
        changes: &["elasticloadbalancing:ModifyListener", "elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"],
        deletes: &["elasticloadbalancing:DeleteListener"],
        immutable: &["load_balancer"],
        tagged: true,
        blocked_by: "nothing",
        unique: &[&["load_balancer", "port"]],
        ..About::PLAIN
    };
    type Attrs = ListenerAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&ListenerAttrs>) -> Result<Observed<ListenerAttrs>> {
        let Some(shown) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        let attrs = attrs(shown);
        tagging::judge(cx, attrs.arn.clone().as_str(), "ListenerNotFound", attrs).await
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ListenerAttrs>) -> Result<ListenerAttrs> {
        let action = match &self.action {
            Action::Forward(group) => SeenAction::Forward(group.get()?.clone()),
            Action::RedirectToHttps => SeenAction::RedirectToHttps,
        };
        let (protocol, certificates, ssl_policy) = match &self.protocol {
            Protocol::Http => (ProtocolEnum::Http, None, None),
            Protocol::Https { certificate_arn, ssl_policy } => {
                (ProtocolEnum::Https, Some(vec![Certificate::builder().certificate_arn(certificate_arn).build()]), Some(ssl_policy.clone()))
            }
        };
        let sent = sent(&action);
        let Some(seen) = seen else {
            let load_balancer = self.load_balancer.get()?;
            let tags = tagging::all(cx);
            let call = || {
                let call = cx.aws.elb.create_listener().load_balancer_arn(load_balancer).port(self.port).protocol(protocol.clone());
                let call = call.set_certificates(certificates.clone()).set_ssl_policy(ssl_policy.clone());
                call.default_actions(sent.clone()).set_tags(Some(tags.clone())).send()
            };
            let made = cx.mutate("elasticloadbalancing:CreateListener", call).await?;
            let shown = made.listeners.and_then(|made| made.into_iter().next());
            return shown.map(attrs).ok_or(Error::Incomplete { call: "elasticloadbalancing:CreateListener", what: "the listener" });
        };
        let wanted = ListenerAttrs { port: self.port, protocol: Some(self.protocol.clone()), action, ..seen.clone() };
        if seen != wanted {
            let call = || {
                let call = cx.aws.elb.modify_listener().listener_arn(&seen.arn).port(self.port).protocol(protocol.clone());
                call.set_certificates(certificates.clone()).set_ssl_policy(ssl_policy.clone()).default_actions(sent.clone()).send()
            };
            cx.mutate("elasticloadbalancing:ModifyListener", call).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &ListenerAttrs) -> Result<()> {
        let call = || cx.aws.elb.delete_listener().listener_arn(&attrs.arn).send();
        settled(cx.mutate("elasticloadbalancing:DeleteListener", call).await, &["ListenerNotFound"]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &ListenerAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn id(attrs: &ListenerAttrs) -> String {
        attrs.arn.0.clone()
    }
}

impl Listener {
    async fn find(&self, cx: &Cx, known: Option<&ListenerAttrs>) -> Result<Option<Shown>> {
        let mut marker = None;
        loop {
            let call = cx.aws.elb.describe_listeners();
            let call = match known {
                Some(attrs) => call.listener_arns(&attrs.arn),
                None => call.load_balancer_arn(self.load_balancer.get()?).set_marker(marker.take()),
            };
            let found = settled(cx.read("elasticloadbalancing:DescribeListeners", call.send()).await, &["ListenerNotFound", "LoadBalancerNotFound"])?;
            let Some(found) = found else { return Ok(None) };
            marker.clone_from(&found.next_marker);
            let shown = found.listeners.unwrap_or_default().into_iter().find(|shown| known.is_some() || shown.port() == Some(self.port));
            if shown.is_some() || marker.is_none() {
                return Ok(shown);
            }
        }
    }
}

fn sent(action: &SeenAction) -> SentAction {
    match action {
        SeenAction::Forward(group) => SentAction::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build(),
        SeenAction::RedirectToHttps | SeenAction::Other => {
            let to = RedirectActionConfig::builder().protocol("HTTPS").port("443").status_code(RedirectActionStatusCodeEnum::Http301).build();
            SentAction::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
        }
    }
}

fn attrs(shown: Shown) -> ListenerAttrs {
    let certificate = shown.certificates().first().and_then(Certificate::certificate_arn);
    let protocol = match (shown.protocol(), certificate, shown.ssl_policy()) {
        (Some(ProtocolEnum::Http), _, _) => Some(Protocol::Http),
        (Some(ProtocolEnum::Https), Some(certificate), Some(policy)) => {
            Some(Protocol::Https { certificate_arn: certificate.to_owned(), ssl_policy: policy.to_owned() })
        }
        _ => None,
    };
    let action = match shown.default_actions() {
        [only] => seen(only),
        _ => SeenAction::Other,
    };
    let load_balancer = shown.load_balancer_arn.map(Arn);
    ListenerAttrs { port: shown.port.unwrap_or_default(), protocol, action, arn: Arn(shown.listener_arn.unwrap_or_default()), load_balancer }
}

fn seen(action: &SentAction) -> SeenAction {
    match (action.r#type(), action.target_group_arn(), action.redirect_config()) {
        (Some(ActionTypeEnum::Forward), Some(group), _) => SeenAction::Forward(group.into()),
        (Some(ActionTypeEnum::Redirect), _, Some(to)) => {
            let https = to.protocol() == Some("HTTPS") && to.port() == Some("443");
            // AWS fills in placeholders for the parts that stay as they were asked for.
            let same = |part: Option<&str>, placeholder: &str| part.is_none_or(|part| part == placeholder);
            let rest = same(to.host(), "#{host}") && same(to.path(), "/#{path}") && same(to.query(), "#{query}");
            if https && rest { SeenAction::RedirectToHttps } else { SeenAction::Other }
        }
        _ => SeenAction::Other,
    }
}
