//! `plan`: what would be done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::args::{Chosen, Deletions, Globals, OutputFormat, Replacements, Targets};
use super::failure::{CliError, Exit};
use super::look::{Looked, Unseen, look, looker};
use super::run::{line, say};
use super::saved::Saved;
use super::{ignoring, moves, policies, possible, protection, report, session};
use crate::address::Address;
use crate::config::{Config, did_you_mean};
use crate::plan::{Findings, Impossible, Plan, Wish, calls, plan_wish};
use crate::state::State;

/// Shows what `up` would do: every resource, why, how many, and how long it will take.
///
/// It looks at everything that exists, so that what was changed or deleted outside is in the plan, too. Nothing is changed. What `up` would
/// refuse to carry out is refused here, after it has been shown.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra plan --env source\n  migrate-infra plan --out plan.json && migrate-infra up plan.json\n  migrate-infra plan --output json | jq '.steps[] | select(.action == \"create\") | .address'"
)]
pub struct PlanArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    replacements: Replacements,
    #[command(flatten)]
    deletions: Deletions,
    /// Exit with 4 when there is something to do.
    #[arg(long)]
    exit_code: bool,
    /// Plan from the configuration and the state alone, without a single call.
    #[arg(long)]
    offline: bool,
    /// Show which API operations each step calls.
    #[arg(long)]
    calls: bool,
    /// Show it as Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// Write the plan to this file, for `up FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(globals: &Globals, args: &PlanArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let chosen = args.deletions.of(args.replacements.of(args.targets.of(&args.chosen)));
    let looked = match args.offline {
        true => None,
        false => looked(globals, &config, &state, &chosen, "plan").await?,
    };
    let findings = looked.as_ref().map(|looked| &looked.findings);
    let plan = make(globals, &config, &state, &chosen, findings)?;
    match globals.output {
        OutputFormat::Json => line(&json(&plan, args.calls)),
        OutputFormat::Text if args.markdown => line(report::markdown(&plan, &config.stack.id(), args.calls).trim_end()),
        OutputFormat::Text => {
            report::show_plan(globals, &plan, args.calls);
            for (violation, reason) in policies::check(&config, &crate::stack::build(&config)?)?.excused {
                line(&format!("allowed by `policy.exceptions`: {} {} ({reason})", violation.address, violation.message));
            }
            if let Some(Looked { resources, reads, .. }) = &looked {
                line(&format!("looked at {resources} resources with {reads} calls"));
            }
        }
    }
    possible::check(&possible::Asked { verb: "plan", globals, config: &config, chosen: &chosen }, &plan, &state)?;
    if let Some(path) = &args.out {
        Saved::of(&plan, &state, config.stack.id(), &chosen, findings).write(path)?;
        let up = super::again::again(globals, &format!("up {}", path.display()), &Chosen::default());
        say(&format!("the plan is in {}; `{up}` carries out exactly that", path.display()));
    }
    Ok(if args.exit_code && plan.changes_something() { Exit::Changes as u8 } else { 0 })
}

/// A plan with what it comes to.
#[derive(serde::Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    totals: BTreeMap<&'static str, usize>,
}

/// The plan for programs.
fn json(plan: &Plan, with_calls: bool) -> String {
    let printed = Printed { plan, totals: plan.totals() };
    if !with_calls {
        return serde_json::to_string(&printed).unwrap_or_default();
    }
    let mut value = serde_json::to_value(&printed).unwrap_or_default();
    let steps = value.get_mut("steps").and_then(serde_json::Value::as_array_mut);
    for (printed, step) in steps.into_iter().flatten().zip(&plan.steps) {
        let calls = calls(step);
        let (name, operations) = calls.named();
        printed[name] = operations.into();
    }
    value.to_string()
}

/// Looks at what a plan is about, as far as the state knows it. Where there is nothing, nothing is called. When that fails, `verb` is to be run
/// offline.
pub(super) async fn looked(globals: &Globals, config: &Config, state: &State, chosen: &Chosen, verb: &str) -> Result<Option<Looked>, CliError> {
    let state = &moves::renamed(config, state);
    let about = about(globals, config, state, chosen)?;
    if !state.resources.keys().any(&about) {
        return Ok(None);
    }
    let looker = looker(globals, config, session::connect(globals, config).await?);
    let instead = format!("`{}` goes by the state alone", super::again::again(globals, &format!("{verb} --offline"), chosen));
    look(config, &looker, state, about, Unseen::Refuse(&instead)).await.map(Some)
}

/// The same with a cloud that is connected already.
pub(super) async fn looked_with(
    globals: &Globals,
    config: &Config,
    state: &State,
    chosen: &Chosen,
    context: &crate::engine::Context,
) -> Result<Looked, CliError> {
    let about = about(globals, config, state, chosen)?;
    look(config, &context.looker(), &moves::renamed(config, state), about, Unseen::GoOn).await
}

/// What a plan from the state alone is about.
fn about(globals: &Globals, config: &Config, state: &State, chosen: &Chosen) -> Result<impl Fn(&Address) -> bool + use<>, CliError> {
    let plan = make(globals, config, state, chosen, None)?;
    let steps: std::collections::BTreeSet<Address> = plan.steps.into_iter().map(|step| step.address).collect();
    Ok(move |address: &Address| steps.contains(address))
}

/// Plans `up` for the chosen environments.
pub(super) fn make(globals: &Globals, config: &Config, state: &State, chosen: &Chosen, findings: Option<&Findings>) -> Result<Plan, CliError> {
    let graph = crate::stack::build(config)?;
    let state = &moves::renamed(config, state);
    policies::check(config, &graph)?;
    protection::check(config, &graph, state)?;
    moves::check(config, &graph)?;
    ignoring::check(config, &graph, state)?;
    session::check_chosen(chosen, &graph.environments())?;
    let includes = |environment: &str| chosen.includes(environment);
    let replaces = |address: &Address| chosen.replaces(address);
    let wish = Wish { chosen: &includes, replace: &replaces, findings };
    let plan = plan_wish(&graph, state, &wish).map_err(|impossible| match impossible {
        Impossible::Missing(missing) => {
            let mut error = CliError::new(Exit::Refused, missing.to_string());
            error.causes = some(&missing.needs.iter().map(|(missing, user)| format!("{user} needs {missing}")).collect::<Vec<_>>());
            error.remains("nothing was changed").hint(first(globals, "up", &missing.environments(), chosen))
        }
        Impossible::Knot(knot) => CliError::new(Exit::Refused, "what is asked for can not be done in one go")
            .because(&knot)
            .remains("nothing was changed")
            .hint("make one of the changes first and run `up`, and then the others"),
    })?;
    let known: Vec<&Address> = plan.steps.iter().map(|step| &step.address).collect();
    check_patterns("--replace", &chosen.replace, &known)?;
    // `--delete` is not checked: what it names is gone when the same command is run again after a failure.
    narrow(plan, chosen)
}

/// Refuses patterns that match nothing.
pub(super) fn check_patterns(option: &str, patterns: &[String], known: &[&Address]) -> Result<(), CliError> {
    let Some(pattern) = patterns.iter().find(|pattern| !known.iter().any(|address| address.matches(pattern))) else { return Ok(()) };
    let known: Vec<&str> = known.iter().map(|address| address.as_str()).collect();
    let otherwise = "`plan` shows all addresses, `state list` those that exist; `*` stands for any text";
    let hint = did_you_mean(pattern, &known, otherwise);
    Err(CliError::new(Exit::Usage, format!("`{option} {pattern}` matches nothing")).remains("nothing was changed").hint(hint))
}

/// Keeps what is among the targets, if there are any. A target that matches nothing is a mistake.
pub(super) fn narrow(mut plan: Plan, chosen: &Chosen) -> Result<Plan, CliError> {
    if chosen.targets.is_empty() {
        return Ok(plan);
    }
    check_patterns("--target", &chosen.targets, &plan.steps.iter().map(|step| &step.address).collect::<Vec<_>>())?;
    plan.only(|address| chosen.targets(address));
    Ok(plan)
}

/// How many of the reasons for a refusal are shown.
const SHOWN: usize = 12;

/// The first reasons, and how many more there are.
pub(super) fn some(reasons: &[String]) -> Vec<String> {
    let more = reasons.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("and {more} more like these"));
    reasons.iter().take(SHOWN).cloned().chain(rest).collect()
}

/// What to run instead: the other environments before, or all of them together with those that were asked for.
pub(super) fn first(globals: &Globals, verb: &str, others: &[&str], chosen: &Chosen) -> String {
    let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
    let together = Chosen { environments: [&others[..], &chosen.environments].concat(), ..Chosen::default() };
    let command = |chosen: &Chosen| super::again::again(globals, verb, chosen);
    format!(
        "run `{}` first, `{}` for these together, or `{}` for everything",
        command(&Chosen { environments: others, ..Chosen::default() }),
        command(&together),
        command(&Chosen::default())
    )
}
