//! Selects tables by `schema.table`, with the wildcards of DMS, so that a comparison covers what the task replicates.

use std::str::FromStr;

use infra_base::wildcard::{Part, exactly, fits, ranges};

/// A pattern for schemas and tables. `%` matches any text, `_` one character, `[_]` an underscore, `[ab]` and `[a-d]`
/// one character of a set ("Wildcards in table mapping", AWS DMS user guide). A pattern without a dot matches a table
/// in the schema `public`, as in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern {
    schema: Vec<Part>,
    table: Vec<Part>,
}

/// The reason why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a table pattern: a `[` has no `]`, or the schema or table is empty")]
pub struct TablePatternError(String);

impl FromStr for TablePattern {
    type Err = TablePatternError;

    fn from_str(text: &str) -> Result<Self, TablePatternError> {
        let (schema, table) = text.split_once('.').unwrap_or(("public", text));
        let read = |part: &str| {
            parts(part).filter(|parts| !parts.is_empty()).ok_or_else(|| TablePatternError(text.to_owned()))
        };
        Ok(Self { schema: read(schema)?, table: read(table)? })
    }
}

impl TablePattern {
    /// Returns the pattern that matches one table.
    pub fn exact(schema: &str, table: &str) -> Self {
        Self { schema: exactly(schema), table: exactly(table) }
    }

    /// Returns whether the pattern matches a table.
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        self.matches_schema(schema) && fits(&self.table, table)
    }

    /// Returns whether the pattern can match a table of a schema.
    pub(super) fn matches_schema(&self, schema: &str) -> bool {
        fits(&self.schema, schema)
    }
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        parts.push(match character {
            '%' => Part::Any,
            '_' => Part::One,
            '[' => Part::Set(set(&mut rest)?),
            other => Part::Literal(other),
        });
    }
    Some(parts)
}

fn set(rest: &mut std::str::Chars<'_>) -> Option<Vec<(char, char)>> {
    let (inside, after) = rest.as_str().split_once(']').filter(|(inside, _)| !inside.is_empty())?;
    let inside: Vec<char> = inside.chars().collect();
    *rest = after.chars();
    Some(ranges(&inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, schema: &str, table: &str) -> bool {
        pattern.parse::<TablePattern>().unwrap().matches(schema, table)
    }

    #[test]
    fn wildcards_have_the_meaning_of_dms() {
        assert!(matches("public.%", "public", "payments"));
        assert!(!matches("public.%", "other", "payments"));
        assert!(matches("%.%", "", ""));
        assert!(matches("pay%.%log", "payments", "log_log"));
        assert!(!matches("pay%.%log", "payments", "log_logs"));
        assert!(matches("public.a_c", "public", "abc") && !matches("public.a_c", "public", "ac"));
        assert!(matches("public.a[_]c", "public", "a_c") && !matches("public.a[_]c", "public", "abc"));
        assert!(
            matches("public.t[1-39]", "public", "t2")
                && matches("public.t[1-39]", "public", "t9")
                && !matches("public.t[1-39]", "public", "t4")
        );
        assert!(matches("orders", "public", "orders") && !matches("orders", "sales", "orders"));
        assert!(matches("public.a.b", "public", "a.b"));
        assert!(matches("public.%a%b%", "public", "xxaybyb"));
    }

    #[test]
    fn the_error_contains_the_invalid_pattern() {
        for wrong in ["", ".", "public.", ".a", "public.[", "public.[]", "public.[ab"] {
            let error = wrong.parse::<TablePattern>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{error}");
        }
    }
}
