//! `plan`: what would be done.

use clap::Args;

use super::args::{Chosen, Globals, OutputFormat, Targets};
use super::failure::{CliError, Exit};
use super::run::line;
use super::{policies, protection, session};
use crate::config::{Config, did_you_mean};
use crate::plan::{Action, Plan, plan_up};
use crate::state::State;

/// Shows what `up` would do: every resource, why, how many, and how long it will take.
///
/// It is computed from the configuration and the state alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra plan --env source\n  migrate-infra plan --output json | jq '.steps[] | select(.action == \"create\") | .address'"
)]
pub struct PlanArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
    /// Exit with 4 when there is something to do.
    #[arg(long)]
    exit_code: bool,
}

pub(super) async fn run(globals: &Globals, args: &PlanArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    let plan = make(globals, &config, &state, &args.targets.of(&args.chosen))?;
    match globals.output {
        OutputFormat::Json => line(&serde_json::to_string(&plan).unwrap_or_default()),
        OutputFormat::Text => {
            show(&plan);
            for (violation, reason) in policies::check(&config, &crate::stack::build(&config)?)?.excused {
                line(&format!("allowed by `policy.exceptions`: {} {} ({reason})", violation.address, violation.message));
            }
        }
    }
    Ok(if args.exit_code && plan.changes_something() { Exit::Changes as u8 } else { 0 })
}

/// Plans `up` for the chosen environments.
pub(super) fn make(globals: &Globals, config: &Config, state: &State, chosen: &Chosen) -> Result<Plan, CliError> {
    let graph = crate::stack::build(config)?;
    policies::check(config, &graph)?;
    protection::check(config, &graph, state)?;
    session::check_chosen(chosen, &graph.environments())?;
    let plan = plan_up(&graph, state, &|environment| chosen.includes(environment)).map_err(|missing| {
        let mut error = CliError::new(Exit::Refused, missing.to_string());
        error.causes = some(&missing.needs.iter().map(|(missing, user)| format!("{user} needs {missing}")).collect::<Vec<_>>());
        error.remains("nothing was changed").hint(first(globals, "up", &missing.environments(), chosen))
    })?;
    narrow(plan, chosen)
}

/// Keeps what is among the targets, if there are any. A target that matches nothing is a mistake.
pub(super) fn narrow(mut plan: Plan, chosen: &Chosen) -> Result<Plan, CliError> {
    if chosen.targets.is_empty() {
        return Ok(plan);
    }
    for target in &chosen.targets {
        if !plan.steps.iter().any(|step| step.address.matches(target)) {
            let known: Vec<&str> = plan.steps.iter().map(|step| step.address.as_str()).collect();
            let otherwise = "`plan` shows all addresses, `state list` those that exist; `*` stands for any text";
            let hint = did_you_mean(target, &known, otherwise);
            return Err(CliError::new(Exit::Usage, format!("`--target {target}` matches nothing")).remains("nothing was changed").hint(hint));
        }
    }
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
    let together = Chosen { environments: [&others[..], &chosen.environments].concat(), targets: Vec::new() };
    let command = |chosen: &Chosen| super::again::again(globals, verb, chosen);
    format!(
        "run `{}` first, `{}` for these together, or `{}` for everything",
        command(&Chosen { environments: others, targets: Vec::new() }),
        command(&together),
        command(&Chosen::default())
    )
}

/// Refuses a plan that cannot be carried out, before anything is changed.
pub(super) fn possible(plan: &Plan, config: &Config, globals: &Globals, chosen: &Chosen) -> Result<(), CliError> {
    protection::refuse(plan, config, Exit::Refused)?;
    let blocked: Vec<_> = plan.steps.iter().filter(|step| matches!(step.action, Action::Replace { .. })).collect();
    if blocked.is_empty() {
        return Ok(());
    }
    let mut error = CliError::new(Exit::Refused, "what is to be changed would have to be replaced, which is not supported yet");
    error.causes = blocked.iter().map(|step| format!("{}: {}", step.address, step.reason)).collect();
    let down = super::again::again(globals, "down", chosen);
    Err(error.remains("nothing was changed").hint(format!("take the change back, or run `{down}` with the old configuration first")))
}

/// Writes a plan for people to standard output.
pub(super) fn show(plan: &Plan) {
    let width = plan.steps.iter().map(|step| step.address.as_str().len()).max().unwrap_or(0);
    for step in plan.steps.iter().filter(|step| step.action != Action::Nothing) {
        let mark = match step.action {
            Action::Create => "+",
            Action::Update { .. } => "~",
            Action::Replace { .. } => "±",
            Action::Resume => ">",
            Action::Delete => "-",
            Action::Restore => "<",
            Action::Nothing => " ",
        };
        let why = if step.action == Action::Create { String::new() } else { format!("  {}", step.reason) };
        line(format!("  {mark} {:width$}  {}{why}", step.address, step.kind).trim_end());
        if let Action::Update { changes } | Action::Replace { changes, .. } = &step.action {
            for change in changes {
                line(&format!("      {}: {} -> {}", change.field, short(&change.old), short(&change.new)));
            }
        }
    }
    line(&summary(plan));
    if let Some(first) = plan.left_out.first() {
        line(&match plan.left_out.len() {
            1 => format!("left out, because it is not among the targets: {first}"),
            many => format!("left out, because they are not among the targets: {many} resources, among them {first}"),
        });
    }
    if !plan.critical_path.is_empty() {
        line(&format!("expected to take {}; the longest chain is", super::report::duration(plan.expected_seconds)));
        for address in &plan.critical_path {
            line(&format!("  {address}"));
        }
    }
}

fn short(value: &serde_json::Value) -> String {
    let text = value.to_string();
    match value {
        _ if text.contains("\"$output\"") || text.contains("\"$concat\"") => "known once what it refers to is made".to_owned(),
        _ if text.chars().count() > LONGEST_VALUE => format!("{}…", text.chars().take(LONGEST_VALUE).collect::<String>()),
        _ => text,
    }
}

/// Longer values are cut in the text; the JSON form has all of them.
const LONGEST_VALUE: usize = 160;

/// Returns the totals of a plan in one sentence.
pub(super) fn summary(plan: &Plan) -> String {
    let totals = plan.totals();
    let words: Vec<String> = [
        ("create", "to create"),
        ("resume", "to go on with"),
        ("update", "to change"),
        ("replace", "to replace (not supported yet: `up` will refuse)"),
        ("delete", "to delete"),
    ]
    .iter()
    .filter_map(|(verb, words)| Some(format!("{} {words}", totals.get(verb)?)))
    .collect();
    let same = totals.get("none").copied().unwrap_or(0);
    match (words.is_empty(), same) {
        (true, 0) => "there is nothing to do".to_owned(),
        (true, same) => format!("there is nothing to do: all {same} resources are as specified"),
        (false, 0) => format!("plan: {}", words.join(", ")),
        (false, same) => format!("plan: {}, {same} as they are", words.join(", ")),
    }
}
