//! What a kind of object is, and how the objects of one side are read.

use std::collections::{BTreeMap, BTreeSet};

use infra_connect::DatabaseError;

use super::difference::ObjectKind;
use crate::catalog::Name;
use crate::database::Database;
use crate::options::Options;
use crate::sql::Query;

/// A kind of object: its query, and what its differences mean.
pub(crate) struct Kind {
    pub(super) kind: ObjectKind,
    /// What a reader reads if the query fails.
    pub(crate) label: &'static str,
    /// Returns the query for a version of the server. Its columns: the schema; the name of the table, or of the object
    /// if it belongs to no table; which of them, `table`, `object` or `always`; the name of the object for people,
    /// which identifies it; its definition; the statement that creates it; the statement that drops it, or NULL; and
    /// parts of the definition.
    pub(super) sql: fn(i32) -> String,
    /// What it means if only the source has the object, if the definitions differ, or if only the target has it.
    pub(super) weights: [Weight; 3],
    /// Returns the statements that change the target's object into the source's. Both exist.
    pub(super) change: fn(&Object, &Object) -> Vec<String>,
}

impl Kind {
    /// Returns whether this is a kind.
    pub(crate) fn is(&self, kind: ObjectKind) -> bool {
        self.kind == kind
    }
}

/// The meaning of a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Difference,
    Note,
    /// It is reported elsewhere.
    Ignored,
}

/// An object of one side.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(super) definition: String,
    /// Its position in the answer of the server.
    pub(super) position: usize,
    /// The statements that create it.
    pub(crate) create: Vec<String>,
    pub(super) drop: Option<String>,
    pub(super) parts: Vec<String>,
}

/// The objects of one kind by name.
pub(crate) type Objects = BTreeMap<String, Object>;

/// Reads the objects of a kind that the options and the selected tables cover.
pub(crate) async fn read(
    kind: &Kind,
    database: &Database,
    options: &Options,
    tables: &BTreeSet<&Name>,
) -> Result<Objects, DatabaseError> {
    let mut objects = Objects::new();
    for (position, row) in database.rows(&Query::plain((kind.sql)(database.info.version))).await?.iter().enumerate() {
        let name: Name = (row.get(0), row.get(1));
        let is_covered = match row.get::<_, &str>(2) {
            "table" => tables.contains(&name),
            "object" => options.covers_object(&name.0, &name.1),
            _ => true,
        };
        // A definition is NULL if the object was dropped at the same time.
        let (Some(definition), true) = (row.get::<_, Option<String>>(4), is_covered) else { continue };
        let object = Object {
            definition,
            position: if kind.is(ObjectKind::View) { position } else { 0 },
            create: row.get::<_, Option<Vec<String>>>(5).unwrap_or_default(),
            drop: row.get(6),
            parts: row.get::<_, Option<Vec<String>>>(7).unwrap_or_default(),
        };
        objects.insert(row.get(3), object);
    }
    Ok(objects)
}

/// Replaces the object: drops the one of the target and creates the one of the source.
pub(super) fn replaced(source: &Object, target: &Object) -> Vec<String> {
    target.drop.iter().chain(&source.create).cloned().collect()
}

/// Creates the object of the source; the statements replace the one of the target.
pub(super) fn created(source: &Object, _: &Object) -> Vec<String> {
    source.create.clone()
}

/// There is no statement.
pub(super) fn nothing(_: &Object, _: &Object) -> Vec<String> {
    Vec::new()
}

/// A condition for objects that are neither part of the server nor of an extension.
pub(super) fn is_own(class: &str, id: &str, schema: &str) -> String {
    format!(
        "{schema} <> 'information_schema' AND {schema} NOT LIKE 'pg\\_%' AND NOT EXISTS (SELECT FROM pg_depend x \
         WHERE x.classid = '{class}'::regclass AND x.objid = {id} AND x.deptype = 'e')"
    )
}
