//! The actions of rules and the default actions of listeners.

use aws_sdk_elasticloadbalancingv2::types::{
    Action as SdkAction, ActionTypeEnum, FixedResponseActionConfig, RedirectActionConfig, RedirectActionStatusCodeEnum,
};

use crate::registry::{Rejection, refuse};
use crate::world::elbv2::{Action, Elbv2};

/// The placeholders for the parts of a URL that a redirect keeps (RedirectActionConfig).
const SAME_HOST: &str = "#{host}";
const SAME_PATH: &str = "/#{path}";
const SAME_QUERY: &str = "#{query}";

/// Returns the action of a rule or listener after validation. `vpc_id` is the VPC of the load balancer.
pub(super) fn from_sdk(elb: &Elbv2, vpc_id: &str, actions: &[SdkAction]) -> Result<Action, Rejection> {
    let action = single(actions)?;
    // "The order for the action. […] Valid Range: Minimum value of 1. Maximum value of 50000" (Action).
    if let Some(order) = action.order().filter(|order| !(1..=50_000).contains(order)) {
        return refuse("ValidationError", format!("Action order '{order}' must be between 1 and 50000"));
    }
    refuse_unmodelled(action)?;
    let parts = (action.r#type(), action.target_group_arn(), action.redirect_config(), action.fixed_response_config());
    match parts {
        (Some(ActionTypeEnum::Forward), Some(arn), None, None) => match elb.target_groups.get(arn) {
            None => refuse("TargetGroupNotFound", format!("One or more target groups not found: {arn}")),
            Some(group) if group.vpc_id != vpc_id => refuse(
                "InvalidConfigurationRequest",
                format!("The following target groups are in a different VPC than load balancer: {arn}"),
            ),
            Some(_) => Ok(Action::Forward(arn.to_owned())),
        },
        (Some(ActionTypeEnum::Redirect), None, Some(to), None) => redirect(to),
        (Some(ActionTypeEnum::FixedResponse), None, None, Some(response)) => fixed_response(response),
        _ => refuse("InvalidLoadBalancerAction", "The action is not valid"),
    }
}

/// "Each rule must include exactly one of the following actions: forward, redirect, or fixed-response, and it must be
/// the last action to be performed" ("Listener rules for your Application Load Balancer").
fn single(actions: &[SdkAction]) -> Result<&SdkAction, Rejection> {
    let ends = |action: &&SdkAction| {
        matches!(
            action.r#type(),
            Some(ActionTypeEnum::Forward | ActionTypeEnum::Redirect | ActionTypeEnum::FixedResponse)
        )
    };
    match actions {
        [] => refuse("ValidationError", "At least one action must be specified"),
        [action] => Ok(action),
        several if several.iter().filter(ends).count() != 1 => {
            refuse("InvalidLoadBalancerAction", "Exactly one forward, redirect or fixed-response action is required")
        }
        _ => refuse("SandboxUnknownMember", "the sandbox does not model actions before the last one"),
    }
}

fn refuse_unmodelled(action: &SdkAction) -> Result<(), Rejection> {
    let unmodelled = [
        ("ForwardConfig", action.forward_config().is_some()),
        ("AuthenticateOidcConfig", action.authenticate_oidc_config().is_some()),
        ("AuthenticateCognitoConfig", action.authenticate_cognito_config().is_some()),
        ("JwtValidationConfig", action.jwt_validation_config().is_some()),
    ];
    match unmodelled.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => refuse("SandboxUnknownMember", format!("the sandbox does not model {name} of actions")),
        None => Ok(()),
    }
}

fn redirect(to: &RedirectActionConfig) -> Result<Action, Rejection> {
    let Some(code) = to.status_code() else {
        return refuse("ValidationError", "A redirect requires a status code");
    };
    let changes = |part: Option<&str>, same: &str| part.is_some_and(|part| part != same);
    if changes(to.host(), SAME_HOST) || changes(to.path(), SAME_PATH) || changes(to.query(), SAME_QUERY) {
        return refuse("SandboxUnknownMember", "the sandbox models only redirects to the same host, path and query");
    }
    let (protocol, port) = (to.protocol().unwrap_or("#{protocol}"), to.port().unwrap_or("#{port}"));
    Ok(Action::Redirect(protocol.to_owned(), port.to_owned(), code.as_str().to_owned()))
}

/// The rules are those of FixedResponseActionConfig.
fn fixed_response(response: &FixedResponseActionConfig) -> Result<Action, Rejection> {
    let code = response.status_code().unwrap_or_default();
    // "Pattern: ^(2|4|5)\d\d$", "Required: Yes"
    if code.len() != 3 || !code.starts_with(['2', '4', '5']) || !code.bytes().all(|digit| digit.is_ascii_digit()) {
        return refuse(
            "ValidationError",
            format!("Fixed response status code '{code}' must satisfy the pattern ^(2|4|5)\\d\\d$"),
        );
    }
    // "Valid Values: text/plain | text/css | text/html | application/javascript | application/json", "Minimum length of
    // 0"
    let content_type = response.content_type().filter(|content_type| !content_type.is_empty());
    let allowed = ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];
    if content_type.is_some_and(|content_type| !allowed.contains(&content_type)) {
        return refuse(
            "InvalidLoadBalancerAction",
            format!("The ContentType must be one of: '{}'", allowed.join("', '")),
        );
    }
    // "Maximum length of 1024". Counted in bytes, which is the stricter way to read it.
    let message_body = response.message_body();
    if message_body.is_some_and(|body| body.len() > 1024) {
        return refuse("ValidationError", "Fixed response message body must have a length less than or equal to 1024");
    }
    Ok(Action::FixedResponse {
        status_code: code.to_owned(),
        content_type: content_type.map(str::to_owned),
        message_body: message_body.map(str::to_owned),
    })
}

/// Converts an action to the SDK's type.
pub(super) fn to_sdk(action: &Action) -> SdkAction {
    let described = SdkAction::builder();
    match action {
        Action::Forward(arn) => described.r#type(ActionTypeEnum::Forward).target_group_arn(arn).build(),
        Action::Redirect(protocol, port, code) => {
            let to = RedirectActionConfig::builder()
                .protocol(protocol)
                .port(port)
                .host(SAME_HOST)
                .path(SAME_PATH)
                .query(SAME_QUERY);
            let to = to.status_code(RedirectActionStatusCodeEnum::from(code.as_str())).build();
            described.r#type(ActionTypeEnum::Redirect).redirect_config(to).build()
        }
        Action::FixedResponse { status_code, content_type, message_body } => {
            let response = FixedResponseActionConfig::builder()
                .status_code(status_code)
                .set_content_type(content_type.clone())
                .set_message_body(message_body.clone());
            described.r#type(ActionTypeEnum::FixedResponse).fixed_response_config(response.build()).build()
        }
    }
}
