//! Defaults of task settings, and settings that are refused.

use std::time::Duration;

use serde_json::{Value, json};

use crate::settings::{LobMode, Settings, StopPoint, TablePreparation};

fn parse(document: &Value) -> Settings {
    Settings::parse(document).expect("valid settings")
}

fn refused(document: &Value) -> String {
    Settings::parse(document).expect_err("the settings are refused").to_string()
}

#[test]
fn omitted_settings_have_the_defaults_of_dms() {
    let settings = parse(&json!({}));
    assert_eq!(settings.target.lobs, LobMode::Limited(32));
    assert_eq!(settings.full_load.preparation, TablePreparation::DropAndCreate);
    assert_eq!(settings.full_load.stop, StopPoint::None);
    assert_eq!((settings.full_load.sub_tasks, settings.full_load.commit_rate), (8, 10_000));
    assert_eq!(settings.full_load.transaction_timeout, 600);
    assert_eq!(settings.control_tables.schema, "public");
    assert!(settings.fail_on_no_tables && !settings.validation.enabled && !settings.target.batch_apply);
    assert_eq!((settings.recovery.attempts(true), settings.recovery.attempts(false)), (9, 6));
    assert_eq!(settings.recovery.wait(1), Duration::from_secs(10));
    assert_eq!(settings.recovery.wait(30), Duration::from_mins(30));
}

#[test]
fn a_document_that_was_read_back_is_accepted() {
    let settings = parse(&json!({
        "BeforeImageSettings": null, "TTSettings": null,
        "Logging": {"EnableLogging": true, "CloudWatchLogGroup": null, "CloudWatchLogStream": null,
            "LogComponents": [{"Id": "SORTER", "Severity": "LOGGER_SEVERITY_DEFAULT"}]},
        "ControlTablesSettings": {"historyTimeslotInMinutes": 5, "ControlSchema": ""},
        "TargetMetadata": {"TargetSchema": "", "FullLobMode": true, "LimitedSizeLobMode": false,
            "InlineLobMaxSize": 16, "LobChunkSize": 64},
        "FullLoadSettings": {"StopTaskCachedChangesApplied": "true", "TargetTablePrepMode": "DO_NOTHING"},
        "ErrorBehavior": {"RecoverableErrorCount": 0},
    }));
    assert_eq!(settings.target.lobs, LobMode::Full { inline: 16 });
    assert_eq!(settings.full_load.stop, StopPoint::AfterCachedChanges);
    assert_eq!(settings.recovery.attempts(true), 0);
}

#[test]
fn unknown_and_impossible_settings_are_refused() {
    let cases = [
        (json!({"Target": {}}), "no section Target"),
        (json!({"TargetMetadata": {"LobMax": 1}}), "TargetMetadata has no setting LobMax"),
        (json!({"TargetMetadata": {"FullLobMode": true, "LimitedSizeLobMode": true}}), "cannot both be true"),
        (json!({"TargetMetadata": {"FullLobMode": false, "LimitedSizeLobMode": false}}), "SupportLobs requires"),
        (json!({"TargetMetadata": {"InlineLobMaxSize": 5}}), "InlineLobMaxSize requires"),
        (json!({"TargetMetadata": {"FullLobMode": true, "BatchApplyEnabled": true}}), "only in limited LOB mode"),
        (json!({"TargetMetadata": {"LobMaxSize": "big"}}), "must be a number from 0 to 102400"),
        (json!({"FullLoadSettings": {"MaxFullLoadSubTasks": 50}}), "from 1 to 49"),
        (json!({"FullLoadSettings": {"TargetTablePrepMode": "TRUNCATE"}}), "must be one of"),
        (
            json!({"FullLoadSettings":
                {"StopTaskCachedChangesApplied": true, "StopTaskCachedChangesNotApplied": true}}),
            "cannot both be true",
        ),
        (json!({"ErrorBehavior": {"TableErrorPolicy": "LOG_ERROR"}}), "must be one of SUSPEND_TABLE, STOP_TASK"),
        (json!({"Logging": {"CloudWatchLogGroup": "mine"}}), "CloudWatchLogGroup"),
        (json!({"ValidationSettings": {"ValidationOnly": true}}), "DO_NOTHING"),
        (json!([]), "not an object"),
    ];
    for (document, part) in cases {
        let message = refused(&document);
        assert!(message.contains(part), "{document}: {message}");
    }
}
