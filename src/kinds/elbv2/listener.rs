//! A listener of a load balancer.
//!
//! It has no name. Its identity is its port, which is unique per load balancer.

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::types::{
    Action as SentAction, ActionTypeEnum, Certificate, Listener as Description, ProtocolEnum, RedirectActionConfig,
    RedirectActionStatusCodeEnum,
};
use serde::{Deserialize, Serialize};

use super::tagging;
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a listener.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "elbv2.listener",
    summary = "a listener of a load balancer",
    repeat = "name",
    arns("elasticloadbalancing:listener/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Elb,
    reads("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTags", "tag:GetResources"),
    creates("elasticloadbalancing:CreateListener"),
    updates("elasticloadbalancing:ModifyListener"),
    deletes("elasticloadbalancing:DeleteListener"),
)]
pub struct Listener {
    /// Its load balancer.
    #[immutable]
    #[unique]
    pub load_balancer: Input<Arn>,
    /// The port that it listens on.
    #[unique]
    pub port: i32,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its default action.
    pub action: Action,
}

/// The protocol of a listener.
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

/// The default action of a listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Forwards to the targets of a group.
    Forward(Input<Arn>),
    /// Redirects to HTTPS on port 443.
    RedirectToHttps,
}

/// The observed default action of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenAction {
    /// Forwards to the targets of a group.
    Forward(Arn),
    /// Redirects to HTTPS on port 443.
    RedirectToHttps,
    /// An action that this kind never sets.
    Other,
}

/// What is known of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ListenerAttrs {
    /// Its ARN.
    #[id]
    #[output(created)]
    #[output(
        created,
        name = "done",
        ty = String,
        doc = "For resources that only depend on the listener, which attaches the target group to the load balancer.",
    )]
    pub arn: Arn,
    /// The port that it listens on.
    pub port: i32,
    /// Its protocol; `None` for one that this kind never sets.
    pub protocol: Option<Protocol>,
    /// Its default action.
    pub action: SeenAction,
    /// Its load balancer, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<Arn>,
}

#[async_trait]
impl Resource for Listener {
    async fn observe(&self, cx: &StepContext, known: Option<&ListenerAttrs>) -> Result<Observed<ListenerAttrs>> {
        let Some(current) = self.find(cx, known).await? else { return Ok(Observed::Absent) };
        let attrs = attrs(current);
        tagging::classify(cx, attrs.arn.clone().as_str(), "ListenerNotFound", attrs).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<ListenerAttrs>) -> Result<ListenerAttrs> {
        let action = match &self.action {
            Action::Forward(group) => SeenAction::Forward(group.get()?.clone()),
            Action::RedirectToHttps => SeenAction::RedirectToHttps,
        };
        let (protocol, certificates, ssl_policy) = match &self.protocol {
            Protocol::Http => (ProtocolEnum::Http, None, None),
            Protocol::Https { certificate_arn, ssl_policy } => (
                ProtocolEnum::Https,
                Some(vec![Certificate::builder().certificate_arn(certificate_arn).build()]),
                Some(ssl_policy.clone()),
            ),
        };
        let sent = sent(&action);
        let Some(seen) = seen else {
            let load_balancer = self.load_balancer.get()?;
            let tags = tagging::to_sdk(cx.identity.all_tags());
            let call = || {
                let call = cx
                    .aws
                    .elb
                    .create_listener()
                    .load_balancer_arn(load_balancer)
                    .port(self.port)
                    .protocol(protocol.clone());
                let call = call.set_certificates(certificates.clone()).set_ssl_policy(ssl_policy.clone());
                call.default_actions(sent.clone()).set_tags(Some(tags.clone())).send()
            };
            let created = cx.mutate("elasticloadbalancing:CreateListener", call).await?;
            let current = created.listeners.and_then(|created| created.into_iter().next());
            return current
                .map(attrs)
                .ok_or(Error::MissingField { call: "elasticloadbalancing:CreateListener", what: "the listener" });
        };
        let wanted = ListenerAttrs { port: self.port, protocol: Some(self.protocol.clone()), action, ..seen.clone() };
        if seen != wanted {
            let call = || {
                let call =
                    cx.aws.elb.modify_listener().listener_arn(&seen.arn).port(self.port).protocol(protocol.clone());
                call.set_certificates(certificates.clone())
                    .set_ssl_policy(ssl_policy.clone())
                    .default_actions(sent.clone())
                    .send()
            };
            cx.mutate("elasticloadbalancing:ModifyListener", call).await?;
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &ListenerAttrs) -> Result<()> {
        let call = || cx.aws.elb.delete_listener().listener_arn(&attrs.arn).send();
        ignore_codes(cx.mutate("elasticloadbalancing:DeleteListener", call).await, &["ListenerNotFound"]).map(drop)
    }
}

impl Listener {
    async fn find(&self, cx: &StepContext, known: Option<&ListenerAttrs>) -> Result<Option<Description>> {
        let mut marker = None;
        loop {
            let call = cx.aws.elb.describe_listeners();
            let call = match known {
                Some(attrs) => call.listener_arns(&attrs.arn),
                None => call.load_balancer_arn(self.load_balancer.get()?).set_marker(marker.take()),
            };
            let found = ignore_codes(
                cx.read("elasticloadbalancing:DescribeListeners", call.send()).await,
                &["ListenerNotFound", "LoadBalancerNotFound"],
            )?;
            let Some(found) = found else { return Ok(None) };
            marker.clone_from(&found.next_marker);
            let current = found
                .listeners
                .unwrap_or_default()
                .into_iter()
                .find(|current| known.is_some() || current.port() == Some(self.port));
            if current.is_some() || marker.is_none() {
                return Ok(current);
            }
        }
    }
}

fn sent(action: &SeenAction) -> SentAction {
    match action {
        SeenAction::Forward(group) => {
            SentAction::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
        }
        SeenAction::RedirectToHttps | SeenAction::Other => {
            let to = RedirectActionConfig::builder()
                .protocol("HTTPS")
                .port("443")
                .status_code(RedirectActionStatusCodeEnum::Http301)
                .build();
            SentAction::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
        }
    }
}

fn attrs(current: Description) -> ListenerAttrs {
    let certificate = current.certificates().first().and_then(Certificate::certificate_arn);
    let protocol = match (current.protocol(), certificate, current.ssl_policy()) {
        (Some(ProtocolEnum::Http), _, _) => Some(Protocol::Http),
        (Some(ProtocolEnum::Https), Some(certificate), Some(policy)) => {
            Some(Protocol::Https { certificate_arn: certificate.to_owned(), ssl_policy: policy.to_owned() })
        }
        _ => None,
    };
    let action = match current.default_actions() {
        [only] => seen(only),
        _ => SeenAction::Other,
    };
    let load_balancer = current.load_balancer_arn.map(Arn);
    ListenerAttrs {
        port: current.port.unwrap_or_default(),
        protocol,
        action,
        arn: Arn(current.listener_arn.unwrap_or_default()),
        load_balancer,
    }
}

fn seen(action: &SentAction) -> SeenAction {
    match (action.r#type(), action.target_group_arn(), action.redirect_config()) {
        (Some(ActionTypeEnum::Forward), Some(group), _) => SeenAction::Forward(group.into()),
        (Some(ActionTypeEnum::Redirect), _, Some(to)) => {
            let https = to.protocol() == Some("HTTPS") && to.port() == Some("443");
            // AWS fills in placeholders for the parts that do not change.
            let same = |part: Option<&str>, placeholder: &str| part.is_none_or(|part| part == placeholder);
            let rest = same(to.host(), "#{host}") && same(to.path(), "/#{path}") && same(to.query(), "#{query}");
            if https && rest { SeenAction::RedirectToHttps } else { SeenAction::Other }
        }
        _ => SeenAction::Other,
    }
}
