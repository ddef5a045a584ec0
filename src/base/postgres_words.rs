//! Words that PostgreSQL reserves.

/// The reserved key words, also those that can be names of functions or types (PostgreSQL, "SQL Key Words").
const RESERVED_WORDS: &str = "\
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation \
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze \
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like \
    limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary \
    references returning right select session_user similar some symmetric system_user table tablesample then to \
    trailing true union unique user using variadic verbose when where window with";

/// Returns whether PostgreSQL reserves a word, in lower case.
pub fn is_reserved_word(word: &str) -> bool {
    RESERVED_WORDS.split_ascii_whitespace().any(|reserved| reserved == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_reserved_or_not() {
        assert!(["user", "analyse", "with"].into_iter().all(is_reserved_word));
        assert!(!["postgres", "dbadmin", "public", ""].into_iter().any(is_reserved_word));
    }
}
