//! Data types, resolved to what their values look like.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Client;

use crate::error::Error;

/// A data type with its modifier.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// The type as SQL, for a cast.
    pub(crate) text: String,
    /// What its values look like.
    pub(crate) shape: Shape,
    /// The definitions of the checks of its domains, in which the value is called `VALUE`.
    pub(crate) checks: Vec<Arc<str>>,
    /// Whether a domain forbids NULL.
    pub(crate) not_null: bool,
}

/// What the values of a type look like.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A type of PostgreSQL or of an extension by its name, with its modifier (-1: none).
    Base(String, i32),
    /// An enum with its labels.
    Enum(Arc<[String]>),
    /// An array of elements.
    Array(Box<Kind>),
    /// A composite type with its fields.
    Composite(Vec<Kind>),
    /// A range of another type.
    Range(Box<Kind>),
    /// A set of ranges.
    Multirange(Box<Kind>),
}

struct Raw {
    name: String,
    quoted: String,
    /// `typtype`: b, c, d, e, m, p, r.
    class: char,
    element: u32,
    is_array: bool,
    base: u32,
    base_modifier: i32,
    not_null: bool,
    fields: Vec<(u32, i32)>,
    subtype: u32,
}

/// All types of a database.
pub(crate) struct Kinds {
    raw: HashMap<u32, Raw>,
    labels: HashMap<u32, Arc<[String]>>,
    checks: HashMap<u32, Vec<Arc<str>>>,
}

/// "pg_type", PostgreSQL documentation: a true array type is one whose element type names it in `typarray`.
const TYPES: &str = "SELECT t.oid, t.typname::text, \
    format_type(t.oid, NULL), t.typtype::text, t.typelem, \
    EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid), \
    t.typbasetype, t.typtypmod, t.typnotnull, coalesce(r.rngsubtype, m.rngsubtype, 0) \
    FROM pg_type t LEFT JOIN pg_range r ON r.rngtypid = t.oid LEFT JOIN pg_range m ON m.rngmultitypid = t.oid";

const FIELDS: &str = "SELECT c.reltype, a.atttypid, a.atttypmod FROM pg_attribute a \
    JOIN pg_class c ON c.oid = a.attrelid WHERE c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped \
    ORDER BY a.attrelid, a.attnum";

const LABELS: &str = "SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum GROUP BY 1";

const CHECKS: &str = "SELECT contypid, pg_get_constraintdef(oid) FROM pg_constraint \
    WHERE contypid <> 0 AND contype = 'c' ORDER BY 1, conname";

impl Kinds {
    pub(super) async fn read(client: &Client) -> Result<Self, Error> {
        let failed = |error: tokio_postgres::Error| Error::database("read the types of the database", &error);
        let mut raw = HashMap::new();
        for row in client.query(TYPES, &[]).await.map_err(failed)? {
            let class: &str = row.get(3);
            let kind = Raw {
                name: row.get(1),
                quoted: row.get(2),
                class: class.chars().next().unwrap_or('b'),
                element: row.get(4),
                is_array: row.get(5),
                base: row.get(6),
                base_modifier: row.get(7),
                not_null: row.get(8),
                fields: Vec::new(),
                subtype: row.get(9),
            };
            raw.insert(row.get(0), kind);
        }
        for row in client.query(FIELDS, &[]).await.map_err(failed)? {
            if let Some(kind) = raw.get_mut(&row.get::<_, u32>(0)) {
                kind.fields.push((row.get(1), row.get(2)));
            }
        }
        let labels = client.query(LABELS, &[]).await.map_err(failed)?;
        let labels = labels.iter().map(|row| (row.get(0), row.get::<_, Vec<String>>(1).into())).collect();
        let mut checks: HashMap<u32, Vec<Arc<str>>> = HashMap::new();
        for row in client.query(CHECKS, &[]).await.map_err(failed)? {
            checks.entry(row.get(0)).or_default().push(row.get::<_, String>(1).into());
        }
        Ok(Self { raw, labels, checks })
    }

    /// Resolves a type. `text` is the type as SQL.
    pub(super) fn resolve(&self, oid: u32, modifier: i32, text: String) -> Kind {
        let Some(raw) = self.raw.get(&oid) else {
            let shape = Shape::Base(text.clone(), modifier);
            return Kind { text, shape, checks: Vec::new(), not_null: false };
        };
        let inner = |oid: u32, modifier: i32| {
            let text = self.raw.get(&oid).map(|kind| kind.quoted.clone()).unwrap_or_default();
            self.resolve(oid, modifier, text)
        };
        let shape = match raw.class {
            'e' => Shape::Enum(self.labels.get(&oid).cloned().unwrap_or_default()),
            'd' => {
                // The modifier of a column of a domain is the one of the domain.
                let base = inner(raw.base, raw.base_modifier);
                let own = self.checks.get(&oid).cloned().unwrap_or_default();
                let checks = base.checks.into_iter().chain(own).collect();
                return Kind { text, shape: base.shape, checks, not_null: base.not_null || raw.not_null };
            }
            'c' => Shape::Composite(raw.fields.iter().map(|(oid, modifier)| inner(*oid, *modifier)).collect()),
            'r' => Shape::Range(Box::new(inner(raw.subtype, -1))),
            'm' => Shape::Multirange(Box::new(inner(raw.subtype, -1))),
            _ if raw.is_array => Shape::Array(Box::new(inner(raw.element, modifier))),
            _ => Shape::Base(raw.name.clone(), modifier),
        };
        Kind { text, shape, checks: Vec::new(), not_null: false }
    }
}
