use serde_json::json;

use crate::apply::{Action, Policies};

/// The document that DMS shows for a task without settings has the same policies as no document.
#[test]
fn the_defaults_are_those_of_the_documentation() {
    let none = Policies::from_settings(&json!({})).expect("the defaults");
    let document = json!({
        "ErrorBehavior": {
            "DataErrorPolicy": "LOG_ERROR", "DataTruncationErrorPolicy": "LOG_ERROR",
            "DataErrorEscalationPolicy": "SUSPEND_TABLE", "DataErrorEscalationCount": 0,
            "TableErrorPolicy": "SUSPEND_TABLE", "TableErrorEscalationPolicy": "STOP_TASK",
            "TableErrorEscalationCount": 0, "RecoverableErrorCount": -1, "RecoverableErrorInterval": 5,
            "ApplyErrorDeletePolicy": "IGNORE_RECORD", "ApplyErrorInsertPolicy": "LOG_ERROR",
            "ApplyErrorUpdatePolicy": "LOG_ERROR", "ApplyErrorEscalationPolicy": "LOG_ERROR",
            "ApplyErrorEscalationCount": 0, "ApplyErrorFailOnTruncationDdl": false, "FullLoadIgnoreConflicts": true,
            "FailOnTransactionConsistencyBreached": false, "FailOnNoTablesCaptured": true, "EventErrorPolicy": null
        },
        "ChangeProcessingDdlHandlingPolicy": {
            "HandleSourceTableDropped": true, "HandleSourceTableTruncated": true, "HandleSourceTableAltered": true
        }
    });
    assert_eq!(Policies::from_settings(&document), Ok(none.clone()));
    assert_eq!((none.insert, none.update, none.delete), (Action::LogError, Action::LogError, Action::IgnoreRecord));
    assert_eq!((none.data_error, none.table_error), (Action::LogError, Action::SuspendTable));
    assert!(none.ignore_cached_conflicts && none.fail_on_no_tables && !none.fail_on_truncation);
}

#[test]
fn values_that_dms_does_not_have_are_refused() {
    for (setting, value) in [
        ("DataErrorPolicy", json!("INSERT_RECORD")),
        ("ApplyErrorInsertPolicy", json!("UPDATE_RECORD")),
        ("ApplyErrorUpdatePolicy", json!("INSERT_RECORD")),
        ("ApplyErrorDeletePolicy", json!("INSERT_RECORD")),
        ("TableErrorPolicy", json!("LOG_ERROR")),
        ("TableErrorEscalationPolicy", json!("SUSPEND_TABLE")),
        ("ApplyErrorEscalationPolicy", json!("IGNORE_RECORD")),
        ("ApplyErrorEscalationCount", json!(-1)),
        ("DataErrorEscalationCount", json!("3")),
        ("FullLoadIgnoreConflicts", json!("true")),
    ] {
        let error = Policies::from_settings(&json!({ "ErrorBehavior": { setting: value } })).expect_err(setting);
        assert_eq!(error.setting, setting);
    }
    let ddl = json!({ "ChangeProcessingDdlHandlingPolicy": { "HandleSourceTableTruncated": 1 } });
    assert!(Policies::from_settings(&ddl).is_err());
    let upsert = json!({ "ApplyErrorInsertPolicy": "INSERT_RECORD", "ApplyErrorUpdatePolicy": "UPDATE_RECORD" });
    let upsert = Policies::from_settings(&json!({ "ErrorBehavior": upsert })).expect("valid policies");
    assert_eq!((upsert.insert, upsert.update), (Action::Replace, Action::Replace));
}
