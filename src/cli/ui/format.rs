//! Formatting that all displays share.

use infra_core::events::Event;
use infra_core::plan::OutOfBand;

/// What precedes the further lines of a text in a line about an event.
pub(super) const CONTINUED: &str = "      ";

/// Returns a duration for people: `8 s`, `2 min 31 s`, `1 h 4 min`.
pub(in crate::cli) fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Returns an expected duration with its range, if it varies: `8 min 47 s (5 to 16 min)`.
pub(super) fn expectation(seconds: u64, range: Option<[u64; 2]>) -> String {
    let usual = duration(seconds);
    let Some([least, most]) = range else { return usual };
    // Whole minutes say how certain they are.
    let [lower, upper] = [least / 60, most.div_ceil(60)];
    match most <= 120 {
        true => format!("{usual} ({least} to {most} s)"),
        false if most >= 7200 => format!("{usual} ({} to {})", duration(lower * 60), duration(upper * 60)),
        false => format!("{usual} ({lower} to {upper} min)"),
    }
}

/// Returns a sentence with a capital first letter.
pub(super) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Returns seconds, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration is positive and far below the limit"
)]
pub(super) fn rounded(seconds: f64) -> u64 {
    seconds.round().max(0.0) as u64
}

/// Returns the past tense of an action.
pub(super) fn past_tense(action: &str) -> &str {
    match action {
        "create" => "created",
        "update" => "changed",
        "delete" => "deleted",
        "find" => "found",
        "adopt" => "adopted",
        "restore" => "restored",
        "none" => "unchanged",
        other => other,
    }
}

/// Returns the note for a step that corrected drift.
pub(super) fn corrected(drift: Option<&OutOfBand>) -> String {
    drift.map(|drift| format!(", corrected: {drift}")).unwrap_or_default()
}

/// Returns the line for an event in a plain display, if it has one.
pub(super) fn line(event: &Event, calls: bool) -> Option<String> {
    Some(match event {
        Event::RunStarted { command, stack, endpoint, steps, expected_seconds, expected_range_seconds } => {
            let expected = if *expected_seconds > 0 {
                format!(", expected duration {}", expectation(*expected_seconds, *expected_range_seconds))
            } else {
                String::new()
            };
            format!("{command} `{stack}` in {endpoint}: {steps} resources{expected}")
        }
        Event::StepWaiting { address, what, status } => format!("  {address}: waiting for {what} ({status})"),
        Event::StepDone { action: "none", .. }
        | Event::StepStarted { .. }
        | Event::StepCreated { .. }
        | Event::TrafficShifted { changed: false, .. }
        | Event::RunFinished { .. } => return None,
        Event::StepDone { address, action, id, seconds, corrected: drift } => format!(
            "  {address}: {} {id} ({}){}",
            past_tense(action),
            duration(rounded(*seconds)),
            corrected(drift.as_ref())
        ),
        Event::StepFailed { address, error, .. } => format!("  {address}: FAILED: {error}"),
        Event::StepBlocked { address, by } => format!("  {address}: not attempted, it depends on {by}"),
        Event::Cutover { phase, live, .. } => format!("{phase} at {live} %"),
        Event::Switchover { from, to, phase, row, rows_done, rows, seconds, why, .. } => {
            let row = row.map(|row| format!(" {row}")).unwrap_or_default();
            let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("switchover {from} to {to}, {seconds} s: {phase}{row}, {rows_done} of {rows} done{why}")
        }
        Event::SwitchoverForecast { closed_seconds, budget_left_seconds, .. } => format!(
            "forecast: clients get 503 for about {closed_seconds:.0} s; {budget_left_seconds} s of the budget are left"
        ),
        Event::Judged { gate, verdict, text, .. } => format!("  {verdict} {gate}: {text}"),
        Event::Health { environment, healthy, desired } => {
            format!("  {environment}: {healthy} of {desired} targets healthy")
        }
        Event::TrafficShifted { to, .. } => {
            format!("{to} % of the traffic goes to the target: the records were read back")
        }
        Event::HookEnded { name, exit_code, seconds } => {
            let code = exit_code.map_or_else(|| "without an exit code".to_owned(), |code| format!("with {code}"));
            format!("the {name} command ended {code} after {}", duration(*seconds))
        }
        Event::Replication { address, status, full_load_percent, tables: [loaded, loading, queued, errors] } => {
            let failed = if *errors > 0 { format!(", {errors} with errors") } else { String::new() };
            format!(
                "  {address}: {status}, full load {full_load_percent} %: \
                 {loaded} tables loaded, {loading} loading, {queued} queued{failed}"
            )
        }
        Event::ReplicationPhase { address, phase, state, text } => {
            let text = text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("  {address}: phase {phase} {state}{text}")
        }
        Event::Notice { address: Some(address), text } => format!("  {address}: {text}"),
        Event::Notice { address: None, text } => format!("note: {text}"),
        Event::Call { .. } if !calls => return None,
        Event::Call { address, call, millis, code, request_id } => {
            let code = code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
            let request = request_id.as_ref().map(|id| format!(" request {id}")).unwrap_or_default();
            format!("    {address}: {call} {millis} ms{code}{request}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{duration, expectation};

    #[test]
    fn a_range_is_in_whole_units() {
        let texts = [(527, None), (527, Some([329, 905])), (70, Some([30, 100])), (9000, Some([7000, 12_100]))];
        let texts = texts.map(|(usual, range)| expectation(usual, range));
        assert_eq!(
            texts,
            [
                "8 min 47 s",
                "8 min 47 s (5 to 16 min)",
                "1 min 10 s (30 to 100 s)",
                "2 h 30 min (1 h 56 min to 3 h 22 min)"
            ]
        );
    }

    #[test]
    fn durations_are_short_texts() {
        let texts: Vec<String> = [0, 8, 60, 151, 3840].into_iter().map(duration).collect();
        assert_eq!(texts, ["0 s", "8 s", "1 min", "2 min 31 s", "1 h 4 min"]);
    }
}
