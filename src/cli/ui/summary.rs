//! The end of a run: what was done, what failed and why, what remains, and what to run next.

use super::format::duration;
use super::next_steps::{AFTER_UP, next_steps};
use super::terminal::stdout;
use crate::cli::error::{CliError, Exit, enable_region};
use crate::cli::options::GlobalOptions;
use crate::cli::suggest::{command, ownership_resolution, rerun_command};
use infra_aws::{AwsError, ErrorKind, Tagged};
use infra_base::shell::quote;
use infra_core::engine::{Failure, Outcome, Report};
use infra_core::resource::{Error, describe};
use infra_core::state::State;
use infra_migration::topology::has_replication;
use infra_payment::stack::{Output, outputs};
use infra_workflow::Selection;

/// The result of an `up`.
pub(in crate::cli) struct UpEnd<'a> {
    pub(in crate::cli) report: &'a Report,
    pub(in crate::cli) state: &'a State,
    pub(in crate::cli) reads: u64,
    pub(in crate::cli) mutations: u64,
    pub(in crate::cli) selection: &'a Selection,
}

/// Summarises an `up`.
pub(in crate::cli) fn end_of_up(options: &GlobalOptions, end: &UpEnd<'_>) -> Result<u8, CliError> {
    let UpEnd { report, state, reads, mutations, selection } = *end;
    if report.outcome != Outcome::Done {
        let undo =
            format!("`{}` undoes what was done since the last `up` that succeeded", command(options, "rollback"));
        return Err(unfinished(options, report, &rerun_command(options, "up", selection)).hint(undo));
    }
    if options.is_json() {
        return Ok(0);
    }
    let took = duration(report.elapsed.as_secs());
    if mutations == 0 {
        stdout(&format!("nothing to do: everything is as configured ({reads} read calls, {took})"));
    } else {
        let what = match (report.changed - report.deleted, report.deleted) {
            (some, 0) => format!("{some} resources created or changed"),
            (0, some) => format!("{some} resources deleted"),
            (some, deleted) => format!("{some} resources created or changed, {deleted} deleted"),
        };
        stdout(&format!("done: {what} in {took}, with {mutations} calls and {reads} read calls"));
        match report.corrected {
            0 => {}
            1 => stdout("1 of them had drifted and was corrected"),
            some => stdout(&format!("{some} of them had drifted and were corrected")),
        }
    }
    slowest(report);
    let mut outputs = outputs(state);
    outputs.retain(|output| selection.includes(&output.environment));
    if !outputs.is_empty() {
        stdout("\noutputs:");
        for text in output_table(&outputs) {
            stdout(&format!("  {text}"));
        }
    }
    let migration = has_replication(state).then_some([
        ("replication start", "replicate the databases; after that, `cutover` shifts the traffic"),
        ("runbook", "the whole procedure, with what is done"),
    ]);
    let rows = [("outputs", "show ids, endpoints and URLs again")]
        .into_iter()
        .chain(migration.into_iter().flatten())
        .chain(AFTER_UP);
    next_steps(rows.map(|(verb, what)| (command(options, verb), what)));
    Ok(0)
}

/// Returns outputs as aligned lines.
pub(in crate::cli) fn output_table(outputs: &[Output]) -> Vec<String> {
    let name = |output: &Output| format!("{}.{}", output.environment, output.name);
    let width = outputs.iter().map(|output| name(output).len()).max().unwrap_or(0);
    outputs.iter().map(|output| format!("{:width$}  {}", name(output), output.value)).collect()
}

/// The result of a `down`.
pub(in crate::cli) struct DownEnd<'a> {
    pub(in crate::cli) report: &'a Report,
    /// What AWS still lists with this stack's tags.
    pub(in crate::cli) leftovers: &'a [Tagged],
    /// How many resources the state still contains.
    pub(in crate::cli) remaining: usize,
    pub(in crate::cli) selection: &'a Selection,
}

/// Summarises a `down`.
pub(in crate::cli) fn end_of_down(options: &GlobalOptions, end: &DownEnd<'_>) -> Result<u8, CliError> {
    let DownEnd { report, leftovers, remaining, selection } = *end;
    if report.outcome != Outcome::Done {
        return Err(unfinished(options, report, &rerun_command(options, "down", selection)));
    }
    if !leftovers.is_empty() {
        let what = format!("{} resources carry this stack's tags and are not in its state", leftovers.len());
        let mut error = CliError::new(Exit::Failed, what);
        error.causes =
            leftovers.iter().map(|resource| format!("{} is tagged as {}", resource.arn, resource.address)).collect();
        return Err(error.unchanged("everything in the state was deleted; these were not touched").hint(
            "if a state was lost, `up` finds them by their tags, and `down` then deletes them; \
             otherwise delete them manually",
        ));
    }
    if options.is_json() {
        return Ok(0);
    }
    if report.durations.is_empty() {
        stdout("nothing to delete: nothing of this stack exists");
        return Ok(0);
    }
    let took = duration(report.elapsed.as_secs());
    let left = match remaining {
        0 => "nothing is left".to_owned(),
        some if !selection.targets.is_empty() => format!("{some} resources remain"),
        some => format!(
            "nothing is left of {}; {some} resources of other environments remain",
            selection.environments.join(" and ")
        ),
    };
    stdout(&format!("done: {} resources deleted in {took}, {left}", report.changed));
    slowest(report);
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
        stdout(&format!("slowest: {}", slow.join(", ")));
    }
}

/// Summarises a run that did not finish: what failed and why, what remains, and what to run.
pub(in crate::cli) fn unfinished(options: &GlobalOptions, report: &Report, rerun: &str) -> CliError {
    let count = report.remaining.len();
    let names =
        |some: &[infra_base::address::Address]| some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let remains = match report.remaining.as_slice() {
        [] => "nothing".to_owned(),
        few if count <= 12 => format!("{count} resources are not done: {}", names(few)),
        many => format!("{count} resources are not done, among them {}", names(&many[..8])),
    };
    if report.outcome == Outcome::Stopped {
        return CliError::new(Exit::Stopped, "stopped before everything was done; what was done is recorded")
            .unchanged(remains)
            .hint(format!("run `{rerun}` again to resume"));
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
    for hint in report.failures.iter().filter_map(|failure| hint(options, failure)) {
        if !error.hints.contains(&hint) {
            error.hints.push(hint);
        }
    }
    error.unchanged(remains).hint(format!("when the cause is fixed, run `{rerun}` again: it resumes from here"))
}

fn hint(options: &GlobalOptions, failure: &Failure) -> Option<String> {
    match &failure.error {
        Error::Foreign { id, .. } => Some(ownership_resolution(options, &failure.address, id, failure.id.is_some())),
        Error::ForeignParent { .. } => Some(format!(
            "if it is not yours, `{}` removes it from the state, and leaves it in AWS; otherwise `adopt` its parent",
            command(options, &format!("forget {}", quote(failure.address.as_str())))
        )),
        Error::Ambiguous(_) => {
            Some("find out which resource is the right one, and remove the ownership tags from the others".to_owned())
        }
        Error::Blocked(_) => {
            Some("remove what blocks it; resources that this stack created are deleted automatically".to_owned())
        }
        Error::Aws(error) => match error.kind {
            ErrorKind::Credentials if error.is_without_access() => Some(
                "set `profile` or `assume_role` of its environment, of `[routing]`, or of `[accounts.…]`".to_owned(),
            ),
            ErrorKind::Credentials if error.is_expired() => Some(
                "renew the credentials, for example with `aws sso login` or `aws login`; credentials in environment \
                 variables have to be exported again"
                    .to_owned(),
            ),
            // A region that the account has not enabled accepts no credentials.
            ErrorKind::Credentials if failure.region.is_opt_in() => Some(enable_region(&failure.region)),
            ErrorKind::Credentials => Some("renew the credentials, for example with `aws sso login`".to_owned()),
            ErrorKind::Unreachable => Some("check the network".to_owned()),
            ErrorKind::Refused
                if matches!(
                    error.code.as_deref(),
                    Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation")
                ) =>
            {
                Some(denied(error))
            }
            _ => infra_aws::quota(error).map(|quota| quota.hint(&failure.region)),
        },
        _ => None,
    }
}

/// Returns what to allow. The message names the action, if AWS refused another one than that of the call, for example
/// `iam:PassRole`.
fn denied(error: &AwsError) -> String {
    let named = error.message.split_once("not authorized to perform: ").map(|(_, rest)| rest);
    let named = named.and_then(|rest| rest.split([' ', ',']).next()).filter(|action| action.contains(':'));
    let actions = named.map_or_else(|| infra_aws::iam_actions(&error.call).join("`, `"), str::to_owned);
    if error.message.contains("explicit deny") {
        return format!(
            "a policy denies the IAM action `{actions}` explicitly: a service control policy, a permissions boundary \
             or a policy of the resource; whoever manages it can say why"
        );
    }
    format!("these credentials are not allowed to call {}: allow the IAM action `{actions}`", error.call)
}

#[cfg(test)]
mod tests {
    use infra_aws::CallOutcome;

    use super::*;

    #[test]
    fn the_action_that_was_denied_is_named() {
        let error = |message: &str| AwsError {
            call: "dms:CreateEndpoint".to_owned(),
            code: Some("AccessDeniedException".to_owned()),
            message: message.to_owned(),
            request_id: None,
            outcome: CallOutcome::NotDone,
            kind: ErrorKind::Refused,
        };
        let hint =
            denied(&error("User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: r"));
        assert!(hint.ends_with("allow the IAM action `iam:PassRole`"), "{hint}");
        assert!(denied(&error("no")).ends_with("allow the IAM action `dms:CreateEndpoint`"));
        let boundary = "is not authorized to perform: iam:CreateRole on resource: r with an explicit deny in a service \
                        control policy";
        let hint = denied(&error(boundary));
        assert!(hint.contains("denies the IAM action `iam:CreateRole` explicitly"), "{hint}");
    }
}
