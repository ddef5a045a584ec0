//! Rules of listeners.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::operation::create_rule::{CreateRuleError, CreateRuleInput, CreateRuleOutput};
use aws_sdk_elasticloadbalancingv2::operation::delete_rule::{DeleteRuleError, DeleteRuleInput, DeleteRuleOutput};
use aws_sdk_elasticloadbalancingv2::operation::describe_rules::{
    DescribeRulesError, DescribeRulesInput, DescribeRulesOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::modify_rule::{ModifyRuleError, ModifyRuleInput, ModifyRuleOutput};
use aws_sdk_elasticloadbalancingv2::operation::set_rule_priorities::{
    SetRulePrioritiesError, SetRulePrioritiesInput, SetRulePrioritiesOutput,
};
use aws_sdk_elasticloadbalancingv2::types::{Action as SdkAction, Rule as SdkRule};

use super::names::{SERVICE, arn_suffix};
use super::propagation::supersede_routing;
use super::{actions, conditions, tags};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::elbv2::{Action, Elbv2, Listener, Rule};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["listener_arn", "conditions", "priority", "actions", "tags"];
    registry.on(SERVICE, "CreateRule", fields, CreateRuleError::generic, create);
    let fields = &["listener_arn", "rule_arns", "marker", "page_size"];
    registry.on(SERVICE, "DescribeRules", fields, DescribeRulesError::generic, describe);
    registry.on(SERVICE, "ModifyRule", &["rule_arn", "conditions", "actions"], ModifyRuleError::generic, modify);
    registry.on(SERVICE, "SetRulePriorities", &["rule_priorities"], SetRulePrioritiesError::generic, set_priorities);
    registry.on(SERVICE, "DeleteRule", &["rule_arn"], DeleteRuleError::generic, delete);
}

/// "Rules per Application Load Balancer (excluding default rules): 100" ("Quotas for your Application Load Balancers").
const RULES_PER_LOAD_BALANCER: usize = 100;

fn create(call: &mut Call<'_>, input: &CreateRuleInput) -> Result<CreateRuleOutput, Rejection> {
    let listener_arn = input.listener_arn().unwrap_or_default().to_owned();
    let priority = check_priority(input.priority())?;
    let conditions = conditions::from_sdk(input.conditions())?;
    let elb = &call.region_state().elbv2;
    let Some(listener) = elb.listeners.get(&listener_arn) else { return listener_not_found(&listener_arn) };
    let action = check_actions(elb, listener, input.actions())?;
    // "A listener can't have multiple rules with the same priority" (CreateRule). The call is not idempotent: a second
    // one finds its priority in use.
    if elb.rules_of(&listener_arn).iter().any(|rule| rule.priority == priority) {
        return priority_in_use(priority);
    }
    let load_balancer_arn = &listener.load_balancer_arn;
    let listener_of = |rule: &Rule| elb.listeners.get(&rule.listener_arn);
    let is_counted = |rule: &&Rule| listener_of(rule).is_some_and(|one| one.load_balancer_arn == *load_balancer_arn);
    if elb.rules.values().filter(is_counted).count() >= RULES_PER_LOAD_BALANCER {
        let message = format!("The maximum number of rules on load balancer '{load_balancer_arn}' has been reached");
        return refuse("TooManyRules", message);
    }
    let id = arn_suffix(call);
    let arn = format!("{}/{id}", listener_arn.replacen(":listener/", ":listener-rule/", 1));
    supersede_routing(call, &listener_arn);
    let tags = tags::from_sdk(input.tags());
    let rule = Rule { arn: arn.clone(), listener_arn, priority, conditions, action, tags };
    let answer = to_sdk(&rule);
    call.region_state().elbv2.rules.insert(arn, rule);
    Ok(CreateRuleOutput::builder().rules(answer).build())
}

/// "Valid Range: Minimum value of 1. Maximum value of 50000" (CreateRule, RulePriorityPair).
fn check_priority(priority: Option<i32>) -> Result<i32, Rejection> {
    match priority {
        None => refuse("ValidationError", "A priority must be specified"),
        Some(priority) if (1..=50_000).contains(&priority) => Ok(priority),
        Some(priority) => refuse("ValidationError", format!("Priority '{priority}' must be between 1 and 50000")),
    }
}

fn check_actions(elb: &Elbv2, listener: &Listener, requested: &[SdkAction]) -> Result<Action, Rejection> {
    let load_balancer_arn = &listener.load_balancer_arn;
    let vpc_id = elb.load_balancers.get(load_balancer_arn).map(|balancer| balancer.vpc_id.as_str());
    let action = actions::from_sdk(elb, vpc_id.unwrap_or_default(), requested)?;
    // "Load balancers per target group: 1" ("Quotas for your Application Load Balancers").
    if let Action::Forward(group) = &action
        && elb.attached_load_balancers(group).iter().any(|balancer| balancer.arn != *load_balancer_arn)
    {
        return refuse(
            "TargetGroupAssociationLimit",
            format!("The following target groups cannot be associated with more than one load balancer: {group}"),
        );
    }
    Ok(action)
}

fn priority_in_use<T>(priority: i32) -> Result<T, Rejection> {
    refuse("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

fn listener_not_found<T>(arn: &str) -> Result<T, Rejection> {
    refuse("ListenerNotFound", format!("One or more listeners not found: {arn}"))
}

fn rule_not_found<T>(arn: &str) -> Result<T, Rejection> {
    if arn.is_empty() {
        return refuse("ValidationError", "A listener rule ARN must be specified");
    }
    if !arn.contains(":listener-rule/") {
        return refuse("ValidationError", format!("'{arn}' is not a valid listener rule ARN"));
    }
    refuse("RuleNotFound", format!("One or more rules not found: {arn}"))
}

/// Finds a rule that is about to be changed, which cannot be a default rule. `change` completes the message.
fn find(elb: &Elbv2, arn: &str, change: &str) -> Result<Rule, Rejection> {
    if let Some(rule) = elb.rules.get(arn) {
        return Ok(rule.clone());
    }
    // "To modify the actions for the default rule, use ModifyListener" (ModifyRule). "You can't delete the default
    // rule" (DeleteRule). "You can't change the priority of the default rule" ("Listener rules for your Application
    // Load Balancer").
    match elb.default_rule(arn) {
        Some(_) => refuse("OperationNotPermitted", format!("Default rule '{arn}' cannot be {change}")),
        None => rule_not_found(arn),
    }
}

fn to_sdk(rule: &Rule) -> SdkRule {
    SdkRule::builder()
        .rule_arn(&rule.arn)
        .priority(rule.priority.to_string())
        .is_default(false)
        .set_conditions(Some(rule.conditions.iter().map(conditions::to_sdk).collect()))
        .actions(actions::to_sdk(&rule.action))
        .build()
}

fn default_to_sdk(listener: &Listener) -> SdkRule {
    SdkRule::builder()
        .rule_arn(listener.default_rule_arn())
        .priority("default")
        .is_default(true)
        .set_conditions(Some(Vec::new()))
        .actions(actions::to_sdk(&listener.settings.action))
        .build()
}

/// The page size when none is requested, not documented. A client that reads only one page must not see all rules.
const PAGE: usize = 100;

fn describe(call: &mut Call<'_>, input: &DescribeRulesInput) -> Result<DescribeRulesOutput, Rejection> {
    // "Valid Range: Minimum value of 1. Maximum value of 400" (DescribeRules).
    let size = match input.page_size() {
        None => PAGE,
        Some(requested) => match usize::try_from(requested).ok().filter(|size| (1..=400).contains(size)) {
            Some(size) => size,
            None => return refuse("ValidationError", "Page size must be between 1 and 400"),
        },
    };
    let start = match input.marker().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start,
        Some(Err(_)) => return refuse("ValidationError", "The marker is not valid"),
    };
    let elb = &call.region_state().elbv2;
    let found: Vec<SdkRule> = match (input.listener_arn(), input.rule_arns()) {
        // "You must specify either a listener or rules" (DescribeRules).
        (None, []) => return refuse("ValidationError", "You must specify either listener rule ARNs or a listener ARN"),
        (Some(_), [_, ..]) => {
            return refuse(
                "ValidationError",
                "Listener rule ARNs and a listener ARN cannot be specified at the same time",
            );
        }
        (Some(arn), []) => {
            let Some(listener) = elb.listeners.get(arn) else { return listener_not_found(arn) };
            elb.rules_of(arn).into_iter().map(to_sdk).chain([default_to_sdk(listener)]).collect()
        }
        (None, arns) => arns.iter().map(|arn| described(elb, arn)).collect::<Result<_, _>>()?,
    };
    let next = (found.len() > start + size).then(|| (start + size).to_string());
    let page = found.into_iter().skip(start).take(size).collect();
    Ok(DescribeRulesOutput::builder().set_rules(Some(page)).set_next_marker(next).build())
}

fn described(elb: &Elbv2, arn: &str) -> Result<SdkRule, Rejection> {
    match (elb.rules.get(arn), elb.default_rule(arn)) {
        (Some(rule), _) => Ok(to_sdk(rule)),
        (None, Some(listener)) => Ok(default_to_sdk(listener)),
        (None, None) => rule_not_found(arn),
    }
}

/// "Replaces the specified properties of the specified rule. Any properties that you do not specify are unchanged"
/// (ModifyRule).
fn modify(call: &mut Call<'_>, input: &ModifyRuleInput) -> Result<ModifyRuleOutput, Rejection> {
    let elb = &call.region_state().elbv2;
    let before = find(elb, input.rule_arn().unwrap_or_default(), "modified")?;
    let mut rule = before.clone();
    if input.conditions().is_empty() && input.actions().is_empty() {
        return refuse("ValidationError", "Either conditions or actions must be specified");
    }
    if !input.conditions().is_empty() {
        rule.conditions = conditions::from_sdk(input.conditions())?;
    }
    if !input.actions().is_empty() {
        let Some(listener) = elb.listeners.get(&rule.listener_arn) else {
            return listener_not_found(&rule.listener_arn);
        };
        rule.action = check_actions(elb, listener, input.actions())?;
    }
    if rule != before {
        supersede_routing(call, &rule.listener_arn);
    }
    let answer = to_sdk(&rule);
    call.region_state().elbv2.rules.insert(rule.arn.clone(), rule);
    Ok(ModifyRuleOutput::builder().rules(answer).build())
}

/// "You can reorder the rules as long as there are no priority conflicts in the new order. Any existing rules that you
/// do not specify retain their current priority" (SetRulePriorities).
fn set_priorities(call: &mut Call<'_>, input: &SetRulePrioritiesInput) -> Result<SetRulePrioritiesOutput, Rejection> {
    let elb = &call.region_state().elbv2;
    let mut changed: Vec<Rule> = Vec::new();
    for pair in input.rule_priorities() {
        let priority = check_priority(pair.priority())?;
        let rule = find(elb, pair.rule_arn().unwrap_or_default(), "given another priority")?;
        if changed.iter().any(|other| other.priority == priority) {
            return refuse("ValidationError", format!("Priority '{priority}' was provided multiple times"));
        }
        if changed.iter().any(|other| other.arn == rule.arn) {
            return refuse("ValidationError", format!("Rule '{}' was provided multiple times", rule.arn));
        }
        changed.push(Rule { priority, ..rule });
    }
    // "Information about the priorities for the rules for a listener" (RulePriorityPair).
    let listeners: BTreeSet<String> = changed.iter().map(|rule| rule.listener_arn.clone()).collect();
    let listener_arn = match listeners.into_iter().collect::<Vec<_>>().as_slice() {
        [listener_arn] => listener_arn.clone(),
        [] => return refuse("ValidationError", "Rule priorities must be specified"),
        _ => return refuse("ValidationError", "All rules must belong to the same listener"),
    };
    let kept = elb.rules_of(&listener_arn).into_iter().filter(|rule| !changed.iter().any(|new| new.arn == rule.arn));
    for rule in kept {
        if changed.iter().any(|new| new.priority == rule.priority) {
            return priority_in_use(rule.priority);
        }
    }
    supersede_routing(call, &listener_arn);
    let answer = changed.iter().map(to_sdk).collect();
    call.region_state().elbv2.rules.extend(changed.into_iter().map(|rule| (rule.arn.clone(), rule)));
    Ok(SetRulePrioritiesOutput::builder().set_rules(Some(answer)).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteRuleInput) -> Result<DeleteRuleOutput, Rejection> {
    let rule = find(&call.region_state().elbv2, input.rule_arn().unwrap_or_default(), "deleted")?;
    supersede_routing(call, &rule.listener_arn);
    call.region_state().elbv2.rules.remove(&rule.arn);
    Ok(DeleteRuleOutput::builder().build())
}
