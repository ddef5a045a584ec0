//! Large values ("LOBs"), and how they are truncated.

/// What DMS makes of a column with large values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LobKind {
    /// Bytes.
    Blob,
    /// Characters: "Replication handles each character as a UTF8 character."
    Clob,
    /// Characters: "Replication handles each character as a double-byte character."
    Nclob,
}

impl LobKind {
    /// Returns the kind of a type of the source, as `format_type` prints it, or nothing if its values are not large.
    ///
    /// From the table "Source data types for PostgreSQL" of the DMS user guide: TEXT, CITEXT, JSON, JSONB, ARRAY,
    /// COMPOSITE and HSTORE become NCLOB, XML, TSVECTOR, TSQUERY, PATH and POLYGON become CLOB, BYTEA becomes BLOB. The
    /// name of a composite type does not show what it is.
    pub fn of(type_name: &str) -> Option<Self> {
        if type_name.ends_with("[]") {
            return Some(Self::Nclob);
        }
        match type_name.rsplit('.').next()? {
            "bytea" => Some(Self::Blob),
            "text" | "citext" | "json" | "jsonb" | "hstore" => Some(Self::Nclob),
            "xml" | "tsvector" | "tsquery" | "path" | "polygon" => Some(Self::Clob),
            _ => None,
        }
    }

    /// Returns the beginning of a value that is larger than a number of kilobytes, or nothing if it is not larger.
    ///
    /// "Any LOBs that are larger than this value is truncated to this value" (DMS user guide, "Setting LOB support"). A
    /// character of an NCLOB counts two bytes, and four bytes if it needs a surrogate pair: "Limit LOB size to is equal
    /// to `max_num_chars_text` multiplied by 2. If the data includes 4-byte characters, multiply by 2 again" ("Working
    /// with LOB source data types for PostgreSQL").
    pub fn truncated(self, text: &str, kilobytes: u32) -> Option<&str> {
        let limit = usize::try_from(kilobytes).unwrap_or(usize::MAX).saturating_mul(1024);
        let end = match self {
            Self::Blob => {
                // The text form is `\x` and two digits for each byte.
                let digits = limit.saturating_mul(2).saturating_add(2);
                if text.len() <= digits {
                    return None;
                }
                digits
            }
            Self::Clob => {
                if text.len() <= limit {
                    return None;
                }
                text.floor_char_boundary(limit)
            }
            Self::Nclob => {
                if text.len().saturating_mul(2) <= limit {
                    return None;
                }
                let mut used = 0;
                text.char_indices().find_map(|(at, character)| {
                    used += character.len_utf16() * 2;
                    (used > limit).then_some(at)
                })?
            }
        };
        Some(&text[..end])
    }
}
