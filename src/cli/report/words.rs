//! Words that every display shares.

use crate::events::Event;
use crate::plan::Outside;

/// A length of time as people say it: `8 s`, `2 min 31 s`, `1 h 4 min`.
pub fn duration(seconds: u64) -> String {
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A sentence as it begins.
pub(super) fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Seconds of an event, rounded to whole ones.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration is positive and far below the limit")]
pub(super) fn whole(seconds: f64) -> u64 {
    seconds.round().max(0.0) as u64
}

/// The past of an action.
pub(super) fn done(action: &str) -> &str {
    match action {
        "create" => "created",
        "update" => "changed",
        "delete" => "deleted",
        "find" => "found",
        "adopt" => "adopted",
        "restore" => "given back",
        "none" => "unchanged",
        other => other,
    }
}

/// What is said of a step that has put something right.
pub(super) fn righted(what: Option<&Outside>) -> String {
    what.map(|what| format!(", put right: {what}")).unwrap_or_default()
}

/// One line for an event that a plain display shows, or nothing.
pub(super) fn line(event: &Event, calls: bool) -> Option<String> {
    Some(match event {
        Event::RunStarted { command, stack, endpoint, steps, expected_seconds } => {
            let expected = if *expected_seconds > 0 { format!(", expected to take {}", duration(*expected_seconds)) } else { String::new() };
            format!("{command} `{stack}` in {endpoint}: {steps} resources{expected}")
        }
        Event::StepWaiting { address, what, status } => format!("  {address}: waiting for {what} ({status})"),
        Event::StepDone { action: "none", .. }
        | Event::StepStarted { .. }
        | Event::StepCreated { .. }
        | Event::TrafficShifted { changed: false, .. }
        | Event::RunFinished { .. } => return None,
        Event::StepDone { address, action, id, seconds, put_right } => {
            format!("  {address}: {} {id} ({}){}", done(action), duration(whole(*seconds)), righted(put_right.as_ref()))
        }
        Event::StepFailed { address, error, .. } => format!("  {address}: FAILED: {error}"),
        Event::StepBlocked { address, by } => format!("  {address}: not tried, it needs {by}"),
        Event::Cutover { phase, live, .. } => format!("{phase} at {live} %"),
        Event::Judged { gate, verdict, text, .. } => format!("  {verdict} {gate}: {text}"),
        Event::Health { environment, healthy, desired } => format!("  {environment}: {healthy} of {desired} targets healthy"),
        Event::TrafficShifted { to, .. } => format!("{to} % of the traffic goes to the target: the records were read back"),
        Event::HookEnded { name, exit_code, seconds } => {
            let code = exit_code.map_or_else(|| "without an exit code".to_owned(), |code| format!("with {code}"));
            format!("the {name} command ended {code} after {}", duration(*seconds))
        }
        Event::Replication { address, status, full_load_percent, tables: [loaded, loading, queued, errors] } => {
            let failed = if *errors > 0 { format!(", {errors} with errors") } else { String::new() };
            format!("  {address}: {status}, full load {full_load_percent} %: {loaded} tables loaded, {loading} loading, {queued} to come{failed}")
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
    use super::duration;

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<String> = [0, 8, 60, 151, 3840].into_iter().map(duration).collect();
        assert_eq!(said, ["0 s", "8 s", "1 min", "2 min 31 s", "1 h 4 min"]);
    }
}
