//! A schema as a list of objects, which `pg_restore` makes of an archive.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::error::SchemaError;
use super::section::Section;

/// An object of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The kind in the words of `pg_dump`, for example `TABLE`, `FK CONSTRAINT` or `ACL`.
    pub kind: String,
    /// The schema; `None` for an object outside schemas.
    pub schema: Option<String>,
    /// The name in the words of `pg_dump`, for example `payments payments_pkey` for a constraint.
    pub name: String,
    /// The statements that create it.
    pub statement: String,
}

impl Entry {
    /// Returns whether the statements are grants.
    pub(super) fn is_privileges(&self) -> bool {
        matches!(self.kind.as_str(), "ACL" | "DEFAULT ACL")
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(formatter, "{} {schema}.{}", self.kind, self.name),
            None => write!(formatter, "{} {}", self.kind, self.name),
        }
    }
}

/// The schema of a database, in an order in which it can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The major version of the server.
    pub(super) version: u32,
    pub(super) pre_data: Vec<Entry>,
    pub(super) keys: Vec<Entry>,
    pub(super) post_data: Vec<Entry>,
}

impl Schema {
    /// Returns the objects of a section.
    pub fn section(&self, section: Section) -> &[Entry] {
        match section {
            Section::PreData => &self.pre_data,
            Section::Keys => &self.keys,
            Section::PostData => &self.post_data,
        }
    }
}

/// Reads the SQL that `pg_restore --verbose` writes.
///
/// It starts each object with a comment: `--`, `-- TOC entry 221 (class 1259 OID 16461)`, sometimes
/// `-- Dependencies: …`, `-- Name: payments; Type: TABLE; Schema: public; Owner: -`, `--` (`_printTocEntry` in
/// `pg_backup_archiver.c`). The body of a function could contain such a comment as well, but not the numbers of an
/// object that the table of contents has, and that is still to come.
pub(super) fn parse(program: &Path, contents: &str, sql: &str) -> Result<Vec<Entry>, SchemaError> {
    let not_understood = |what: String| SchemaError::Output { program: program.to_owned(), what };
    let mut expected = expected_headers(contents);
    // Each start of an object: where its comment begins, and where the lines after the first one begin.
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(found) = sql[at..].find("--\n-- TOC entry ") {
        let begin = at + found;
        let line = begin + "--\n".len();
        let end = sql[line..].find('\n').map_or(sql.len(), |length| line + length);
        let is_line = begin == 0 || sql.as_bytes().get(begin - 1) == Some(&b'\n');
        if is_line && expected.remove(&sql[line..end]).is_some() {
            starts.push((begin, end));
        }
        at = line;
    }
    if let Some(id) = expected.into_values().next() {
        return Err(not_understood(format!("entry {id} of the table of contents is missing")));
    }
    let end = sql.rfind("\n-- Completed on ").unwrap_or(sql.len());
    let mut entries = Vec::new();
    for (at, (_, header)) in starts.iter().enumerate() {
        let until = starts.get(at + 1).map_or(end, |(begin, _)| *begin);
        let text = sql.get(*header..until).unwrap_or_default();
        entries.push(entry(text).ok_or_else(|| not_understood("an object has no `-- Name:`".to_owned()))?);
    }
    Ok(entries)
}

/// Returns the first lines of the comments, by the lines of the table of contents: `221; 1259 16461 TABLE public …`.
fn expected_headers(contents: &str) -> BTreeMap<String, u64> {
    let mut headers = BTreeMap::new();
    for line in contents.lines().filter(|line| !line.starts_with(';')) {
        let Some((id, rest)) = line.split_once("; ") else { continue };
        let mut numbers = rest.split(' ').map(str::parse::<u64>);
        if let (Ok(id), Some(Ok(class)), Some(Ok(oid))) = (id.parse(), numbers.next(), numbers.next()) {
            headers.insert(format!("-- TOC entry {id} (class {class} OID {oid})"), id);
        }
    }
    headers
}

fn entry(text: &str) -> Option<Entry> {
    let name_at = text.find("\n-- Name: ")? + "\n-- Name: ".len();
    let (header, statement) = text.get(name_at..)?.split_once('\n')?;
    // From the right, because a name can contain the separators.
    let (header, _owner) = header.rsplit_once("; Owner: ")?;
    let (header, schema) = header.rsplit_once("; Schema: ")?;
    let (name, kind) = header.rsplit_once("; Type: ")?;
    // `-- Data Pos: 0` can come before the end of the comment.
    let statement = statement.split_once("--\n").map_or(statement, |(_, statement)| statement);
    Some(Entry {
        kind: kind.to_owned(),
        schema: (schema != "-").then(|| schema.to_owned()),
        name: name.to_owned(),
        statement: without_trailing_settings(statement).to_owned(),
    })
}

/// Removes settings for the next object, which stand after this one.
fn without_trailing_settings(statement: &str) -> &str {
    let mut kept = statement.trim();
    loop {
        let (before, last) = kept.rsplit_once('\n').unwrap_or(("", kept));
        if !last.starts_with("SET default_tablespace = ") && !last.starts_with("SET default_table_access_method = ") {
            return kept;
        }
        kept = before.trim_end();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse;

    const CONTENTS: &str = ";\n; Archive created at …\n;\n221; 1255 16461 FUNCTION public f() o\n\
         222; 1259 16462 TABLE public odd name; o\n";
    const SQL: &str = "\\restrict abc\nSET statement_timeout = 0;\n--\n-- TOC entry 221 (class 1255 OID 16461)\n\
         -- Name: f(); Type: FUNCTION; Schema: public; Owner: -\n--\n\nCREATE FUNCTION f() AS '\n\
         --\n-- TOC entry 221 (class 1255 OID 16461)\n-- Name: spoof; Type: TABLE; Schema: a; Owner: -\n--\n\
         --\n-- TOC entry 99 (class 1 OID 1)\n';\n\n\nSET default_tablespace = '';\n\n\
         SET default_table_access_method = heap;\n\n--\n-- TOC entry 222 (class 1259 OID 16462)\n\
         -- Dependencies: 3 4\n-- Name: odd; Type: name; Type: TABLE; Schema: public; Owner: -\n-- Data Pos: 0\n--\n\n\
         CREATE TABLE x ();\n\n\n-- Completed on 2026-01-01\n\n--\n-- PostgreSQL database dump complete\n--\n\n\
         \\unrestrict abc\n";

    #[test]
    fn an_object_is_recognized_by_the_numbers_of_the_table_of_contents() {
        let entries = parse(Path::new("pg_restore"), CONTENTS, SQL).expect("it is understood");
        let names: Vec<String> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["FUNCTION public.f()", "TABLE public.odd; Type: name"]);
        assert!(entries[0].statement.starts_with("CREATE FUNCTION") && entries[0].statement.ends_with("OID 1)\n';"));
        assert_eq!(entries[1].statement, "CREATE TABLE x ();");
    }

    #[test]
    fn an_object_without_sql_is_an_error() {
        let contents = format!("{CONTENTS}300; 1259 9 TABLE public lost o\n");
        let error = parse(Path::new("pg_restore"), &contents, SQL).expect_err("an object is missing");
        assert!(error.to_string().contains("entry 300"), "{error}");
    }
}
