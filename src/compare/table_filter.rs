//! Selects tables by `schema.table`, with the wildcards of DMS, so that a comparison covers what the task replicates.

use std::str::FromStr;

/// A pattern for schemas and tables. `%` matches any text, `_` one character, `[_]` an underscore, `[ab]` and `[a-d]`
/// one character of a set ("Wildcards in table mapping", AWS DMS user guide). A pattern without a dot matches a table
/// in the schema `public`, as in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern {
    schema: Vec<Part>,
    table: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Of(Vec<(char, char)>),
    Just(char),
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
        let just = |name: &str| name.chars().map(Part::Just).collect();
        Self { schema: just(schema), table: just(table) }
    }

    /// Returns whether the pattern matches a table.
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        self.matches_schema(schema) && fits(&self.table, &table.chars().collect::<Vec<_>>())
    }

    /// Returns whether the pattern can match a table of a schema.
    pub(super) fn matches_schema(&self, schema: &str) -> bool {
        fits(&self.schema, &schema.chars().collect::<Vec<_>>())
    }
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        parts.push(match character {
            '%' => Part::Any,
            '_' => Part::One,
            '[' => Part::Of(set(&mut rest)?),
            other => Part::Just(other),
        });
    }
    Some(parts)
}

fn set(rest: &mut std::str::Chars<'_>) -> Option<Vec<(char, char)>> {
    let (inside, after) = rest.as_str().split_once(']').filter(|(inside, _)| !inside.is_empty())?;
    let inside: Vec<char> = inside.chars().collect();
    *rest = after.chars();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inside.len() {
        let range = inside.get(at + 1) == Some(&'-') && at + 2 < inside.len();
        ranges.push((inside[at], inside[if range { at + 2 } else { at }]));
        at += if range { 3 } else { 1 };
    }
    Some(ranges)
}

/// Matches a text against a pattern. The last `%` is the only point to backtrack to.
fn fits(pattern: &[Part], text: &[char]) -> bool {
    let (mut at, mut seen, mut back) = (0, 0, None);
    loop {
        let fits_here = match (pattern.get(at), text.get(seen)) {
            (None, None) => return true,
            (Some(Part::Any), _) => {
                back = Some((at, seen));
                at += 1;
                continue;
            }
            (Some(Part::One), Some(_)) => true,
            (Some(Part::Of(ranges)), Some(character)) => {
                ranges.iter().any(|(from, to)| (from..=to).contains(&character))
            }
            (Some(Part::Just(expected)), Some(character)) => expected == character,
            _ => false,
        };
        if fits_here {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((any, from)) = back.filter(|(_, from)| *from < text.len()) {
            back = Some((any, from + 1));
            (at, seen) = (any + 1, from + 1);
        } else {
            return false;
        }
    }
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
