//! How a cutover begins, or goes on.

use super::CutoverArgs;
use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals};
use crate::cli::failure::{CliError, Exit};
use crate::cli::request::{Letterbox, Request};
use crate::cli::{down, session};
use crate::config::Config;
use crate::engine::Context;
use crate::migration::Split;
use crate::migration::record::{Record as Report, Who};
use crate::migration::saved::Saved;
use crate::migration::schedule::{Input, Progress, Schedule};
use crate::state::{Found, whoever};

pub(super) fn schedule(config: &Config, args: &CutoverArgs) -> Result<Schedule, CliError> {
    let Some(mut schedule) = Schedule::of(config) else {
        return Err(CliError::new(Exit::Usage, "there is no routing in this configuration, so there is no traffic to shift")
            .remains("nothing was changed")
            .hint("write `[routing]`, `enabled = true`"));
    };
    for percent in &args.pause_at {
        let known = Split::new(*percent).filter(|split| schedule.steps.as_slice().contains(split));
        let Some(split) = known else {
            let steps = schedule.steps.as_slice().iter().map(|split| split.percent().to_string()).collect::<Vec<_>>().join(", ");
            return Err(CliError::new(Exit::Usage, format!("`--pause-at {percent}` is no step"))
                .remains("nothing was changed")
                .hint(format!("the steps are {steps}")));
        };
        schedule.pause_at.push(split);
    }
    Ok(schedule)
}

/// Sends a request to a cutover that runs elsewhere, if one does.
pub(super) async fn ask_elsewhere(globals: &Globals, config: &Config, request: Request, now: Option<&Saved>) -> Result<bool, CliError> {
    let place = session::place(globals, config, None).await?;
    let Ok(Found::Held(holder)) = place.holder().await else { return Ok(false) };
    let runs = holder.as_ref().is_none_or(|holder| holder.command == "cutover");
    if !runs {
        return Ok(false);
    }
    if let Some(saved) = now.filter(|_| request == Request::Approve) {
        waits_at(globals, saved, &saved.report.schedule)?;
    }
    let sent = Letterbox::of(&place).send(request, &whoever(), holder.as_ref()).await;
    sent.map_err(|error| error.hint(format!("`{}` needs nobody's help", again(globals, "traffic rollback", &Chosen::default()))))?;
    down::say(globals, &format!("the cutover that is running was asked to {}", request.words()));
    Ok(true)
}

/// What the machine is told first.
pub(super) fn first(globals: &Globals, request: Option<Request>, before: Option<&Saved>) -> Result<Input, CliError> {
    let open = before.filter(|saved| saved.can_go_on());
    let first = match request {
        None => Some(Saved::first(before)),
        Some(Request::Approve | Request::Continue) => open.map(|_| Saved::first(before)),
        Some(Request::Abort) => open.map(|saved| saved.asked(Request::Abort.input(&whoever()))),
        // Also after it is complete: the source may have to be released.
        Some(Request::Rollback) => before.filter(|saved| !saved.is_back()).map(|saved| saved.asked(Request::Rollback.input(&whoever()))),
        Some(Request::Pause) => None,
    };
    first.ok_or_else(|| {
        CliError::new(Exit::Refused, "there is no cutover under way")
            .remains("nothing was changed")
            .hint(format!("`{}` begins one", again(globals, "cutover", &Chosen::default())))
    })
}

/// The step that is approved with this command, and by whom. Nothing is approved before somebody could have seen it.
pub(super) fn approved(
    globals: &Globals,
    args: &CutoverArgs,
    schedule: &Schedule,
    before: Option<&Saved>,
) -> Result<Option<(Split, String)>, CliError> {
    let Some(saved) = before.filter(|_| args.approve) else { return Ok(None) };
    Ok(Some((waits_at(globals, saved, schedule)?, whoever())))
}

/// The step that waits for an approval.
fn waits_at(globals: &Globals, saved: &Saved, schedule: &Schedule) -> Result<Split, CliError> {
    saved.progress.waits_at(schedule).ok_or_else(|| {
        CliError::new(Exit::Refused, format!("no step waits for an approval: it is at {}", saved.progress.live))
            .remains("nothing was changed")
            .hint(format!("`{}` goes on with it", again(globals, "cutover", &Chosen::default())))
    })
}

pub(super) fn begin(config: &Config, context: &Context, schedule: &Schedule, before: Option<&Saved>) -> Saved {
    let started = crate::clock::timestamp();
    let holder = crate::state::Holder::myself("cutover", None);
    let id = format!("cutover-{}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ"));
    let who = Who { user: holder.user, host: holder.host };
    let report = Report::new(&id, &config.stack.id(), who, &started, schedule.clone());
    Saved { began: context.cloud.unix_now(), progress: Progress::after(before.map(|before| &before.progress)), report }
}

pub(super) fn question(request: Option<Request>) -> &'static str {
    match request {
        Some(Request::Abort) => "\nAbort the cutover?",
        Some(Request::Rollback) => "\nSend all traffic back to the source?",
        _ => "\nBegin?",
    }
}

pub(super) fn moved_on(globals: &Globals) -> CliError {
    CliError::new(Exit::Refused, "somebody else has gone on with the cutover in the meantime")
        .remains("nothing was changed")
        .hint(format!("look with `{}`", again(globals, "traffic show", &Chosen::default())))
}
