//! Rules of listeners on the sandbox, call by call: what is shown, and what happens to requests.

use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::operation::create_listener::builders::CreateListenerFluentBuilder;
use aws_sdk_elasticloadbalancingv2::operation::create_rule::builders::CreateRuleFluentBuilder;
use aws_sdk_elasticloadbalancingv2::types::builders::RuleConditionBuilder;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, HostHeaderConditionConfig, HttpRequestMethodConditionConfig,
    LoadBalancerSchemeEnum, LoadBalancerTypeEnum, PathPatternConditionConfig, ProtocolEnum, RedirectActionConfig,
    RedirectActionStatusCodeEnum, Rule, RuleCondition, RulePriorityPair, Tag, TargetTypeEnum,
};
use migrate_infra::sandbox::World;
use migrate_infra::sandbox::world::elbv2::{Action as Modelled, Request};

use crate::sandbox::database_replication::{Account, pass};
use crate::{done, refused};

/// An account with an active load balancer, which has a listener that forwards to a target group.
pub struct Site {
    pub account: Account,
    pub vpc: String,
    pub balancer: String,
    pub group: String,
    pub listener: String,
}

impl Site {
    pub async fn new() -> Self {
        let account = Account::of(World::new()).await;
        let mut site = Self {
            account,
            vpc: String::new(),
            balancer: String::new(),
            group: String::new(),
            listener: String::new(),
        };
        site.vpc = site.vpc("10.0.0.0/16").await;
        let mut subnets = Vec::new();
        for (zone, cidr) in [("us-east-1a", "10.0.0.0/24"), ("us-east-1b", "10.0.1.0/24")] {
            let call = site.account.clients.ec2.create_subnet().vpc_id(&site.vpc).cidr_block(cidr);
            let made = done!("ec2:CreateSubnet", call.availability_zone(zone));
            subnets.push(made.subnet().unwrap().subnet_id().unwrap().to_owned());
        }
        site.balancer = site.balancer("pay", &subnets).await;
        site.group = site.group("service", &site.vpc).await;
        site.listener = site.listener(80, forward(&site.group)).await;
        pass(200).await;
        site
    }

    pub async fn vpc(&self, cidr: &str) -> String {
        let made = done!("ec2:CreateVpc", self.account.clients.ec2.create_vpc().cidr_block(cidr));
        made.vpc().unwrap().vpc_id().unwrap().to_owned()
    }

    async fn balancer(&self, name: &str, subnets: &[String]) -> String {
        let call = self.account.clients.elb.create_load_balancer().name(name).scheme(LoadBalancerSchemeEnum::Internal);
        let call = call.r#type(LoadBalancerTypeEnum::Application).set_subnets(Some(subnets.to_vec()));
        let made = done!("elasticloadbalancing:CreateLoadBalancer", call);
        made.load_balancers()[0].load_balancer_arn().unwrap().to_owned()
    }

    pub async fn group(&self, name: &str, vpc: &str) -> String {
        let call = self.account.clients.elb.create_target_group().name(name).protocol(ProtocolEnum::Http).port(80);
        let call = call.vpc_id(vpc).target_type(TargetTypeEnum::Ip);
        let made = done!("elasticloadbalancing:CreateTargetGroup", call);
        made.target_groups()[0].target_group_arn().unwrap().to_owned()
    }

    pub fn create_listener(&self, port: i32, action: Action) -> CreateListenerFluentBuilder {
        let call = self.account.clients.elb.create_listener().load_balancer_arn(&self.balancer).port(port);
        call.protocol(ProtocolEnum::Http).default_actions(action)
    }

    pub async fn listener(&self, port: i32, action: Action) -> String {
        let made = done!("elasticloadbalancing:CreateListener", self.create_listener(port, action));
        made.listeners()[0].listener_arn().unwrap().to_owned()
    }

    /// A rule of the listener, with one condition.
    pub fn create(&self, priority: i32, condition: RuleCondition, action: Action) -> CreateRuleFluentBuilder {
        let call = self.account.clients.elb.create_rule().listener_arn(&self.listener).priority(priority);
        call.conditions(condition).actions(action)
    }

    pub async fn rule(&self, priority: i32, condition: RuleCondition, action: Action) -> String {
        let made = done!("elasticloadbalancing:CreateRule", self.create(priority, condition, action));
        made.rules()[0].rule_arn().unwrap().to_owned()
    }

    pub async fn rules(&self) -> Vec<Rule> {
        let call = self.account.clients.elb.describe_rules().listener_arn(&self.listener);
        call.send().await.unwrap().rules().to_vec()
    }

    async fn default_rule(&self) -> String {
        self.rules().await.last().unwrap().rule_arn().unwrap().to_owned()
    }

    /// Returns what the load balancer does with a request now.
    fn action_for(&self, path: &str) -> Option<Modelled> {
        let world = self.account.sandbox.snapshot();
        let request = Request { at: world.now, port: 80, host: "api.example.com", path, method: "POST" };
        world.regions["us-east-1"].elbv2.action_for(&self.balancer, &request).cloned()
    }

    fn inventory(&self) -> Vec<String> {
        self.account.sandbox.snapshot().regions["us-east-1"].elbv2.inventory()
    }
}

fn owned(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().copied().map(str::to_owned).collect())
}

pub fn condition(field: &str) -> RuleConditionBuilder {
    RuleCondition::builder().field(field)
}

pub fn path(values: &[&str]) -> RuleCondition {
    let config = PathPatternConditionConfig::builder().set_values(owned(values)).build();
    condition("path-pattern").path_pattern_config(config).build()
}

pub fn host(values: &[&str]) -> RuleCondition {
    let config = HostHeaderConditionConfig::builder().set_values(owned(values)).build();
    condition("host-header").host_header_config(config).build()
}

pub fn method(values: &[&str]) -> RuleCondition {
    let config = HttpRequestMethodConditionConfig::builder().set_values(owned(values)).build();
    condition("http-request-method").http_request_method_config(config).build()
}

pub fn forward(group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
}

pub fn respond(code: &str, content_type: Option<&str>, body: Option<&str>) -> Action {
    let config = FixedResponseActionConfig::builder()
        .status_code(code)
        .set_content_type(content_type.map(str::to_owned))
        .set_message_body(body.map(str::to_owned));
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config.build()).build()
}

pub fn fence() -> Action {
    respond("503", Some("text/plain"), Some("closed"))
}

fn modelled_fence() -> Modelled {
    Modelled::FixedResponse {
        status_code: "503".to_owned(),
        content_type: Some("text/plain".to_owned()),
        message_body: Some("closed".to_owned()),
    }
}

pub fn redirect() -> Action {
    let to = RedirectActionConfig::builder().protocol("HTTPS").port("443");
    let to = to.status_code(RedirectActionStatusCodeEnum::Http301).build();
    Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
}

fn pair(rule: &str, priority: i32) -> RulePriorityPair {
    RulePriorityPair::builder().rule_arn(rule).priority(priority).build()
}

pub fn priorities(rules: &[Rule]) -> Vec<&str> {
    rules.iter().map(|rule| rule.priority().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_fence_is_created_closed_opened_and_deleted() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let service = Some(Modelled::Forward(site.group.clone()));
    let arn = site.rule(1, path(&["/fence-is-open"]), fence()).await;
    let prefix = format!("{}/", site.listener.replace(":listener/", ":listener-rule/"));
    assert!(arn.starts_with(&prefix) && arn.len() == prefix.len() + 16, "{arn}");
    assert!(site.inventory().contains(&arn));
    let shown = &site.rules().await[0];
    assert_eq!((shown.rule_arn(), shown.priority(), shown.is_default()), (Some(&*arn), Some("1"), Some(false)));
    assert_eq!(shown.actions(), [fence()]);
    let shown = &shown.conditions()[0];
    assert_eq!((shown.field(), shown.values()), (Some("path-pattern"), &["/fence-is-open".to_owned()][..]));
    assert_eq!(shown.path_pattern_config().unwrap().values(), ["/fence-is-open"]);
    pass(11).await;
    assert_eq!(site.action_for("/pay"), service);
    assert_eq!(site.action_for("/fence-is-open"), Some(modelled_fence()));

    // The change is shown at once, and becomes effective later.
    let modify = |path: RuleCondition| elb.modify_rule().rule_arn(&arn).conditions(path);
    let changed = done!("elasticloadbalancing:ModifyRule", modify(path(&["*"])));
    assert_eq!(changed.rules()[0].conditions(), [with_values(&path(&["*"]))]);
    assert_eq!(changed.rules()[0].actions(), [fence()], "what is not specified is unchanged");
    assert_eq!(site.rules().await[0], changed.rules()[0]);
    assert_eq!(site.action_for("/pay"), service);
    pass(11).await;
    assert_eq!(site.action_for("/pay"), Some(modelled_fence()));
    done!("elasticloadbalancing:ModifyRule", modify(path(&["/fence-is-open"])));
    assert_eq!(site.action_for("/pay"), Some(modelled_fence()));
    pass(11).await;
    assert_eq!(site.action_for("/pay"), service);

    let delete = || elb.delete_rule().rule_arn(&arn);
    done!("elasticloadbalancing:DeleteRule", delete());
    assert!(!site.inventory().contains(&arn));
    refused!("RuleNotFound", "elasticloadbalancing:DeleteRule", delete());
    refused!("RuleNotFound", "elasticloadbalancing:ModifyRule", modify(path(&["*"])));
    assert_eq!(site.action_for("/fence-is-open"), Some(modelled_fence()), "the deletion is not effective yet");
    pass(11).await;
    assert_eq!(site.action_for("/fence-is-open"), service);
}

/// AWS repeats the values of a path condition.
fn with_values(condition: &RuleCondition) -> RuleCondition {
    let values = condition.path_pattern_config().unwrap().values().to_vec();
    let config = condition.path_pattern_config().unwrap().clone();
    RuleCondition::builder().field("path-pattern").set_values(Some(values)).path_pattern_config(config).build()
}

#[tokio::test(start_paused = true)]
async fn a_fence_is_closed_by_its_priority() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let service = site.rule(10, path(&["/*"]), forward(&site.group)).await;
    let fence = site.rule(20, path(&["*"]), fence()).await;
    pass(11).await;
    assert_eq!(site.action_for("/pay"), Some(Modelled::Forward(site.group.clone())));
    let set = |pairs: &[RulePriorityPair]| elb.set_rule_priorities().set_rule_priorities(Some(pairs.to_vec()));
    let changed = done!("elasticloadbalancing:SetRulePriorities", set(&[pair(&fence, 5)]));
    assert_eq!((changed.rules().len(), changed.rules()[0].priority()), (1, Some("5")));
    assert_eq!(site.action_for("/pay"), Some(Modelled::Forward(site.group.clone())));
    pass(11).await;
    assert_eq!(site.action_for("/pay"), Some(modelled_fence()));
    // Two rules exchange their priorities in one call.
    done!("elasticloadbalancing:SetRulePriorities", set(&[pair(&fence, 10), pair(&service, 5)]));
    let rules = site.rules().await;
    assert_eq!(priorities(&rules), ["5", "10", "default"]);
    assert_eq!((rules[0].rule_arn(), rules[1].rule_arn()), (Some(&*service), Some(&*fence)));
    pass(11).await;
    assert_eq!(site.action_for("/pay"), Some(Modelled::Forward(site.group.clone())));

    let refused_message = refused!("PriorityInUse", "elasticloadbalancing:SetRulePriorities", set(&[pair(&fence, 5)]));
    assert!(refused_message.contains("'5'"), "{refused_message}");
    for (pairs, words) in [
        (vec![], "must be specified"),
        (vec![pair(&fence, 0)], "between 1 and 50000"),
        (vec![pair(&fence, 50_001)], "between 1 and 50000"),
        (vec![RulePriorityPair::builder().rule_arn(&fence).build()], "priority must be specified"),
        (vec![RulePriorityPair::builder().priority(7).build()], "ARN must be specified"),
        (vec![pair(&fence, 7), pair(&service, 7)], "Priority '7' was provided multiple times"),
        (vec![pair(&fence, 7), pair(&fence, 8)], "was provided multiple times"),
        (vec![pair("fence", 7)], "not a valid listener rule ARN"),
    ] {
        let message = refused!("ValidationError", "elasticloadbalancing:SetRulePriorities", set(&pairs));
        assert!(message.contains(words), "{message}");
    }
    let unknown = format!("{}0", &fence[..fence.len() - 1]);
    let unknown = if unknown == fence { format!("{}1", &fence[..fence.len() - 1]) } else { unknown };
    refused!("RuleNotFound", "elasticloadbalancing:SetRulePriorities", set(&[pair(&fence, 7), pair(&unknown, 8)]));
    assert_eq!(priorities(&site.rules().await), ["5", "10", "default"], "a refused call has no effect");

    let other = site.listener(81, redirect()).await;
    let call = elb.create_rule().listener_arn(&other).priority(1).conditions(path(&["*"])).actions(redirect());
    let elsewhere = done!("elasticloadbalancing:CreateRule", call).rules()[0].rule_arn().unwrap().to_owned();
    let both = set(&[pair(&fence, 7), pair(&elsewhere, 8)]);
    refused!("ValidationError", "elasticloadbalancing:SetRulePriorities", both);
}

#[tokio::test(start_paused = true)]
async fn the_default_rule_is_shown_and_belongs_to_the_listener() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let rules = site.rules().await;
    assert_eq!(priorities(&rules), ["default"]);
    assert_eq!((rules[0].is_default(), rules[0].conditions().len()), (Some(true), 0));
    assert_eq!(rules[0].actions(), [forward(&site.group)]);
    let arn = site.default_rule().await;
    assert!(arn.starts_with(&site.listener.replace(":listener/", ":listener-rule/")), "{arn}");
    assert_eq!(elb.describe_rules().rule_arns(&arn).send().await.unwrap().rules(), rules);
    let delete = elb.delete_rule().rule_arn(&arn);
    refused!("OperationNotPermitted", "elasticloadbalancing:DeleteRule", delete);
    let modify = elb.modify_rule().rule_arn(&arn).actions(fence());
    let message = refused!("OperationNotPermitted", "elasticloadbalancing:ModifyRule", modify);
    assert!(message.contains("cannot be modified"), "{message}");
    let set = elb.set_rule_priorities().rule_priorities(pair(&arn, 7));
    refused!("OperationNotPermitted", "elasticloadbalancing:SetRulePriorities", set);

    // The default action can be a fixed response, and its change needs time, too.
    let modify = elb.modify_listener().listener_arn(&site.listener).default_actions(fence());
    let changed = done!("elasticloadbalancing:ModifyListener", modify);
    assert_eq!(changed.listeners()[0].default_actions(), [fence()]);
    assert_eq!(site.rules().await[0].actions(), [fence()]);
    assert_eq!(site.default_rule().await, arn);
    assert_eq!(site.action_for("/pay"), Some(Modelled::Forward(site.group.clone())));
    pass(11).await;
    assert_eq!(site.action_for("/pay"), Some(modelled_fence()));
    let listener = site.listener(81, respond("404", None, None)).await;
    let shown = elb.describe_listeners().listener_arns(listener).send().await.unwrap();
    assert_eq!(shown.listeners()[0].default_actions(), [respond("404", None, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_group_is_attached_and_in_use_by_rules() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let group = site.group("canary", &site.vpc).await;
    let attached = async || {
        let shown = elb.describe_target_groups().target_group_arns(&group).send().await.unwrap();
        shown.target_groups()[0].load_balancer_arns().to_vec()
    };
    assert!(attached().await.is_empty());
    let rule = site.rule(1, path(&["/canary"]), forward(&group)).await;
    assert_eq!(attached().await, std::slice::from_ref(&site.balancer));
    let delete = || elb.delete_target_group().target_group_arn(&group);
    refused!("ResourceInUse", "elasticloadbalancing:DeleteTargetGroup", delete());

    // A target group has one load balancer.
    let subnets = site.account.sandbox.snapshot().regions["us-east-1"].ec2.subnets.keys().cloned().collect::<Vec<_>>();
    let second = site.balancer("second", &subnets).await;
    let call = elb.create_listener().load_balancer_arn(&second).port(80).protocol(ProtocolEnum::Http);
    let made = done!("elasticloadbalancing:CreateListener", call.default_actions(redirect()));
    let listener = made.listeners()[0].listener_arn().unwrap();
    let call = elb.create_rule().listener_arn(listener).priority(1).conditions(path(&["*"])).actions(forward(&group));
    refused!("TargetGroupAssociationLimit", "elasticloadbalancing:CreateRule", call);

    let modify = elb.modify_rule().rule_arn(&rule).actions(fence());
    done!("elasticloadbalancing:ModifyRule", modify);
    assert!(attached().await.is_empty());
    done!("elasticloadbalancing:DeleteTargetGroup", delete());
}

#[tokio::test(start_paused = true)]
async fn rules_have_tags() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let call = site.create(1, path(&["*"]), fence()).tags(tag("purpose", "fence"));
    let rule = done!("elasticloadbalancing:CreateRule", call).rules()[0].rule_arn().unwrap().to_owned();
    done!("elasticloadbalancing:AddTags", elb.add_tags().resource_arns(&rule).tags(tag("side", "source")));
    let tags = async || {
        let shown = elb.describe_tags().resource_arns(&rule).send().await.unwrap();
        shown.tag_descriptions()[0].tags().to_vec()
    };
    assert_eq!(tags().await, [tag("purpose", "fence"), tag("side", "source")]);
    let found = site.account.sandbox.snapshot().tagged("us-east-1");
    assert!(found.iter().any(|(arn, tags)| *arn == rule && tags["purpose"] == "fence"), "{found:?}");
    done!("elasticloadbalancing:RemoveTags", elb.remove_tags().resource_arns(&rule).tag_keys("purpose"));
    assert_eq!(tags().await, [tag("side", "source")]);
    let add = elb.add_tags().resource_arns(site.default_rule().await).tags(tag("side", "source"));
    refused!("SandboxUnknownMember", "elasticloadbalancing:AddTags", add);
    done!("elasticloadbalancing:DeleteRule", elb.delete_rule().rule_arn(&rule));
    let error = elb.describe_tags().resource_arns(&rule).send().await.unwrap_err();
    assert_eq!(error.code(), Some("RuleNotFound"));
}

#[tokio::test(start_paused = true)]
async fn rules_are_deleted_with_their_listener_and_load_balancer() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let other = site.listener(81, redirect()).await;
    let first = site.rule(1, path(&["*"]), fence()).await;
    let call = site.create(1, path(&["*"]), fence()).listener_arn(&other);
    let second = done!("elasticloadbalancing:CreateRule", call).rules()[0].rule_arn().unwrap().to_owned();
    done!("elasticloadbalancing:DeleteListener", elb.delete_listener().listener_arn(&site.listener));
    assert_eq!(site.action_for("/pay"), None, "nothing listens on the port");
    let left = site.inventory();
    assert!(!left.contains(&first) && left.contains(&second), "{left:?}");
    done!("elasticloadbalancing:DeleteLoadBalancer", elb.delete_load_balancer().load_balancer_arn(&site.balancer));
    assert_eq!(site.inventory(), std::slice::from_ref(&site.group));
    let world = site.account.sandbox.snapshot();
    assert!(world.regions["us-east-1"].elbv2.superseded.is_empty(), "no history is left");
    done!("elasticloadbalancing:DeleteTargetGroup", elb.delete_target_group().target_group_arn(&site.group));
}
