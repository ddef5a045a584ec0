//! The end of a run: what was done, what failed and why, what remains, what to run next.

use super::words::duration;
use crate::aws::Tagged;
use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals, OutputFormat};
use crate::cli::down::say;
use crate::cli::failure::{CliError, Exit};
use crate::cli::foreign::way_out;
use crate::cli::run::line;
use crate::engine::{Outcome, Report};
use crate::resource::describe;
use crate::stack::{Output, outputs};
use crate::state::State;

/// Sums up an `up`.
pub(in crate::cli) fn end_of_up(
    globals: &Globals,
    report: &Report,
    state: &State,
    (reads, mutations): (u64, u64),
    chosen: &Chosen,
) -> Result<u8, CliError> {
    if report.outcome != Outcome::Done {
        let undo = format!("`{}` undoes what was done since the last `up` that ended well", again(globals, "rollback", &Chosen::default()));
        return Err(unfinished(globals, report, &again(globals, "up", chosen)).hint(undo));
    }
    let took = duration(report.elapsed.as_secs());
    if mutations == 0 {
        say(globals, &format!("nothing to do: everything is as specified ({reads} calls that only read, {took})"));
    } else {
        let what = match (report.changed - report.deleted, report.deleted) {
            (some, 0) => format!("{some} resources created or changed"),
            (0, some) => format!("{some} resources deleted"),
            (some, gone) => format!("{some} resources created or changed, {gone} deleted"),
        };
        say(globals, &format!("done: {what} in {took}, with {mutations} calls and {reads} that only read"));
        match report.put_right {
            0 => {}
            1 => say(globals, "1 of them was changed outside of this tool and is put right"),
            some => say(globals, &format!("{some} of them were changed outside of this tool and are put right")),
        }
    }
    if globals.output == OutputFormat::Text {
        slowest(report);
        let found: Vec<Output> = outputs(state).into_iter().filter(|output| chosen.includes(&output.environment)).collect();
        if !found.is_empty() {
            line("\noutputs:");
            for text in crate::cli::outputs::table(&found) {
                line(&format!("  {text}"));
            }
        }
        let everything = Chosen::default();
        let replicates = state.resources.values().any(|entry| entry.kind == "dms.replication_task");
        let migration = replicates.then_some([
            ("replication start", "carry over the databases; after that `cutover` shifts the traffic"),
            ("runbook", "the whole procedure, with what is done"),
        ]);
        let rows = [("outputs", "ids, endpoints and URLs again")].into_iter().chain(migration.into_iter().flatten()).chain(NEXT);
        go_on(rows.map(|(verb, what)| (again(globals, verb, &everything), what)));
    }
    Ok(0)
}

/// The commands that one goes on with when something exists.
const NEXT: [(&str, &str); 3] =
    [("status", "what exists, and what is unfinished"), ("plan", "what has changed in the configuration"), ("down", "delete all of it")];

/// The same as a list for programs and people.
pub(in crate::cli) fn next(globals: &Globals) -> Vec<(String, &'static str)> {
    NEXT.into_iter().map(|(verb, what)| (again(globals, verb, &Chosen::default()), what)).collect()
}

/// Writes commands and what they do, aligned.
pub(in crate::cli) fn go_on(commands: impl IntoIterator<Item = (String, &'static str)>) {
    let commands: Vec<_> = commands.into_iter().collect();
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    line("\nnext:");
    for (command, what) in commands {
        line(&format!("  {command:width$}  {what}"));
    }
}

/// Sums up a `down`.
pub(in crate::cli) fn end_of_down(globals: &Globals, report: &Report, listed: &[Tagged], remaining: usize, chosen: &Chosen) -> Result<u8, CliError> {
    if report.outcome != Outcome::Done {
        return Err(unfinished(globals, report, &again(globals, "down", chosen)));
    }
    if !listed.is_empty() {
        let mut error = CliError::new(Exit::Failed, format!("{} things carry this stack's tags and are not in its state", listed.len()));
        error.causes = listed.iter().map(|thing| format!("{} is tagged as {}", thing.arn, thing.address)).collect();
        let hint = "if a state was lost, `up` finds them again by their tags, and `down` then deletes them; else delete them by hand";
        return Err(error.remains("everything in the state was deleted; these were not touched").hint(hint));
    }
    let took = duration(report.elapsed.as_secs());
    if report.durations.is_empty() {
        say(globals, "nothing to delete: nothing of this stack exists");
    } else {
        let left = match remaining {
            0 => "nothing is left".to_owned(),
            some if !chosen.targets.is_empty() => format!("{some} resources remain"),
            some => format!("nothing is left of {}; {some} resources of other environments remain", chosen.environments.join(" and ")),
        };
        say(globals, &format!("done: {} resources deleted in {took}, {left}", report.changed));
        if globals.output == OutputFormat::Text {
            slowest(report);
        }
    }
    Ok(0)
}

fn slowest(report: &Report) {
    let slow: Vec<String> = report
        .durations
        .iter()
        .take(3)
        .filter(|(_, took)| took.as_secs() > 0)
        .map(|(address, took)| format!("{address} {}", duration(took.as_secs())))
        .collect();
    if !slow.is_empty() {
        line(&format!("slowest: {}", slow.join(", ")));
    }
}

/// Sums up a run that did not get to its end: what failed and why, what remains, what to run.
pub(in crate::cli) fn unfinished(globals: &Globals, report: &Report, again: &str) -> CliError {
    let count = report.remaining.len();
    let remains = match report.remaining.as_slice() {
        [] => "nothing".to_owned(),
        few if count <= 12 => format!("{count} resources are not done: {}", few.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        many => format!("{count} resources are not done, among them {}", many[..8].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    if report.outcome == Outcome::Stopped {
        return CliError::new(Exit::Stopped, "stopped before everything was done; what was done is recorded")
            .remains(remains)
            .hint(format!("run `{again}` again to go on"));
    }
    let what = match report.failures.len() {
        1 => "one resource failed".to_owned(),
        many => format!("{many} resources failed"),
    };
    let mut error = CliError::new(Exit::Failed, what);
    for failure in &report.failures {
        let id = failure.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        error.causes.push(format!("{} {}{id}: {}", failure.action, failure.address, describe(&failure.error)));
    }
    for hint in report.failures.iter().filter_map(|failure| hint(globals, failure)) {
        if !error.hints.contains(&hint) {
            error.hints.push(hint);
        }
    }
    error.remains(remains).hint(format!("when the cause is removed, run `{again}` again: it goes on from here"))
}

fn hint(globals: &Globals, failure: &crate::engine::Failure) -> Option<String> {
    use crate::aws::Trouble;
    use crate::resource::Error;
    match &failure.error {
        Error::Foreign { id, .. } => Some(way_out(globals, &failure.address, id, failure.id.is_some())),
        Error::Ambiguous(_) => Some("find out which one is the right one, and remove the ownership tags from the others".to_owned()),
        Error::Blocked(_) => Some("remove what blocks it; what this stack made goes by itself".to_owned()),
        Error::Aws(error) => match error.trouble {
            Trouble::Credentials => Some("renew the credentials, for example with `aws sso login`".to_owned()),
            Trouble::Unreachable => Some("check the network".to_owned()),
            Trouble::Refused if matches!(error.code.as_deref(), Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation")) => {
                Some(format!("these credentials may not call {}", error.call))
            }
            _ => None,
        },
        _ => None,
    }
}
