//! `adopt`: take a thing that exists into the state.

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::look::looker;
use super::report::{self, Reporter, values::changed};
use super::run::line;
use super::session::{self, Session};
use super::{down, moves, plan};
use crate::address::Address;
use crate::aws::address_of;
use crate::config::{Config, did_you_mean};
use crate::engine::{Adoption, Outcome, inspect};
use crate::plan::Step;
use crate::resource::{Error, describe};
use crate::state::{Entry, State};

/// Takes a thing that exists into the state, so that this stack looks after it from here on.
///
/// It is compared with the configuration first. Its ownership tags are added; nothing else is changed before the next `up`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra adopt source/network/vpc vpc-0123456789abcdef0 --dry-run\n  migrate-infra adopt source/database-source/instance payment-db-source-source-dev-001"
)]
pub struct AdoptArgs {
    /// The address of the resource, as `plan` shows it.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The AWS id, name or ARN of the thing.
    #[arg(value_name = "ID")]
    id: String,
    /// Only show what differs.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &AdoptArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = moves::renamed(&config, &session::peek(globals, &config).await?);
    let step = choose(globals, &config, &state, &args.address, &args.id)?;
    let looker = looker(globals, &config, session::connect(globals, &config).await?);
    let found = inspect(&looker, &state, &step, &args.id).await.map_err(|error| refused(&config, &state, &args.address, &error))?;
    drop(looker);
    if args.dry_run || !args.yes {
        show(globals, &step, &found);
    }
    if args.dry_run {
        return Ok(0);
    }
    confirm(&format!("\nTake `{}` into the state as {}, and add the ownership tags?", found.id, args.address), args.yes)?;
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "adopt", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let step = moves::planned(&session.context, &config, |state| choose(globals, &config, state, &args.address, &args.id)).await;
    let (session, step) = session.or_close(step).await?;
    let report = crate::engine::adopt(&session.context, step, &args.id).await;
    reporter.finish();
    session.close().await;
    let report = report?;
    if report.outcome != Outcome::Done {
        let words = format!("adopt {} {}", args.address, args.id);
        return Err(report::unfinished(globals, &report, &again(globals, &words, &Chosen::default())));
    }
    let next = again(globals, "plan", &Chosen::default());
    down::say(globals, &format!("`{}` is taken into the state as {}; `{next}` shows what `up` would change", found.id, args.address));
    Ok(0)
}

/// The resource that the address is of, unless the state knows it already.
fn choose(globals: &Globals, config: &Config, state: &State, address: &str, id: &str) -> Result<Step, CliError> {
    let address = Address::new(address);
    let plan = plan::make(globals, config, state, &Chosen::default(), None)?;
    let known: Vec<&str> = plan.steps.iter().map(|step| step.address.as_str()).collect();
    let Some(step) = plan.steps.iter().find(|step| step.address == address) else {
        return Err(CliError::new(Exit::Usage, format!("no resource is called `{address}`")).remains("nothing was changed").hint(did_you_mean(
            address.as_str(),
            &known,
            "`plan` shows all addresses",
        )));
    };
    if let Some(entry) = state.get(&address).filter(|entry| !may_go_on(entry, id)) {
        let known = entry.attrs.as_ref().and_then(|attrs| Some(crate::resource::kind(&entry.kind)?.id(attrs)));
        let Some(id) = known else {
            let what = format!("the creation of {address} was begun, and what became of it is not known");
            return Err(CliError::new(Exit::Refused, what)
                .remains("nothing was changed")
                .hint(format!("`{}` finds out, and `forget` drops it from the state", again(globals, "up", &Chosen::default()))));
        };
        return Err(CliError::new(Exit::Refused, format!("{address} is known already, as `{id}`"))
            .remains("nothing was changed")
            .hint(format!("`{}` drops it from the state without deleting it", again(globals, &format!("forget {address}"), &Chosen::default()))));
    }
    let missing: Vec<String> = step.needs.iter().filter(|need| state.attrs(&need.on).is_none()).map(|need| format!("it needs {}", need.on)).collect();
    if !missing.is_empty() {
        let mut error = CliError::new(Exit::Refused, format!("{address} refers to what this stack does not have yet")).remains("nothing was changed");
        error.causes = plan::some(&missing);
        return Err(error.hint("adopt that first, or create it with `up --target`"));
    }
    Ok(step.clone())
}

/// Whether an adoption of this very thing was begun, or nothing was called yet for the address.
fn may_go_on(entry: &Entry, id: &str) -> bool {
    match (&entry.attrs, &entry.open) {
        (Some(attrs), Some(_)) => crate::resource::kind(&entry.kind).is_some_and(|kind| kind.id(attrs) == id),
        (None, Some(open)) => open.calls.is_empty(),
        (_, None) => false,
    }
}

fn refused(config: &Config, state: &State, address: &str, error: &Error) -> CliError {
    let refusal = CliError::new(Exit::Refused, format!("{address}: {}", describe(error))).remains("nothing was changed");
    let Error::Foreign { id, owner } = error else {
        return refusal.hint("change the configuration so that it describes the thing, or name another one");
    };
    // Where the state has it is where it stands, whatever its tags say.
    match known_at(state, id).or_else(|| address_of(owner, &config.stack.id())) {
        Some(from) => refusal.hint(format!(
            "this stack has it at {from}; to give it another address, put `[[moved]]` with `from = \"{from}\"` and `to = \"{address}\"` into the configuration"
        )),
        None => refusal.hint("what carries the marks of another stack is taken away from it with `forget` there, and by removing its ownership tags"),
    }
}

/// The address at which the state has a thing.
fn known_at<'a>(state: &'a State, id: &str) -> Option<&'a str> {
    let is_it = |entry: &Entry| entry.attrs.as_ref().zip(crate::resource::kind(&entry.kind)).is_some_and(|(attrs, kind)| kind.id(attrs) == id);
    state.resources.iter().find(|(_, entry)| is_it(entry)).map(|(address, _)| address.as_str())
}

fn show(globals: &Globals, step: &Step, found: &Adoption) {
    if globals.output == OutputFormat::Json {
        line(&json!({ "address": step.address, "id": found.id, "changes": found.changes, "call": found.call }).to_string());
        return;
    }
    line(&format!("  {}  {}  `{}`", step.address, step.kind, found.id));
    for change in &found.changes {
        line(&format!("      {}", changed(change)));
    }
    line(match found.changes.is_empty() {
        true => "it is as specified; only the ownership tags are added",
        false => "the ownership tags are added; the next `up` would change what differs",
    });
}
