//! What is refused about rules of listeners on the sandbox, call by call.

use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::operation::describe_rules::builders::DescribeRulesFluentBuilder;
use aws_sdk_elasticloadbalancingv2::types::builders::ActionBuilder;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, HostHeaderConditionConfig, HttpHeaderConditionConfig,
    PathPatternConditionConfig, QueryStringConditionConfig, RedirectActionConfig, RuleCondition,
    SourceIpConditionConfig,
};
use migrate_infra::aws::intended;

use crate::sandbox::listener_rules::{
    Site, condition, fence, forward, host, method, path, priorities, redirect, respond,
};
use crate::{done, refused};

#[tokio::test(start_paused = true)]
async fn rules_that_are_refused() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    for priority in [-1, 0, 50_001] {
        let call = site.create(priority, path(&["*"]), fence());
        refused!("ValidationError", "elasticloadbalancing:CreateRule", call);
    }
    site.rule(50_000, path(&["/a"]), fence()).await;
    let same = || site.create(50_000, path(&["/a"]), fence());
    let message = refused!("PriorityInUse", "elasticloadbalancing:CreateRule", same());
    assert!(message.contains("'50000'"), "{message}");
    let missing = format!("{}0", site.listener);
    let call = site.create(1, path(&["*"]), fence()).listener_arn(missing);
    refused!("ListenerNotFound", "elasticloadbalancing:CreateRule", call);
    let bare = || elb.create_rule().listener_arn(&site.listener).priority(1);
    let message = refused!("ValidationError", "elasticloadbalancing:CreateRule", bare().actions(fence()));
    assert!(message.contains("condition"), "{message}");
    let message = refused!("ValidationError", "elasticloadbalancing:CreateRule", bare().conditions(path(&["*"])));
    assert!(message.contains("action"), "{message}");
    let call = elb.create_rule().listener_arn(&site.listener).conditions(path(&["*"])).actions(fence());
    refused!("ValidationError", "elasticloadbalancing:CreateRule", call);
    let modify = elb.modify_rule().rule_arn(site.rules().await[0].rule_arn().unwrap());
    let message = refused!("ValidationError", "elasticloadbalancing:ModifyRule", modify.clone());
    assert!(message.contains("Either conditions or actions"), "{message}");
    refused!("SandboxUnknownMember", "elasticloadbalancing:ModifyRule", modify.reset_transforms(true));
    refused!("ValidationError", "elasticloadbalancing:ModifyRule", elb.modify_rule().actions(fence()));
    refused!("ValidationError", "elasticloadbalancing:DeleteRule", elb.delete_rule());
    refused!("ValidationError", "elasticloadbalancing:DeleteRule", elb.delete_rule().rule_arn(&site.listener));
    assert_eq!(priorities(&site.rules().await), ["50000", "default"], "a refused call has no effect");
}

#[tokio::test(start_paused = true)]
async fn conditions_that_are_refused() {
    let site = Site::new().await;
    let long = "x".repeat(128);
    let (long_host, long_method) = (format!("{long}.com"), "X".repeat(41));
    let regular = PathPatternConditionConfig::builder().regex_values("^/pay$").build();
    let both = condition("host-header")
        .values("a.com")
        .host_header_config(HostHeaderConditionConfig::builder().values("a.com").build());
    let foreign = condition("path-pattern")
        .values("/a")
        .host_header_config(HostHeaderConditionConfig::builder().values("a.com").build());
    for (refused_condition, words) in [
        (RuleCondition::builder().values("/a").build(), "A condition field must be specified"),
        (condition("path").values("/a").build(), "Condition field 'path' must be one of"),
        (condition("path-pattern").build(), "A condition value must be specified"),
        (condition("host-header").values("").build(), "A condition value must be specified"),
        (path(&[]), "A condition value must be specified"),
        (condition("path-pattern").values("/a").values("/b").build(), "too many values; the limit is '1'"),
        (both.build(), "You cannot provide both Values and 'HostHeaderConfig'"),
        (foreign.build(), "You cannot provide 'HostHeaderConfig' for a condition of type 'path-pattern'"),
        (condition("http-request-method").values("GET").build(), "not compatible with 'http-request-method'"),
        (condition("http-request-method").build(), "'HttpRequestMethodConfig' must be specified"),
        (method(&["get"]), "allowed characters"),
        (method(&["GE*"]), "allowed characters"),
        (method(&[&long_method]), "the limit is '40'"),
        (path(&[&format!("/{long}")]), "the limit is '128'"),
        (path(&["/a b"]), "' ', which is not valid"),
        (path(&["/größe"]), "which is not valid"),
        (path(&["/a?b=%20"]), "'=', which is not valid"),
        (host(&[&long_host]), "the limit is '128'"),
        (host(&["*"]), "must contain a '.'"),
        (host(&["localhost"]), "must contain a '.'"),
        (host(&["example."]), "must contain a '.'"),
        (host(&["example.c0m"]), "only alphabetical"),
        (host(&["example.*"]), "only alphabetical"),
        (host(&["example.com/a"]), "'/', which is not valid"),
        (path(&["/1", "/2", "/3", "/4", "/5", "/6"]), "A rule can only have '5' condition values"),
        (path(&["/*/?/*", "/*/?/*"]), "A rule can only have '5' condition wildcards"),
    ] {
        let call = site.create(1, refused_condition, fence());
        let message = refused!("ValidationError", "elasticloadbalancing:CreateRule", call);
        assert!(message.contains(words), "{message}");
    }
    let header = HttpHeaderConditionConfig::builder().http_header_name("x").values("y").build();
    for unmodelled in [
        condition("http-header").http_header_config(header).build(),
        condition("query-string").query_string_config(QueryStringConditionConfig::builder().build()).build(),
        condition("source-ip")
            .source_ip_config(SourceIpConditionConfig::builder().values("192.0.2.0/24").build())
            .build(),
        condition("path-pattern").regex_values("^/pay$").build(),
        condition("path-pattern").path_pattern_config(regular).build(),
    ] {
        let call = site.create(1, unmodelled, fence());
        refused!("SandboxUnknownMember", "elasticloadbalancing:CreateRule", call);
    }
    // The limits are those of the rule, not of a condition, and each type occurs once.
    let call = site.create(1, path(&["/1", "/2", "/3"]), fence()).conditions(method(&["GET", "PUT", "POST"]));
    refused!("ValidationError", "elasticloadbalancing:CreateRule", call);
    let call = site.create(1, path(&["/1"]), fence()).conditions(path(&["/2"]));
    let message = refused!("ValidationError", "elasticloadbalancing:CreateRule", call);
    assert!(message.contains("only have one 'path-pattern' condition"), "{message}");
    // The largest rule, and a modification that would exceed it.
    let call = site.create(1, path(&["/*/?/*", "/~'@:+;&\"$._-", "/3"]), fence());
    let call = call.conditions(host(&["*.Example.com"])).conditions(method(&["M-SEARCH"]));
    let made = done!("elasticloadbalancing:CreateRule", call);
    let fields: Vec<_> = made.rules()[0].conditions().iter().map(|one| one.field().unwrap()).collect();
    assert_eq!(fields, ["path-pattern", "host-header", "http-request-method"]);
    let modify = site.account.clients.elb.modify_rule().rule_arn(made.rules()[0].rule_arn().unwrap());
    refused!("ValidationError", "elasticloadbalancing:ModifyRule", modify.conditions(path(&["/a b"])));
}

#[tokio::test(start_paused = true)]
async fn actions_that_are_refused() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let elsewhere = site.group("elsewhere", &site.vpc("10.1.0.0/16").await).await;
    let of = |kind: ActionTypeEnum| -> ActionBuilder { Action::builder().r#type(kind) };
    let long = "x".repeat(1025);
    let cases = [
        ("ValidationError", respond("302", None, None)),
        ("ValidationError", respond("50", None, None)),
        ("ValidationError", respond("5000", None, None)),
        ("ValidationError", respond("5XX", None, None)),
        ("ValidationError", respond("503", None, Some(&long))),
        ("ValidationError", fence_with(|action| action.order(0))),
        ("InvalidLoadBalancerAction", respond("503", Some("text/xml"), None)),
        ("InvalidLoadBalancerAction", of(ActionTypeEnum::FixedResponse).build()),
        ("InvalidLoadBalancerAction", of(ActionTypeEnum::Forward).build()),
        ("InvalidLoadBalancerAction", of(ActionTypeEnum::Redirect).build()),
        ("InvalidLoadBalancerAction", fence_with(|action| action.target_group_arn("arn"))),
        ("TargetGroupNotFound", forward(&format!("{}0", site.group))),
        ("InvalidConfigurationRequest", forward(&elsewhere)),
        ("SandboxUnknownMember", of(ActionTypeEnum::Forward).forward_config(weighted()).build()),
        ("SandboxUnknownMember", other_host()),
    ];
    let rule = site.rule(1, path(&["/a"]), respond("200", Some("application/json"), Some("{}"))).await;
    for (code, action) in cases {
        let named = format!("{action:?}");
        let create = site.create(2, path(&["*"]), action.clone());
        let error = intended("elasticloadbalancing:CreateRule", create.send()).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{named}");
        let modify = elb.modify_rule().rule_arn(&rule).actions(action.clone());
        let error = intended("elasticloadbalancing:ModifyRule", modify.send()).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{named}");
        let listen = site.create_listener(81, action);
        let error = intended("elasticloadbalancing:CreateListener", listen.send()).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{named}");
    }
    let two = site.create(2, path(&["*"]), fence()).actions(forward(&site.group));
    refused!("InvalidLoadBalancerAction", "elasticloadbalancing:CreateRule", two);
    let login = of(ActionTypeEnum::AuthenticateOidc).build();
    refused!(
        "SandboxUnknownMember",
        "elasticloadbalancing:CreateRule",
        site.create(2, path(&["*"]), login).actions(fence())
    );
    let body = "x".repeat(1024);
    for action in [respond("200", Some(""), Some(&body)), redirect(), fence_with(|action| action.order(50_000))] {
        done!("elasticloadbalancing:ModifyRule", elb.modify_rule().rule_arn(&rule).actions(action));
    }
}

fn fence_with(change: impl FnOnce(ActionBuilder) -> ActionBuilder) -> Action {
    let config = fence().fixed_response_config().unwrap().clone();
    change(Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config)).build()
}

fn weighted() -> ForwardActionConfig {
    ForwardActionConfig::builder().build()
}

fn other_host() -> Action {
    let to = redirect().redirect_config().unwrap().clone();
    let to = RedirectActionConfig::builder().host("example.com").set_status_code(to.status_code).build();
    Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_has_a_hundred_rules_and_they_are_shown_in_pages() {
    let site = Site::new().await;
    let elb = &site.account.clients.elb;
    let other = site.listener(81, redirect()).await;
    for priority in 1..=99 {
        site.rule(priority, path(&["/a"]), fence()).await;
    }
    let of_other = |priority: i32| site.create(priority, path(&["/a"]), fence()).listener_arn(&other);
    done!("elasticloadbalancing:CreateRule", of_other(1));
    let message = refused!("TooManyRules", "elasticloadbalancing:CreateRule", of_other(2));
    assert!(message.contains(&site.balancer), "{message}");
    refused!("TooManyRules", "elasticloadbalancing:CreateRule", site.create(100, path(&["/a"]), fence()));

    assert_eq!(site.rules().await.len(), 100, "99 rules and the default rule");
    let page = |size: i32, marker: Option<String>| {
        elb.describe_rules().listener_arn(&site.listener).page_size(size).set_marker(marker).send()
    };
    let first = page(60, None).await.unwrap();
    let second = page(60, first.next_marker().map(str::to_owned)).await.unwrap();
    assert_eq!((first.rules().len(), second.rules().len(), second.next_marker()), (60, 40, None));
    assert_eq!((first.rules()[59].priority(), second.rules()[0].priority()), (Some("60"), Some("61")));
    assert_eq!(second.rules()[39].priority(), Some("default"));
    for size in [0, 401] {
        assert_eq!(page(size, None).await.unwrap_err().code(), Some("ValidationError"));
    }
    assert_eq!(page(60, Some("next".to_owned())).await.unwrap_err().code(), Some("ValidationError"));

    let describe = || elb.describe_rules();
    let rule = first.rules()[0].rule_arn().unwrap();
    let code = async |call: DescribeRulesFluentBuilder| call.send().await.unwrap_err().code().unwrap().to_owned();
    assert_eq!(code(describe()).await, "ValidationError");
    assert_eq!(code(describe().listener_arn(&site.listener).rule_arns(rule)).await, "ValidationError");
    assert_eq!(code(describe().listener_arn(format!("{other}0"))).await, "ListenerNotFound");
    assert_eq!(code(describe().rule_arns(rule).rule_arns(format!("{rule}0"))).await, "RuleNotFound");
    assert_eq!(code(describe().rule_arns("rule")).await, "ValidationError");
    // A deleted rule makes room for another one.
    done!("elasticloadbalancing:DeleteRule", elb.delete_rule().rule_arn(rule));
    done!("elasticloadbalancing:CreateRule", of_other(2));
}
