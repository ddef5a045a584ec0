//! The text of an error contains no values of rows.

use infra_connect::DatabaseError;

use crate::server::connect;

#[tokio::test]
async fn a_message_is_kept_only_if_it_has_no_value() {
    let connection = connect().await;
    let tables = "CREATE TEMP TABLE t (id int PRIMARY KEY, v text CHECK (v <> 'hush7')); \
                  INSERT INTO t VALUES (1, 'hush7 & & x'), (2, repeat('hush7', 1000)); \
                  CREATE TEMP VIEW w AS SELECT v FROM t";
    connection.client().batch_execute(tables).await.unwrap();
    let omitted =
        "the message of the server is omitted because it can contain values of rows; see the log of the server";
    let about = |name: &str| omitted.replace("the server is", &format!("the server about `{name}` is"));
    let statements = [
        ("SELECT FROM nowhere", "42P01", "relation \"nowhere\" does not exist".to_owned()),
        ("SELEC 1", "42601", "syntax error at or near \"SELEC\"".to_owned()),
        ("CREATE TABLE nowhere.t ()", "3F000", "schema \"nowhere\" does not exist".to_owned()),
        ("DROP TABLE t", "2BP01", "cannot drop table t because other objects depend on it".to_owned()),
        ("SELECT v::int FROM t", "22P02", omitted.to_owned()),
        ("INSERT INTO t VALUES (1, 'x')", "23505", about("t_pkey")),
        ("INSERT INTO t VALUES (3, 'hush7')", "23514", about("t_v_check")),
        ("INSERT INTO t VALUES (NULL, 'hush7')", "23502", about("id")),
        // A value that is reported as a syntax error, and one that is reported as a limit.
        ("SELECT v::tsquery FROM t WHERE id = 1", "42601", omitted.to_owned()),
        ("SELECT v::tsquery FROM t WHERE id = 2", "54000", omitted.to_owned()),
        // A function that chooses the code for its own text.
        ("DO $$ BEGIN RAISE EXCEPTION 'hush7' USING ERRCODE = '42501'; END $$", "42501", omitted.to_owned()),
    ];
    for (statement, code, message) in statements {
        let error = DatabaseError::of(&connection.client().batch_execute(statement).await.unwrap_err());
        assert_eq!((error.code.as_deref(), &error.message), (Some(code), &message), "{statement}");
        assert_eq!(error.to_string(), format!("{message} (SQLSTATE {code})"));
        assert!(!format!("{error:?}").contains("hush7"), "{error:?}");
    }
}

#[test]
fn the_stored_form_has_code_and_message() {
    let error = DatabaseError { code: Some("57P01".to_owned()), message: "ended".to_owned() };
    let text = serde_json::to_string(&error).unwrap();
    assert_eq!(text, r#"{"code":"57P01","message":"ended"}"#);
    assert_eq!(serde_json::from_str::<DatabaseError>(&text).unwrap(), error);
    assert_eq!(DatabaseError::new("no server").to_string(), "no server");
}
