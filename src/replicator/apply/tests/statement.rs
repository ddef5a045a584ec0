use crate::apply::statement::Statement;

#[test]
fn the_values_of_a_statement_are_shown_as_literals() {
    let values = [Some("it's"), None, Some("$1"), Some("back\\slash")];
    let statement = Statement {
        sql: "INSERT INTO \"a$1\"\"b\".\"t\" (\"x$2\") VALUES ($1, $2, $3, $4), ($10)".into(),
        values: values.iter().map(|value| value.map(str::to_owned)).collect(),
    };
    let expected = "INSERT INTO \"a$1\"\"b\".\"t\" (\"x$2\") VALUES ('it''s', NULL, '$1', E'back\\\\slash'), (NULL)";
    assert_eq!(statement.with_values(), expected);
}
