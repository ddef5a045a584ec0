//! Versions, classes and parameters of PostgreSQL and of the services that run it.

use std::ops::RangeInclusive;

use infra_base::postgres_parameters::{Values, names, parameter};

use crate::suggest::did_you_mean;

/// Returns whether a part of a version is a number as AWS writes it, without a sign or leading zeros.
pub(super) fn is_number(part: &str) -> bool {
    let digits = !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    digits && (part == "0" || !part.starts_with('0'))
}

/// Returns whether a text is an instance class, for example `db.r5.large`.
pub(super) fn is_class(text: &str, service: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let parts: Vec<&str> = text.split('.').collect();
    matches!(parts.as_slice(), [first, family, size] if *first == service && word(family) && word(size))
}

/// The major versions of PostgreSQL whose parameters are known.
const KNOWN: RangeInclusive<u32> = 13..=17;

/// Returns what is wrong with a parameter of an engine version and its value, and what to write instead. Parameters of
/// extensions, which contain a dot, and those of other versions are left to RDS.
pub(super) fn mistake_in_parameter(version: &str, name: &str, value: &str) -> Option<(String, String)> {
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    let is_known = major.is_some_and(|major| KNOWN.contains(&major));
    let known = parameter(name).filter(|_| is_known);
    if is_known && known.is_none() && !name.contains('.') {
        let all: Vec<&str> = names().collect();
        let help = did_you_mean(name, &all, "use the names of `pg_settings`, in lower case");
        return Some((format!("PostgreSQL has no parameter `{name}`"), help));
    }
    if value.trim() != value || value.is_empty() {
        let message = format!("the value of the parameter `{name}` is empty, or has spaces around it");
        return Some((message, "write the value as `pg_settings` shows it, without its unit".to_owned()));
    }
    let values = known.map(|known| known.values).filter(|values| !values.allow(value))?;
    let message = format!("the parameter `{name}` cannot be `{value}`: RDS allows {values}");
    let help = match values {
        Values::Boolean => {
            let on = ["on", "true", "yes"].contains(&value.to_lowercase().as_str());
            format!("use \"{}\"", u8::from(on))
        }
        Values::Integer(..) | Values::Real(..) => {
            "write a number in the unit that `pg_settings` shows, without the unit, or a formula of RDS".to_owned()
        }
        Values::Word(_) | Values::Any => "use one of these words".to_owned(),
    };
    Some((message, help))
}
