//! `forget`: drop resources from the state without deleting them.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::again::again;
use super::agreed::Agreed;
use super::args::{Chosen, Globals};
use super::confirm::confirm;
use super::down;
use super::failure::{CliError, Exit};
use super::report::Reporter;
use super::run::line;
use super::session::{self, Session};
use crate::address::{Address, RunId};
use crate::clock::timestamp;
use crate::config::{Config, did_you_mean};
use crate::state::{Record, State};

/// Drops resources from the state. Nothing in AWS is changed: they go on, and this stack no longer looks after them.
///
/// Their ownership tags stay. So `up` takes one back that the configuration still has, and `orphans` lists one that it has no more. One that was
/// renamed has the tags of its old address: `state rebuild` takes it back by its entry in `[[moved]]`, which has to be there.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra forget source/storage/bucket-source\n  migrate-infra forget 'target/monitoring/*' -y")]
pub struct ForgetArgs {
    /// Addresses; `*` stands for any text.
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &ForgetArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let chosen = choose(&config, &state, &args.addresses)?;
    if chosen.is_empty() {
        down::say(globals, "nothing to forget: the state does not know them");
        return Ok(0);
    }
    let mut agreed = Agreed::unasked();
    if !args.yes {
        for address in &chosen {
            line(&format!("  {address}"));
        }
        for (user, used) in still_used(&state, &chosen) {
            line(&format!("note: {user} needs {used} and stays in the state"));
        }
        confirm("\nForget these? Nothing in AWS is changed.", false)?;
        agreed = Agreed::to(digest(&chosen));
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "forget", reporter.events()).await?;
    // The state may have moved on while the question was asked.
    let chosen = session.context.journal.read(|state| choose(&config, state, &args.addresses));
    let (session, chosen) = session.or_close(chosen.and_then(|chosen| agreed.covers(&digest(&chosen)).map(|()| chosen))).await?;
    let written = session.context.journal.write(records(&chosen)).await;
    reporter.finish();
    session.close().await;
    written?;
    down::say(globals, &format!("{} resources are forgotten; they exist as before", chosen.len()));
    if !renamed(&state, &chosen).is_empty() {
        let rebuild = again(globals, "state rebuild", &Chosen::default());
        down::say(globals, &format!("what was renamed has the tags of its old address: `{rebuild}` takes it back, and `up` would make another one"));
    }
    Ok(0)
}

/// What has the tags of an address that it had before, and which. What makes way is none of that.
fn renamed<'a>(state: &'a State, chosen: &'a BTreeSet<Address>) -> Vec<(&'a Address, &'a Address)> {
    let known = chosen.iter().filter(|address| address.made_way().is_none());
    known.filter_map(|address| Some((state.get(address)?.tagged_as.as_ref()?, address))).collect()
}

/// Refuses to forget what nothing would find again.
fn check_renamed(config: &Config, state: &State, chosen: &BTreeSet<Address>) -> Result<(), CliError> {
    let moves = config.renamed();
    let lost = |(says, address): &(&Address, &Address)| !moves.iter().any(|(from, to)| from == *says && to == *address);
    let Some((says, address)) = renamed(state, chosen).into_iter().find(lost) else { return Ok(()) };
    Err(CliError::new(Exit::Refused, format!("{address} has the tags of {says}, and would not be found again: `up` would make another one"))
        .remains("nothing was changed")
        .hint(format!("write `[[moved]]`, `from = \"{says}\"`, `to = \"{address}\"` into the configuration: then `state rebuild` finds it")))
}

/// What tells a choice apart from others.
fn digest(chosen: &BTreeSet<Address>) -> String {
    chosen.iter().map(Address::as_str).collect::<Vec<_>>().join(" ")
}

/// What the patterns name. Something that the configuration has and the state does not was forgotten by an earlier try.
fn choose(config: &Config, state: &State, patterns: &[String]) -> Result<BTreeSet<Address>, CliError> {
    let mut chosen = BTreeSet::new();
    for pattern in patterns {
        let mut found = state.resources.keys().filter(|address| address.matches(pattern)).peekable();
        if found.peek().is_none() {
            let graph = crate::stack::build(config)?;
            if graph.nodes().keys().any(|address| address.matches(pattern)) {
                continue;
            }
            let known: Vec<&str> = state.resources.keys().map(Address::as_str).collect();
            return Err(CliError::new(Exit::Usage, format!("the state knows no `{pattern}`")).remains("nothing was changed").hint(did_you_mean(
                pattern,
                &known,
                "`state list` shows all that it knows; `*` stands for any text",
            )));
        }
        chosen.extend(found.cloned());
    }
    check_renamed(config, state, &chosen)?;
    Ok(chosen)
}

/// What stays in the state although it needs something that is forgotten.
fn still_used<'a>(state: &'a State, chosen: &BTreeSet<Address>) -> BTreeMap<&'a Address, &'a Address> {
    let staying = state.resources.iter().filter(|(address, _)| !chosen.contains(*address));
    staying.filter_map(|(user, entry)| Some((user, &entry.needs.iter().find(|need| chosen.contains(&need.on))?.on))).collect()
}

/// One batch: a run that says that these are no longer known.
fn records(chosen: &BTreeSet<Address>) -> Vec<Record> {
    let at = timestamp();
    let run = RunId(uuid::Uuid::new_v4().simple().to_string());
    let environments = chosen.iter().map(|address| address.environment().to_owned()).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let begin = Record::RunStarted { run: run.clone(), command: "forget".to_owned(), environments, version, at: at.clone() };
    let gone = chosen.iter().map(|address| Record::Deleted { address: address.clone() });
    let end = Record::RunFinished { run, outcome: "done".to_owned(), at };
    [begin].into_iter().chain(gone).chain([end]).collect()
}
