//! Extensions, encodings and collations.

use std::collections::BTreeMap;

use super::finding::{Findings, Topic};
use crate::database::Database;
use crate::error::Error;

pub(super) async fn check(source: Database<'_>, target: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    extensions(source, target, findings).await?;
    encodings(source, target, findings).await
}

async fn extensions(source: Database<'_>, target: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    const INSTALLED: &str =
        "SELECT extname::text, extversion FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1";
    const OFFERED: &str = "SELECT name::text, coalesce(installed_version, default_version) \
         FROM pg_catalog.pg_available_extensions";
    let mut offered: BTreeMap<String, Option<String>> = BTreeMap::new();
    for row in target.query("read the extensions", OFFERED, &[]).await? {
        offered.insert(row.get(0)?, row.get(1)?);
    }
    for row in source.query("read the extensions", INSTALLED, &[]).await? {
        let (name, version): (String, String) = (row.get(0)?, row.get(1)?);
        match offered.get(&name) {
            None => {
                let action = "choose an engine version that offers it, or exclude it if nothing depends on it";
                findings.fail(Topic::Extensions, target.label(), &name, "the server does not offer it", action);
            }
            Some(Some(other)) if *other == version => {
                findings.pass(Topic::Extensions, target.label(), format!("{name} {version} is offered"));
            }
            Some(other) => {
                let other = other.as_deref().unwrap_or("an unknown version");
                let what = format!("{version} on the source, {other} here");
                findings.warn(Topic::Extensions, target.label(), &name, what, "read the changes of the extension");
            }
        }
    }
    Ok(())
}

async fn encodings(source: Database<'_>, target: Database<'_>, findings: &mut Findings) -> Result<(), Error> {
    // Later versions have further columns: the provider since 15, `datlocale` since 17 (`daticulocale` before).
    const SQL: &str = "SELECT pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, \
         coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'), \
         coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''), \
         coalesce(to_jsonb(d) ->> 'datcollversion', '') \
         FROM pg_catalog.pg_database d WHERE datname = current_database()";
    const WHAT: &str = "read the encoding";
    let (ours, theirs) = (source.query_one(WHAT, SQL, &[]).await?, target.query_one(WHAT, SQL, &[]).await?);
    let side = target.label();
    let text = |at| Ok::<_, Error>([ours.get::<String>(at)?, theirs.get::<String>(at)?]);
    let [old, new] = text(0)?;
    if old == new {
        findings.pass(Topic::Encoding, side, format!("{old} on both sides"));
    } else if new == "UTF8" {
        let what = format!("{old} on the source, UTF8 here: values have more bytes");
        let action = "check the lengths of columns that are limited in bytes, and compare the rows";
        findings.warn(Topic::Encoding, side, "database", what, action);
    } else {
        let what = format!("{old} on the source, {new} here: not every character exists");
        findings.fail(Topic::Encoding, side, "database", what, format!("create it with the encoding {old}"));
    }
    let mut differences = Vec::new();
    for (at, name) in [(1, "collation"), (2, "character type"), (3, "provider"), (4, "locale"), (5, "version")] {
        let [old, new] = text(at)?;
        if old != new {
            let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
            differences.push(format!("{name} {} on the source, {} here", shown(&old), shown(&new)));
        }
    }
    if !differences.is_empty() {
        let action = "create the database with the same locale if the order of texts matters to the service; a version \
             of its own is no problem, because the indexes are built here";
        findings.warn(Topic::Collation, side, "database", differences.join(", "), action);
    }
    Ok(())
}
