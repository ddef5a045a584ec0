//! Enums. Their labels have an order, which sorting and comparing use.

use super::difference::ObjectKind;
use super::kind::{Kind, Object, Weight, is_own};
use crate::sql::literal;

pub(super) const ENUMS: Kind = Kind {
    kind: ObjectKind::Enum,
    label: "enums",
    sql: |_| {
        format!(
            "SELECT n.nspname::text, t.typname::text, 'object', format('%I.%I', n.nspname, t.typname), \
             string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), \
             ARRAY[format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname, \
             string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))], NULL::text, \
             ARRAY[format('%I.%I', n.nspname, t.typname)] || array_agg(e.enumlabel::text ORDER BY e.enumsortorder) \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid \
             WHERE {} GROUP BY n.nspname, t.typname, t.oid",
            is_own("pg_type", "t.oid", "n.nspname")
        )
    },
    weights: [Weight::Difference, Weight::Difference, Weight::Note],
    change: added_labels,
};

/// Adds the labels that the target lacks. Labels cannot be moved or removed, so another order has no statement.
fn added_labels(source: &Object, target: &Object) -> Vec<String> {
    let (Some((name, labels)), Some((_, present))) = (source.parts.split_first(), target.parts.split_first()) else {
        return Vec::new();
    };
    let expected: Vec<&String> = labels.iter().filter(|label| present.contains(label)).collect();
    if expected.len() != present.len() || expected.iter().zip(present).any(|(one, other)| *one != other) {
        return Vec::new();
    }
    let mut statements = Vec::new();
    for (at, label) in labels.iter().enumerate().filter(|(_, label)| !present.contains(label)) {
        // Its predecessor exists, because labels are added in their order.
        let place = match (at.checked_sub(1).and_then(|before| labels.get(before)), present.first()) {
            (Some(before), _) => format!(" AFTER {}", literal(before)),
            (None, Some(first)) => format!(" BEFORE {}", literal(first)),
            (None, None) => String::new(),
        };
        statements.push(format!("ALTER TYPE {name} ADD VALUE {}{place}", literal(label)));
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(list: &[&str]) -> Object {
        let parts = std::iter::once("s.m").chain(list.iter().copied()).map(str::to_owned).collect();
        Object { definition: String::new(), position: 0, create: Vec::new(), drop: None, parts }
    }

    #[test]
    fn labels_are_added_at_their_place() {
        let added = |source: &[&str], target: &[&str]| added_labels(&labels(source), &labels(target));
        assert_eq!(
            added(&["a", "b", "it's", "d"], &["b", "d"]),
            ["ALTER TYPE s.m ADD VALUE 'a' BEFORE 'b'", "ALTER TYPE s.m ADD VALUE 'it''s' AFTER 'b'"]
        );
        assert!(added(&["a", "b"], &["b", "a"]).is_empty() && added(&["a"], &["a", "b"]).is_empty());
    }
}
