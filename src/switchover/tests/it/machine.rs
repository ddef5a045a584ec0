//! The pure machine, event by event.

use std::time::Duration;

use infra_base::side::Side;
use infra_switchover::machine::{AfterKill, Command, Event, Input, Outcome, Progress, Settings, State, step};
use infra_switchover::{Before, Direction, Effect, Found, Moment, Row, Undo};

/// A progress with a row in flight.
fn doing(row: Row, attempt: u32) -> Progress {
    let mut progress = Progress::new(Direction::FORWARD);
    progress.state = State::Doing { row, attempt };
    progress.budget_ms = 300_000;
    progress.evidence.before = Some(Before { open: vec![Side::Source], new_side_uses: Side::Target, forecast: None });
    progress
}

fn undoing(undo: Undo, attempt: u32) -> Progress {
    Progress { state: State::Undoing { undo, attempt }, ..doing(Row::Open, 1) }
}

/// Returns the command in words: what, attempt, pause in seconds.
fn words(commands: &[Command]) -> String {
    match commands {
        [] => "nothing".to_owned(),
        [Command::Do { row, attempt, after }] => format!("do {row} {attempt} {}", after.as_secs()),
        [Command::Undo { undo, attempt, after }] => format!("{undo} {attempt} {}", after.as_secs()),
        [Command::Finish(outcome)] => format!("{outcome:?}").to_lowercase(),
        other => format!("{other:?}"),
    }
}

fn failed(row: Row, effect: Effect) -> Input {
    Input::RowFailed { row, effect, why: "broken".to_owned() }
}

fn inconclusive(row: Row) -> Input {
    Input::RowInconclusive { row, why: "no data".to_owned() }
}

#[test]
fn the_table() {
    let done = |row| Input::RowDone { row, found: Found::Nothing };
    let undo_failed = |undo| Input::UndoFailed { undo, why: "broken".to_owned() };
    let aborted = || Input::Aborted { by: "an operator".to_owned() };
    let new = || Progress::new(Direction::FORWARD);
    let over = |progress: Progress| Progress { budget_ms: 1, ..progress };
    let ended = |outcome| Progress { state: State::Done { outcome }, ..new() };
    let table = vec![
        (new(), Input::Started, "do prepare 1 0"),
        (new(), Input::Restarted, "undone"),
        (new(), aborted(), "undone"),
        (new(), done(Row::Open), "nothing"),
        // Rows in their order.
        (doing(Row::Prepare, 1), done(Row::Prepare), "do fence 1 0"),
        (doing(Row::Fence, 1), done(Row::Fence), "do drain 1 0"),
        (doing(Row::Drain, 1), done(Row::Drain), "do marker 1 0"),
        (doing(Row::Marker, 1), done(Row::Marker), "do sequences 1 0"),
        (doing(Row::Sequences, 1), done(Row::Sequences), "do check 1 0"),
        (doing(Row::Check, 1), done(Row::Check), "do fallback 1 0"),
        (doing(Row::Fallback, 1), done(Row::Fallback), "do reconnect 1 0"),
        (doing(Row::Reconnect, 1), done(Row::Reconnect), "do open 1 0"),
        (doing(Row::Open, 1), done(Row::Open), "completed"),
        // A late result of another row.
        (doing(Row::Drain, 1), done(Row::Fence), "nothing"),
        (doing(Row::Drain, 1), failed(Row::Fence, Effect::Unknown), "nothing"),
        // What is undone depends on what can have an effect.
        (doing(Row::Prepare, 1), failed(Row::Prepare, Effect::Unknown), "undone"),
        (doing(Row::Fence, 1), failed(Row::Fence, Effect::None), "undone"),
        (doing(Row::Fence, 1), failed(Row::Fence, Effect::Unknown), "undo fence 1 0"),
        (doing(Row::Fence, 2), failed(Row::Fence, Effect::None), "undo fence 1 0"),
        (doing(Row::Drain, 1), failed(Row::Drain, Effect::None), "undo fence 1 0"),
        (doing(Row::Check, 1), failed(Row::Check, Effect::Unknown), "undo drain 1 0"),
        (doing(Row::Fallback, 1), failed(Row::Fallback, Effect::None), "undo drain 1 0"),
        (doing(Row::Fallback, 2), failed(Row::Fallback, Effect::None), "undo fallback 1 0"),
        (doing(Row::Reconnect, 1), failed(Row::Reconnect, Effect::None), "undo fallback 1 0"),
        (doing(Row::Reconnect, 1), failed(Row::Reconnect, Effect::Unknown), "undo reconnect 1 0"),
        (doing(Row::Reconnect, 1), Input::TimedOut, "undo reconnect 1 0"),
        (doing(Row::Drain, 1), aborted(), "undo drain 1 0"),
        (doing(Row::Prepare, 1), aborted(), "undone"),
        // Too little data never passes.
        (doing(Row::Check, 1), inconclusive(Row::Check), "do check 2 1"),
        (over(doing(Row::Check, 7)), inconclusive(Row::Check), "undo drain 1 0"),
        // A row that is done after the budget is of no use.
        (over(doing(Row::Reconnect, 1)), done(Row::Reconnect), "undo reconnect 1 0"),
        // The point of no return.
        (doing(Row::Open, 1), failed(Row::Open, Effect::None), "do open 2 1"),
        (doing(Row::Open, 3), failed(Row::Open, Effect::Unknown), "do open 4 4"),
        (doing(Row::Open, 60), inconclusive(Row::Open), "do open 61 30"),
        (doing(Row::Open, 1), Input::TimedOut, "nothing"),
        (doing(Row::Open, 1), aborted(), "nothing"),
        (doing(Row::Open, 1), Input::Restarted, "do open 2 0"),
        (over(doing(Row::Open, 1)), done(Row::Open), "completed"),
        // Undoing is repeated until it succeeds.
        (undoing(Undo::Reconnect, 1), Input::UndoDone { undo: Undo::Reconnect }, "undo fallback 1 0"),
        (undoing(Undo::Fallback, 1), Input::UndoDone { undo: Undo::Fallback }, "undo drain 1 0"),
        (undoing(Undo::Drain, 1), Input::UndoDone { undo: Undo::Drain }, "undo fence 1 0"),
        (undoing(Undo::Fence, 1), Input::UndoDone { undo: Undo::Fence }, "undone"),
        (undoing(Undo::Drain, 1), Input::UndoDone { undo: Undo::Fence }, "nothing"),
        (undoing(Undo::Drain, 1), undo_failed(Undo::Drain), "undo drain 2 1"),
        (undoing(Undo::Drain, 1000), undo_failed(Undo::Drain), "undo drain 1001 30"),
        (undoing(Undo::Drain, 1), Input::TimedOut, "nothing"),
        (undoing(Undo::Drain, 1), aborted(), "nothing"),
        (undoing(Undo::Drain, 4), Input::Restarted, "undo drain 5 0"),
        // After a kill. The default is to undo.
        (doing(Row::Marker, 1), Input::Restarted, "undo drain 1 0"),
        (ended(Outcome::Undone), Input::Restarted, "undone"),
        (ended(Outcome::Completed), Input::Started, "completed"),
        (ended(Outcome::Completed), Input::TimedOut, "nothing"),
    ];
    for (progress, input, expected) in table {
        let event = Event { at: Moment::from_unix_millis(1_000), input };
        let (_, commands) = step(&Settings::default(), &progress, &event);
        assert_eq!(words(&commands), expected, "{:?} in {:?}", event.input, progress.state);
    }
}

#[test]
fn after_a_kill_the_current_row_is_repeated_if_that_is_configured_and_the_budget_is_not_used_up() {
    let settings = Settings { after_kill: AfterKill::Complete, ..Settings::default() };
    let restart = |progress: &Progress, millis| {
        let event = Event { at: Moment::from_unix_millis(millis), input: Input::Restarted };
        step(&settings, progress, &event)
    };
    let (progress, commands) = restart(&doing(Row::Marker, 1), 299_999);
    assert_eq!((words(&commands).as_str(), progress.restarts), ("do marker 2 0", 1));
    let (progress, commands) = restart(&doing(Row::Marker, 1), 300_000);
    assert_eq!(words(&commands), "undo drain 1 0");
    assert_eq!(progress.reasons[0].why, "it was killed, and the budget of 300 s is used up");
    assert_eq!(words(&restart(&Progress::new(Direction::FORWARD), 0).1), "do prepare 1 0");
}

#[test]
fn what_is_stored_can_be_read_and_a_newer_format_cannot() {
    let mut progress = Progress::new(Direction::FORWARD.reversed());
    let settings = Settings::default();
    let inputs = [
        Input::Started,
        Input::RowDone {
            row: Row::Prepare,
            found: Found::Before(Before {
                open: vec![Side::Source, Side::Target],
                new_side_uses: Side::Target,
                forecast: None,
            }),
        },
        failed(Row::Fence, Effect::Unknown),
    ];
    for (second, input) in (1..).zip(inputs) {
        let at = Moment::from_unix_millis(second * 1_000);
        progress = step(&settings, &progress, &Event { at, input }).0;
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), progress);
    }
    // The format of every version that was released stays readable.
    let stored = concat!(
        r#"{"format":1,"direction":{"from":"target","to":"source"},"#,
        r#""state":{"kind":"undoing","undo":"fence","attempt":1},"#,
        r#""since":3000,"started_at":1000,"budget_ms":300000,"#,
        r#""evidence":{"before":{"open":["source","target"],"new_side_uses":"target"}},"#,
        r#""reasons":[{"at":3000,"during":{"row":"fence"},"why":"broken"}],"#,
        r#""restarts":0,"durations_ms":{"prepare":1000}}"#,
    );
    assert_eq!(serde_json::to_string(&progress).unwrap(), stored);
    let newer = stored.replacen(r#""format":1"#, r#""format":2"#, 1);
    let error = serde_json::from_str::<Progress>(&newer).unwrap_err().to_string();
    assert!(error.starts_with("the progress has format 2; this version knows formats up to 1"), "{error}");
    let one_side = stored.replacen(r#""to":"source""#, r#""to":"target""#, 1);
    assert!(serde_json::from_str::<Progress>(&one_side).is_err());
}

#[test]
fn reasons_are_limited_and_the_first_and_the_last_are_kept() {
    let mut progress = doing(Row::Drain, 1);
    let event = |input| Event { at: Moment::default().after(Duration::from_secs(1)), input };
    progress = step(&Settings::default(), &progress, &event(failed(Row::Drain, Effect::Unknown))).0;
    for number in 0..100 {
        let input = Input::UndoFailed { undo: Undo::Drain, why: format!("attempt {number}") };
        progress = step(&Settings::default(), &progress, &event(input)).0;
    }
    assert_eq!(progress.reasons.len(), 20);
    assert_eq!((progress.reasons[0].why.as_str(), progress.reasons[19].why.as_str()), ("broken", "attempt 99"));
}
