//! The parameters of PostgreSQL 13 to 17 that a parameter group of RDS can contain.

mod names;
mod values;

use names::{DYNAMIC, DYNAMIC_BOOLEANS, STATIC, STATIC_BOOLEANS};
use values::{INTEGERS, REALS, WORDS};

/// When a change of a parameter takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At once.
    Dynamic,
    /// With the next start of the server.
    Static,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// When a change takes effect.
    pub effect: Effect,
    /// The values that it can have.
    pub values: Values,
}

/// The values that RDS allows ("AllowedValues" of "DescribeDBParameters"). RDS accepts no units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    /// `0` or `1`.
    Boolean,
    /// A whole number from the least to the greatest, in the unit of `pg_settings`.
    Integer(i64, i64),
    /// A number from the least to the greatest.
    Real(f64, f64),
    /// One of these words, which are separated by commas.
    Word(&'static str),
    /// The server decides.
    Any,
}

impl Parameter {
    /// A parameter of an extension, of which nothing is known.
    pub const OF_EXTENSION: Self = Self { effect: Effect::Dynamic, values: Values::Any };
}

impl Values {
    /// Returns whether a parameter can have a value. A formula, for example `{DBInstanceClassMemory/9531392}` or
    /// `LEAST(…)`, is left to RDS, which alone knows the class of the instance.
    pub fn allow(self, value: &str) -> bool {
        let is_formula = value.contains(['{', '(']);
        match self {
            Self::Boolean => ["0", "1"].contains(&value),
            Self::Integer(..) | Self::Real(..) if is_formula => true,
            Self::Integer(least, greatest) => {
                value.parse::<i64>().is_ok_and(|number| (least..=greatest).contains(&number))
            }
            Self::Real(least, greatest) => {
                value.parse::<f64>().is_ok_and(|number| (least..=greatest).contains(&number))
            }
            Self::Word(words) => {
                let words = || words.split(',');
                // A server has hidden names for what is also on or off.
                let is_switch = words().any(|word| word == "on");
                words().any(|word| word.eq_ignore_ascii_case(value))
                    || is_switch && ["0", "1", "true", "false", "yes", "no"].contains(&value)
            }
            Self::Any => true,
        }
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("0 and 1"),
            Self::Integer(least, greatest) => write!(f, "whole numbers from {least} to {greatest}"),
            Self::Real(least, greatest) if *greatest >= f64::MAX => write!(f, "numbers from {least}"),
            Self::Real(least, greatest) => write!(f, "numbers from {least} to {greatest}"),
            Self::Word(words) => f.write_str(&words.replace(',', ", ")),
            Self::Any => f.write_str("any text"),
        }
    }
}

/// Returns a parameter by its name. The parameters of extensions, which contain a dot, are unknown, except for some of
/// those of RDS.
pub fn parameter(name: &str) -> Option<Parameter> {
    let is_in = |list: &str| list.split_ascii_whitespace().any(|one| one == name);
    let (effect, is_boolean) = match () {
        () if is_in(DYNAMIC_BOOLEANS) => (Effect::Dynamic, true),
        () if is_in(STATIC_BOOLEANS) => (Effect::Static, true),
        () if is_in(DYNAMIC) => (Effect::Dynamic, false),
        () if is_in(STATIC) => (Effect::Static, false),
        () => return None,
    };
    Some(Parameter { effect, values: if is_boolean { Values::Boolean } else { values_of(name) } })
}

fn values_of(name: &str) -> Values {
    let integer = INTEGERS.iter().find(|(one, ..)| *one == name).map(|(_, least, most)| Values::Integer(*least, *most));
    let real = || REALS.iter().find(|(one, ..)| *one == name).map(|(_, least, most)| Values::Real(*least, *most));
    let words = || WORDS.iter().find(|(one, _)| *one == name).map(|(_, words)| Values::Word(words));
    integer.or_else(real).or_else(words).unwrap_or(Values::Any)
}

/// Returns the names of all parameters.
pub fn names() -> impl Iterator<Item = &'static str> {
    [DYNAMIC_BOOLEANS, STATIC_BOOLEANS, DYNAMIC, STATIC].into_iter().flat_map(str::split_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_once() {
        let mut all: Vec<&str> = names().collect();
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
        assert!(before > 250);
        let connections = Parameter { effect: Effect::Static, values: Values::Integer(1, 262_143) };
        assert_eq!(parameter("max_connections"), Some(connections));
        let tls = Parameter { effect: Effect::Dynamic, values: Values::Boolean };
        assert_eq!(parameter("rds.force_ssl"), Some(tls));
        assert_eq!(parameter("log_conections"), None);
    }

    #[test]
    fn the_values_of_a_parameter_have_its_name() {
        let all: Vec<&str> = INTEGERS.iter().map(|one| one.0).chain(REALS.iter().map(|one| one.0)).collect();
        for name in all.into_iter().chain(WORDS.iter().map(|one| one.0)) {
            let known = parameter(name).unwrap_or_else(|| panic!("{name}"));
            assert!(!matches!(known.values, Values::Boolean | Values::Any), "{name}");
        }
    }

    #[test]
    fn values_outside_of_a_range_are_not_allowed() {
        let allows = |name, value| parameter(name).unwrap().values.allow(value);
        for value in ["64", "2147483647", "{DBInstanceClassMemory/9531392}", "LEAST({DBInstanceClassMemory/1024},64)"] {
            assert!(allows("work_mem", value), "{value}");
        }
        for value in ["63", "2147483648", "64MB", "64.5", "many", "1e3"] {
            assert!(!allows("work_mem", value), "{value}");
        }
        assert!(allows("random_page_cost", "1.1") && !allows("random_page_cost", "-1"));
        assert!(!allows("random_page_cost", "NaN") && !allows("cursor_tuple_fraction", "inf"));
        assert!(allows("log_statement", "ddl") && !allows("log_statement", "some"));
        assert!(allows("synchronous_commit", "remote_apply") && allows("synchronous_commit", "true"));
        assert!(allows("wal_compression", "lz4") && allows("log_connections", "1"));
    }
}
