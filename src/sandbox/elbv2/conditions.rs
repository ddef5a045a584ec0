//! The conditions of rules.

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpRequestMethodConditionConfig, PathPatternConditionConfig, RuleCondition,
};

use crate::registry::{Rejection, refuse};
use crate::world::elbv2::Condition;

const PATH: &str = "path-pattern";
const HOST: &str = "host-header";
const METHOD: &str = "http-request-method";

/// "Condition values per rule: 5", "Condition wildcards per rule: 5" ("Quotas for your Application Load Balancers").
/// Neither can be increased. The user guide also mentions three per condition, which the API does not enforce.
const VALUES_PER_RULE: usize = 5;
const WILDCARDS_PER_RULE: usize = 5;

/// Stands for the values of a condition that the sandbox does not model.
const UNMODELLED: &[String] = &[];

/// Returns the conditions of a rule after validation.
pub(super) fn from_sdk(conditions: &[RuleCondition]) -> Result<Vec<Condition>, Rejection> {
    // "Conditions.member.N […] Required: Yes" (CreateRule). "The default rule can't have conditions"; others must.
    if conditions.is_empty() {
        return refuse("ValidationError", "At least one condition must be specified");
    }
    let found: Vec<Condition> = conditions.iter().map(one).collect::<Result<_, _>>()?;
    // "Each rule can optionally include up to one of each of the following conditions: http-request-method,
    // host-header, path-pattern, and source-ip" (RuleCondition).
    for (at, condition) in found.iter().enumerate() {
        if found[..at].iter().any(|earlier| field(earlier) == field(condition)) {
            return refuse("ValidationError", format!("A rule can only have one '{}' condition", field(condition)));
        }
    }
    let count: usize = found.iter().map(|condition| values(condition).len()).sum();
    if count > VALUES_PER_RULE {
        return refuse("ValidationError", format!("A rule can only have '{VALUES_PER_RULE}' condition values"));
    }
    let patterns = found.iter().filter(|condition| field(condition) != METHOD).flat_map(values);
    let wildcards: usize = patterns.map(|pattern| pattern.matches(['*', '?']).count()).sum();
    if wildcards > WILDCARDS_PER_RULE {
        return refuse("ValidationError", format!("A rule can only have '{WILDCARDS_PER_RULE}' condition wildcards"));
    }
    Ok(found)
}

fn field(condition: &Condition) -> &'static str {
    match condition {
        Condition::PathPattern(_) => PATH,
        Condition::HostHeader(_) => HOST,
        Condition::HttpRequestMethod(_) => METHOD,
    }
}

fn values(condition: &Condition) -> &Vec<String> {
    match condition {
        Condition::PathPattern(values) | Condition::HostHeader(values) | Condition::HttpRequestMethod(values) => values,
    }
}

fn one(condition: &RuleCondition) -> Result<Condition, Rejection> {
    let field = match condition.field().unwrap_or_default() {
        "" => return refuse("ValidationError", "A condition field must be specified"),
        field @ (PATH | HOST | METHOD) => field,
        field @ ("http-header" | "query-string" | "source-ip") => {
            return refuse("SandboxUnknownMember", format!("the sandbox does not model conditions of type '{field}'"));
        }
        field => {
            return refuse(
                "ValidationError",
                format!(
                    "Condition field '{field}' must be one of '[http-header, {METHOD}, {HOST}, {PATH}, query-string, \
                     source-ip]'"
                ),
            );
        }
    };
    let (path, host) = (condition.path_pattern_config(), condition.host_header_config());
    let patterns_are_regular = [
        condition.regex_values(),
        path.map(PathPatternConditionConfig::regex_values).unwrap_or_default(),
        host.map(HostHeaderConditionConfig::regex_values).unwrap_or_default(),
    ];
    if patterns_are_regular.iter().any(|expressions| !expressions.is_empty()) {
        return refuse("SandboxUnknownMember", "the sandbox does not model regular expressions in conditions");
    }
    // "Specify only when Field is …" (RuleCondition).
    let configs = [
        (PATH, "PathPatternConfig", path.map(PathPatternConditionConfig::values)),
        (HOST, "HostHeaderConfig", host.map(HostHeaderConditionConfig::values)),
        (
            METHOD,
            "HttpRequestMethodConfig",
            condition.http_request_method_config().map(HttpRequestMethodConditionConfig::values),
        ),
        ("http-header", "HttpHeaderConfig", condition.http_header_config().map(|_| UNMODELLED)),
        ("query-string", "QueryStringConfig", condition.query_string_config().map(|_| UNMODELLED)),
        ("source-ip", "SourceIpConfig", condition.source_ip_config().map(|_| UNMODELLED)),
    ];
    if let Some((_, other, _)) = configs.iter().find(|(of, _, config)| *of != field && config.is_some()) {
        return refuse("ValidationError", format!("You cannot provide '{other}' for a condition of type '{field}'"));
    }
    let config = configs.iter().find(|(of, _, _)| *of == field).map(|(_, name, config)| (*name, *config));
    let (name, config) = config.unwrap_or_default();
    let values = match (condition.values(), config) {
        ([], None) if field == METHOD => {
            return refuse("ValidationError", format!("A '{name}' must be specified with '{field}'"));
        }
        // "Specify only when Field is host-header or path-pattern" (RuleCondition, Values).
        ([_, ..], _) if field == METHOD => {
            return refuse("ValidationError", format!("The 'Values' field is not compatible with '{field}'"));
        }
        ([_, ..], Some(_)) => {
            return refuse(
                "ValidationError",
                format!("You cannot provide both Values and '{name}' for a condition of type '{field}'"),
            );
        }
        // "You can specify a single host name", "you can specify a single path pattern" (RuleCondition, Values).
        ([_, _, ..], None) => {
            return refuse(
                "ValidationError",
                format!("The '{field}' field contains too many values; the limit is '1'"),
            );
        }
        ([], Some(values)) | (values, None) => values,
    };
    // "Note that the value for a condition can't be empty" (RuleCondition).
    if values.is_empty() || values.iter().any(String::is_empty) {
        return refuse("ValidationError", "A condition value must be specified");
    }
    let check = match field {
        PATH => check_path,
        HOST => check_host,
        _ => check_method,
    };
    for value in values {
        check(value)?;
    }
    let values = values.to_vec();
    Ok(match field {
        PATH => Condition::PathPattern(values),
        HOST => Condition::HostHeader(values),
        _ => Condition::HttpRequestMethod(values),
    })
}

fn check_length(field: &str, value: &str, limit: usize) -> Result<(), Rejection> {
    if value.chars().count() > limit {
        return refuse("ValidationError", format!("The '{field}' value is too long; the limit is '{limit}'"));
    }
    Ok(())
}

fn check_characters(field: &str, value: &str, special: &str) -> Result<(), Rejection> {
    match value.chars().find(|letter| !letter.is_ascii_alphanumeric() && !special.contains(*letter)) {
        Some(letter) => {
            refuse("ValidationError", format!("The '{field}' value '{value}' contains '{letter}', which is not valid"))
        }
        None => Ok(()),
    }
}

/// "Maximum 128 characters. Case sensitive. Allowed characters are a-z, A-Z, 0-9; the following special characters:
/// _-.$/~"'@:+; &; and wildcards (* and ?)" ("Add a listener rule for your Application Load Balancer").
fn check_path(value: &str) -> Result<(), Rejection> {
    check_length(PATH, value, 128)?;
    check_characters(PATH, value, "_-.$/~\"'@:+;&*?")
}

/// "Maximum 128 characters. Not case sensitive. Allowed characters are a-z, A-Z, 0-9; the following special characters:
/// -_.; and wildcards (* and ?). You must include at least one "." character. You can include only alphabetical
/// characters after the final "." character" ("Add a listener rule for your Application Load Balancer").
fn check_host(value: &str) -> Result<(), Rejection> {
    check_length(HOST, value, 128)?;
    check_characters(HOST, value, "-_.*?")?;
    match value.rsplit_once('.') {
        Some((_, last)) if !last.is_empty() && last.chars().all(|letter| letter.is_ascii_alphabetic()) => Ok(()),
        _ => refuse(
            "ValidationError",
            format!("The '{HOST}' value '{value}' must contain a '.' that only alphabetical characters follow"),
        ),
    }
}

/// "The maximum length is 40 characters. The allowed characters are A-Z, hyphen (-), and underscore (_). […] Wildcards
/// are not supported" (HttpRequestMethodConditionConfig).
fn check_method(value: &str) -> Result<(), Rejection> {
    check_length(METHOD, value, 40)?;
    if !value.chars().all(|letter| letter.is_ascii_uppercase() || "-_".contains(letter)) {
        return refuse(
            "ValidationError",
            format!("The '{METHOD}' value is invalid; the allowed characters are A-Z, hyphen and underscore"),
        );
    }
    Ok(())
}

/// Converts a condition to the SDK's type. AWS repeats the values of paths and hosts in both places.
pub(super) fn to_sdk(condition: &Condition) -> RuleCondition {
    let described = RuleCondition::builder().field(field(condition));
    match condition {
        Condition::PathPattern(values) => {
            let config = PathPatternConditionConfig::builder().set_values(Some(values.clone()));
            described.set_values(Some(values.clone())).path_pattern_config(config.build()).build()
        }
        Condition::HostHeader(values) => {
            let config = HostHeaderConditionConfig::builder().set_values(Some(values.clone()));
            described.set_values(Some(values.clone())).host_header_config(config.build()).build()
        }
        Condition::HttpRequestMethod(values) => {
            let config = HttpRequestMethodConditionConfig::builder().set_values(Some(values.clone()));
            described.http_request_method_config(config.build()).build()
        }
    }
}
