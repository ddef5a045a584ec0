//! The one place that turns a refusal into a message, causes, hints and an exit code.

use std::collections::BTreeMap;

use infra_base::address::Address;
use infra_base::shell::quote;
use infra_config::{Side, Strategy, did_you_mean};
use infra_core::state::{JournalError, StateError, UnusableState};
use infra_payment::policy::Violation;
use infra_workflow::refusal::{
    ConfigRefusal, DataLoss, ImportRefusal, ManualStep, MigrationRefusal, Outdated, PlanRefusal, SavedPlanError,
    SelectionRefusal, Selector, StateRefusal,
};
use infra_workflow::{Error, Request, Selection};

use super::endpoint::EndpointError;
use super::error::{CliError, ENDPOINT_URL_HINT, Exit};
use super::options::GlobalOptions;
use super::suggest::{command, order_hint, ownership_resolution, rerun_command};

/// How many resolutions for foreign resources are shown.
const SHOWN_RESOLUTIONS: usize = 3;
/// How many resources are named per policy violation, which is often the same for a whole part of the stack.
const SHOWN_VIOLATIONS: usize = 5;
/// Where to find addresses, when nothing similar exists.
const FIND_ADDRESS: &str = "`plan` shows all addresses";
/// The same, where patterns are allowed.
const FIND_PATTERN: &str = "`plan` shows all addresses; `*` wildcards are supported";

/// Replication has one direction ("AWS DMS", ongoing replication: from the source endpoint to the target endpoint),
/// which the user must know before and after traffic goes back.
pub(super) const ONE_WAY: &str = "replication has one direction: what was written through the target \
    while it received traffic is only in the target's database";

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// A refusal, or an error of a lower layer, still to be explained.
    Workflow(Error),
    /// An error as the user reads it.
    Explained(CliError),
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        Self::Explained(error)
    }
}

macro_rules! from_workflow {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Workflow(error.into())
            }
        })+
    };
}

from_workflow!(
    Error,
    ConfigRefusal,
    ImportRefusal,
    JournalError,
    MigrationRefusal,
    PlanRefusal,
    SavedPlanError,
    SelectionRefusal,
    StateError,
    StateRefusal,
    infra_core::graph::GraphError,
);

impl Failure {
    /// Returns whether the state lists a resource of somebody else. An emergency needs no state, but does not change
    /// what is not ours.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Workflow(Error::StateRefused(StateRefusal::ForeignEntry { .. })))
    }
}

/// Returns an error as the user reads it.
pub(super) fn explain(options: &GlobalOptions, failure: Failure) -> CliError {
    match failure {
        Failure::Explained(error) => error,
        Failure::Workflow(error) => Explainer { options }.error(error),
    }
}

struct Explainer<'a> {
    options: &'a GlobalOptions,
}

impl Explainer<'_> {
    fn error(&self, error: Error) -> CliError {
        match error {
            Error::Selection(refusal) => selection(&refusal),
            Error::ConfigRefused(refusal) => config(&refusal),
            Error::Plan(refusal) => self.plan(refusal),
            Error::SavedPlan(error) => self.saved_plan(&error),
            Error::StateRefused(refusal) => self.state(&refusal),
            Error::Import(refusal) => self.import(&refusal),
            Error::Migration(refusal) => self.migration(&refusal),
            Error::Config(error) => error.into(),
            Error::Graph(error) => error.into(),
            Error::State(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Journal(error) => error.into(),
            Error::Move(error) => error.into(),
            Error::Cloud(error) => error.into(),
            Error::Endpoint(error) => endpoint(error),
            Error::Listing(ref source) => {
                CliError::new(Exit::Cloud, error.to_string()).because_text(source.to_string()).nothing_changed()
            }
        }
    }

    fn command(&self, verb: &str) -> String {
        command(self.options, verb)
    }

    /// Returns the requested command, with these replacements and deletions by address.
    fn with_consent(&self, request: &Request, replaced: &[&Address], deleted: &[&Address]) -> String {
        let names = |addresses: &[&Address]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        let selection = Selection {
            replace: [request.selection.replace.clone(), names(replaced)].concat(),
            delete: [request.selection.delete.clone(), names(deleted)].concat(),
            ..request.selection.clone()
        };
        rerun_command(self.options, request.command, &selection)
    }

    fn plan(&self, refusal: PlanRefusal) -> CliError {
        let base = CliError::new(Exit::Refused, refusal.to_string()).nothing_changed();
        match refusal {
            PlanRefusal::MissingDependencies { missing, selection } => base
                .because_all(missing.needs.iter().map(|(missing, user)| format!("{user} depends on {missing}")))
                .hint(order_hint(self.options, "up", &missing.environments(), &selection)),
            PlanRefusal::SharedSecretWithoutKey { key, to, .. } => base.hint(format!(
                "set `{key}` to a customer managed key whose policy allows the account of `{to}` kms:Decrypt and \
                 kms:DescribeKey"
            )),
            PlanRefusal::DependencyCycle(_) => {
                base.hint("make one of the changes first and run `up`, and then the others")
            }
            PlanRefusal::StillInUse { users, receives_traffic, selection } => {
                let error =
                    base.because_all(users.uses.iter().map(|(used, user)| format!("{used} is in use by {user}")));
                let others = users.environments();
                let error = match receives_traffic {
                    true => error,
                    false => error.hint(order_hint(self.options, "down", &others, &selection)),
                };
                error.hint(format!(
                    "resources that stay stop using what you remove from the configuration, and `{}` deletes that",
                    self.command("up")
                ))
            }
            PlanRefusal::OrphanInUse(_) => base,
            PlanRefusal::Protected { resources } => protected(base, &resources),
            PlanRefusal::RollbackOfProtected { resources, can_skip } => {
                let error = CliError { exit: Exit::Stuck, ..protected(base, &resources) };
                if can_skip { error.hint("or leave a resource unchanged with `--skip ADDRESS`") } else { error }
            }
            PlanRefusal::DeletionProtection { configured: true, .. } => base.hint(
                "set `database.deletion_protection = false`, in the file or with --set, and run the same command again",
            ),
            PlanRefusal::DeletionProtection { configured: false, .. } => base.hint(
                "restore it in the configuration with `database.deletion_protection = false` and run `up`; \
                 then it can be removed",
            ),
            PlanRefusal::UnsupportedChange { changes, holds_data, request } => {
                let addresses: Vec<&Address> = changes.iter().map(|(address, _)| address).collect();
                let data = if holds_data { ", without the data" } else { "" };
                let replace = self.with_consent(&request, &addresses, &[]);
                base.because_all(changes.iter().map(|(address, reason)| format!("{address}: {reason}")))
                    .hint("revert the change")
                    .hint(format!("or replace the resource{data}: `{replace}`"))
            }
            PlanRefusal::ManualActionRequired(steps) => self.manual(base, &steps),
            PlanRefusal::DataLoss { losses, request } => self.data_loss(base, &losses, &request),
            PlanRefusal::ReceivesTraffic { address, reason, request, .. } => base
                .because_text(reason)
                .hint(format!("`{}` shifts the traffic first", self.command("traffic shift --to PERCENT")))
                .hint(format!("or, if the name can be deleted: `{}`", self.with_consent(&request, &[], &[&address]))),
            PlanRefusal::UsedOutsidePlan { users, selectable, request } => {
                let others: Vec<String> = users.environments().into_iter().map(str::to_owned).collect();
                let selected = &request.selection.environments;
                let environments = if selectable { [&others[..], selected].concat() } else { Vec::new() };
                let together = Selection { environments, ..request.selection.clone() };
                base.because_all(users.uses.iter().map(|(used, user)| format!("{user} uses {used}"))).hint(format!(
                    "run `{}` for these together",
                    rerun_command(self.options, request.command, &together)
                ))
            }
            PlanRefusal::RollbackCycle(_) => CliError { exit: Exit::Stuck, ..base }
                .hint("leave one of these resources unchanged with `--skip ADDRESS`"),
            PlanRefusal::Unreadable(failures) => CliError { exit: Exit::Failed, ..base }
                .because_all(failures.iter().map(|(address, reason)| format!("{address}: {reason}"))),
            PlanRefusal::ChangedAfterApproval => base
                .because_text("the state, or what exists, changed before you answered")
                .hint("run the same command again: it shows the current plan"),
        }
    }

    fn manual(&self, base: CliError, steps: &[ManualStep]) -> CliError {
        let mut error = base.because_all(steps.iter().map(|step| format!("{}: {}", step.address, step.reason)));
        let resolutions = steps.iter().filter_map(|step| {
            Some(ownership_resolution(self.options, &step.address, step.foreign_id.as_ref()?, true))
        });
        error.hints.extend(resolutions.take(SHOWN_RESOLUTIONS));
        error.hint("to work on unrelated resources, select them with `--target`")
    }

    fn data_loss(&self, base: CliError, losses: &[DataLoss], request: &Request) -> CliError {
        let (replaced, deleted): (Vec<&DataLoss>, Vec<&DataLoss>) = losses.iter().partition(|loss| loss.replaced);
        let mut error = base
            .because_all(losses.iter().map(|loss| format!("{}: {}", loss.address, loss.reason)))
            .hint("revert the change");
        if let Some(first) = deleted.first() {
            let forget = self.command(&format!("forget {}", first.address));
            error = error.hint(format!("or keep the resource, without this tool: `{forget}`"));
        }
        let addresses = |losses: &[&DataLoss]| losses.iter().map(|loss| loss.address.clone()).collect::<Vec<_>>();
        let (replaced, deleted) = (addresses(&replaced), addresses(&deleted));
        let consent =
            self.with_consent(request, &replaced.iter().collect::<Vec<_>>(), &deleted.iter().collect::<Vec<_>>());
        error.hint(format!("or, if the data can be deleted: `{consent}`"))
    }

    fn saved_plan(&self, error: &SavedPlanError) -> CliError {
        let exit = match error {
            SavedPlanError::Write { .. } => Exit::Failed,
            SavedPlanError::OutOfDate { .. } => Exit::Refused,
            _ => Exit::Usage,
        };
        let base = CliError::of(exit, error);
        match error {
            SavedPlanError::Write { .. } => base,
            SavedPlanError::Read { .. } => base.nothing_changed(),
            SavedPlanError::Parse { .. } => base.nothing_changed().hint("`migrate-infra plan --out FILE` writes one"),
            SavedPlanError::Format { .. } => base.nothing_changed().hint("plan again with this version"),
            SavedPlanError::OutOfDate { reason, selection } => {
                let details = match reason {
                    Outdated::DriftChanged(details) => details.as_slice(),
                    _ => &[],
                };
                let plan = rerun_command(self.options, "plan", selection);
                base.because_text(reason.to_string())
                    .because_all(details.iter().cloned())
                    .nothing_changed()
                    .hint(format!("plan again: `{plan} --out FILE`"))
            }
        }
    }

    fn state(&self, refusal: &StateRefusal) -> CliError {
        let refused = || CliError::new(Exit::Refused, refusal.to_string()).nothing_changed();
        let usage = || CliError::new(Exit::Usage, refusal.to_string()).nothing_changed();
        match refusal {
            StateRefusal::ForeignState { .. } => {
                refused().hint("use the credentials of that account, or another --state-dir")
            }
            StateRefusal::ForeignEntry { address, .. } => refused().hint(format!(
                "compare the state with the one that this stack had; `{}` removes the entry and leaves the resource in \
                 AWS",
                self.command(&format!("forget {}", quote(address.as_str())))
            )),
            StateRefusal::NoAccess { account, .. } => refused().hint(format!(
                "set `profile` or `assume_role` of its environment to credentials of that account; if the environment \
                 is removed from the configuration, set those of `[accounts.{account}]`"
            )),
            StateRefusal::Unusable(UnusableState::UnknownKind { .. }) => CliError { exit: Exit::State, ..refused() }
                .hint("use the version of migrate-infra that wrote it, or a later one"),
            StateRefusal::Unusable(_) => CliError { exit: Exit::State, ..refused() }
                .hint("restore a copy of the state, or see \"Repairing\" in docs/state-format.md"),
            StateRefusal::InOtherBackend { .. } => {
                refused().hint(format!("`{}` moves it", self.command("state migrate")))
            }
            StateRefusal::SandboxIsLocal => usage(),
            StateRefusal::NoBucket => usage().hint(
                "write `[state]`, `bucket = \"…\"`; with `backend = \"s3\"` the state is moved there, \
                 with `backend = \"local\"` back to this machine",
            ),
        }
    }

    fn import(&self, refusal: &ImportRefusal) -> CliError {
        let base = CliError::new(Exit::Refused, refusal.to_string()).nothing_changed();
        match refusal {
            ImportRefusal::UnknownOutcome(_) => {
                base.hint(format!("`{}` finds out, and `forget` removes it from the state", self.command("up")))
            }
            ImportRefusal::AlreadyInState { address, .. } => base.hint(format!(
                "`{}` removes it from the state without deleting it",
                self.command(&format!("forget {address}"))
            )),
            ImportRefusal::MissingDependencies { missing, .. } => base
                .because_all(missing.iter().map(|address| format!("it depends on {address}")))
                .hint("adopt these first, or create them with `up --target`"),
            ImportRefusal::Unsuitable { .. } => {
                base.hint("change the configuration so that it describes the resource, or select another one")
            }
            ImportRefusal::AtOtherAddress { address, current, .. } => base.hint(format!(
                "this stack has it at {current}; to rename it, add `[[moved]]` with `from = \"{current}\"` \
                 and `to = \"{address}\"` to the configuration"
            )),
            ImportRefusal::ForeignResource { .. } => {
                base.hint("if it carries the tags of another stack, run `forget` there and remove its ownership tags")
            }
            ImportRefusal::TaggedWithOldAddress { address, tagged_as } => base.hint(format!(
                "add `[[moved]]`, `from = \"{tagged_as}\"`, `to = \"{address}\"` to the configuration: \
                 then `state rebuild` finds it"
            )),
        }
    }

    fn finish(&self) -> String {
        self.command("cutover finish")
    }

    fn migration(&self, refusal: &MigrationRefusal) -> CliError {
        let base = CliError::new(Exit::Refused, refusal.to_string()).nothing_changed();
        let rollback = || self.command("traffic rollback");
        match refusal {
            MigrationRefusal::NoRouting { verb } => {
                let base = CliError { exit: Exit::Usage, ..base };
                if *verb == "shift" { base.hint("write `[routing]`, `enabled = true`") } else { base }
            }
            MigrationRefusal::NoRecords => {
                let routing = Selection { environments: vec!["routing".into()], ..Selection::default() };
                base.hint(format!(
                    "`{}` creates it, and `--zone-id ID` works without a state",
                    rerun_command(self.options, "up", &routing)
                ))
            }
            MigrationRefusal::SourceRemoved { name } => base.because_text(format!("{name} has no record `source`")),
            MigrationRefusal::UnreadableRecords { reason } | MigrationRefusal::UnreadableService { reason } => {
                CliError { exit: Exit::Failed, ..base }.because_text(reason)
            }
            MigrationRefusal::NoReplication => {
                base.hint(format!("`{}` creates what the configuration contains", self.command("up")))
            }
            MigrationRefusal::CannotLoad { target_use: Some(target_use), .. } => {
                base.because_text(target_use).hint(format!("`{}` first", rollback()))
            }
            MigrationRefusal::CannotLoad { target_use: None, .. } => {
                base.hint(format!("`{}` first", self.command("replication stop")))
            }
            MigrationRefusal::CutoverUsesReplication { .. } => {
                base.hint(format!("`{}` ends it", self.command("cutover --abort")))
            }
            MigrationRefusal::TargetWouldMissChanges { .. } => {
                base.hint(format!("`{}` first, or shift all of it", rollback())).hint("`--force` stops it anyway")
            }
            MigrationRefusal::CutoverInProgress { .. } => base.hint(format!(
                "`{}` resumes it, `{}` ends it, `traffic rollback` sends all traffic back",
                self.command("cutover"),
                self.command("cutover --abort")
            )),
            MigrationRefusal::Unhealthy { .. } => {
                base.hint(format!("`{}` shows more", self.command("traffic show"))).hint("`--force` shifts anyway")
            }
            MigrationRefusal::TargetTakenOut => {
                base.hint(format!("`{}` restores it", self.command("traffic emergency --release")))
            }
            MigrationRefusal::SourceQuiesced { cutover } => base
                .because_text(format!("{cutover} ran `quiesce_command`, and the source was not released since"))
                .hint(format!("`{}` sends all traffic there and releases it", rollback()))
                .hint("`--force` shifts anyway, and releases nothing"),
            MigrationRefusal::NoEmergencySwitch => base.hint(
                "`[routing]`, `emergency_switch = true`, and `up` create one; it has to exist before the emergency",
            ),
            MigrationRefusal::NoFence { .. } => base.hint(format!("`{}` creates it", self.command("up"))),
            MigrationRefusal::NotAStep { percent, steps } => {
                let steps = steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                CliError::new(Exit::Usage, format!("`--pause-at {percent}` is not a step"))
                    .nothing_changed()
                    .hint(format!("the steps are {steps}"))
            }
            MigrationRefusal::NoCutover => base.hint(format!("`{}` starts one", self.command("cutover"))),
            MigrationRefusal::NothingToApprove { .. } => base.hint(format!("`{}` resumes it", self.command("cutover"))),
            MigrationRefusal::CutoverConflict => {
                base.hint(format!("`{}` shows its current state", self.command("traffic show")))
            }
            MigrationRefusal::Unreachable { reason } => CliError::new(Exit::Failed, refusal.to_string())
                .because_text(reason)
                .unchanged("the cutover continues as before")
                .hint(format!("`{}` does not depend on it", rollback())),
            MigrationRefusal::NotReleased { reason } => CliError::new(Exit::Stuck, refusal.to_string())
                .because_text(reason)
                .hint(format!("`{}` runs it again", self.command("cutover")))
                .hint("or run it manually"),
            MigrationRefusal::UnreadableRecord(_) => CliError { exit: Exit::State, ..base }
                .hint("use the version that has written it, or a later one")
                .hint("if none can read it, see \"Repairing\" in docs/state-format.md"),
            MigrationRefusal::SwitchoverInProgress { .. } => base.hint(format!(
                "`{}` resumes it, `{}` undoes it if that is still possible",
                self.command("cutover"),
                self.command("cutover --abort")
            )),
            MigrationRefusal::NotThePrimary { strategy: Strategy::AtOnce, side: Side::Target, .. } => base
                .because_text("with the strategy `at-once`, traffic and data move together")
                .hint(format!("`{}` moves both", self.command("cutover"))),
            MigrationRefusal::NotThePrimary { .. } => {
                base.because_text("two databases would get writes").hint("`--force` does it anyway")
            }
            MigrationRefusal::NotReady { reason } => CliError { exit: Exit::Failed, ..base }
                .because_text(reason)
                .unchanged("no traffic was shifted")
                .hint(format!("`{}` shows whether the databases can be reached", self.command("replication check"))),
            MigrationRefusal::NoDatabaseAccess { reason } => base
                .because_text(reason)
                .unchanged("no data was moved")
                .hint("run it where both databases can be reached, for example in a task of the service")
                .hint("or open tunnels to both, and pass `--source-url` and `--target-url`")
                .hint("or set `[databases] via` to a command that opens a tunnel; `docs/switchover.md` has an example")
                .hint("a service that does not write needs none of this: `cutover.strategy = \"read-only\"`"),
            MigrationRefusal::SwitchoverStopped { reason, .. } => CliError::new(Exit::Failed, refusal.to_string())
                .because_text(reason)
                .unchanged("clients may get 503 until it is resumed")
                .hint(format!("`{}` resumes it", self.command("cutover"))),
            MigrationRefusal::TargetIsPrimary => base.hint(format!(
                "changes are replicated back to the source; `{}` moves data and traffic there",
                self.command("cutover --rollback")
            )),
            MigrationRefusal::MustReload => base
                .because_text("its slot is gone, so it cannot continue where it stopped")
                .hint(format!("`{}` loads all tables again", self.command("replication start --reload"))),
            MigrationRefusal::FallbackReplicates => base
                .hint(format!("`{}` resumes that task", self.command("replication start")))
                .hint(format!("`{}` ends this migration; after it, all tables can be loaded again", self.finish())),
            MigrationRefusal::NothingToFinish => {
                base.hint(format!("`{}` moves traffic and data", self.command("cutover")))
            }
            MigrationRefusal::Finished => {
                base.hint(format!("`{}` removes what only the migration needed", self.command("up")))
            }
            MigrationRefusal::NotFinished { reason } => CliError::new(Exit::Failed, refusal.to_string())
                .because_text(reason)
                .unchanged("clients are served as before")
                .hint(format!("`{}` continues", self.finish())),
            MigrationRefusal::DataMoved => base
                .because_text("the source database has only what the replication back has carried there")
                .hint(format!("`{}` moves data and traffic back", self.command("cutover --rollback"))),
        }
    }
}

fn selection(refusal: &SelectionRefusal) -> CliError {
    let base = CliError::new(Exit::Usage, refusal.to_string()).nothing_changed();
    match refusal {
        SelectionRefusal::UnknownEnvironment { known, .. } => {
            base.hint(format!("the environments are {}", quoted(known)))
        }
        SelectionRefusal::NoMatch { selector, pattern, known } => {
            let option = match selector {
                Selector::Target => "--target",
                Selector::Replace => "--replace",
            };
            let otherwise = "`plan` shows all addresses, `state list` those that exist; `*` wildcards are supported";
            CliError { what: format!("`{option} {pattern}` matches nothing"), ..base }.hint(did_you_mean(
                pattern,
                &strs(known),
                otherwise,
            ))
        }
        SelectionRefusal::UnknownAddress { address, known } => {
            base.hint(did_you_mean(address.as_str(), &strs(known), FIND_ADDRESS))
        }
        SelectionRefusal::NotInState { pattern, known } => {
            let otherwise = "`state list` shows all addresses in the state; `*` wildcards are supported";
            base.hint(did_you_mean(pattern, &strs(known), otherwise))
        }
        SelectionRefusal::NotRolledBack(_) => base.hint("`rollback` without -y shows what would be undone"),
    }
}

fn config(refusal: &ConfigRefusal) -> CliError {
    let base = CliError::new(Exit::Usage, refusal.to_string()).nothing_changed();
    match refusal {
        ConfigRefusal::UnmatchedSection { pattern, known } | ConfigRefusal::UnmatchedIgnoreRule { pattern, known } => {
            base.hint(did_you_mean(pattern, &strs(known), FIND_PATTERN))
        }
        ConfigRefusal::UnknownIgnoredField { nested: Some(nested), .. } => {
            base.hint(format!("`drift` calls it `{nested}`"))
        }
        ConfigRefusal::UnknownIgnoredField { field, known, nested: None, .. } => {
            base.hint(did_you_mean(field, &strs(known), &format!("the fields are {}", quoted(known))))
        }
        ConfigRefusal::MovedSourceExists { .. } => base.hint("remove the entry from `moved`"),
        ConfigRefusal::UnknownMovedTarget { to, known, .. } => {
            base.hint(did_you_mean(to.as_str(), &strs(known), FIND_ADDRESS))
        }
        ConfigRefusal::UnmatchedPolicyException { address, known, .. } => {
            base.hint(did_you_mean(address, &strs(known), FIND_ADDRESS))
        }
        ConfigRefusal::PolicyViolations(violations) => {
            let base = CliError { exit: Exit::Refused, causes: violation_causes(violations), ..base };
            let Some(first) = violations.first() else { return base };
            base.hint(format!(
                "change the configuration, or allow it explicitly: `[policy]`, \
                 `exceptions = [{{ rule = \"{}\", address = \"{}\", reason = \"…\" }}]`",
                first.rule.as_str(),
                first.address
            ))
        }
    }
}

/// Returns one line per violation, with the resources that have it.
fn violation_causes(violations: &[Violation]) -> Vec<String> {
    let mut same: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for violation in violations {
        same.entry((violation.rule.as_str(), &violation.message)).or_default().push(violation.address.as_str());
    }
    let line = |((rule, message), addresses): (&(&str, &str), &Vec<&str>)| {
        let named = addresses.iter().take(SHOWN_VIOLATIONS).copied().collect::<Vec<_>>().join(", ");
        let more = addresses.len().saturating_sub(SHOWN_VIOLATIONS);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{rule}: {message}: {named}{rest}")
    };
    same.iter().map(line).collect()
}

fn protected(base: CliError, resources: &[(Address, String)]) -> CliError {
    let error = base.because_all(resources.iter().map(|(address, key)| format!("{address} is protected by `{key}`")));
    match resources.first() {
        None => error,
        Some((_, key)) => error.hint(format!(
            "remove `{key}` from the configuration if they can be deleted, or select resources that are not protected"
        )),
    }
}

fn endpoint(error: Box<dyn std::error::Error + Send + Sync>) -> CliError {
    match error.downcast::<EndpointError>().map(|error| *error) {
        Ok(EndpointError::Script(error)) => error.into(),
        Ok(EndpointError::Disk(error)) => error.into(),
        Ok(ref error @ EndpointError::Save(ref reason)) => {
            CliError::new(Exit::State, error.to_string()).because_text(reason)
        }
        Ok(ref error @ EndpointError::OtherData(_)) => CliError::of(Exit::Usage, error)
            .nothing_changed()
            .hint("`migrate-infra down --sandbox -y` deletes them; or select another sandbox with `--state-dir`"),
        Ok(ref error @ EndpointError::PausedTime) => CliError::of(Exit::Usage, error).nothing_changed(),
        Ok(ref error @ EndpointError::Data(_)) => CliError::of(Exit::Cloud, error).nothing_changed(),
        Ok(ref error @ EndpointError::Url(_)) => {
            CliError::of(Exit::Usage, error).nothing_changed().hint(ENDPOINT_URL_HINT)
        }
        Err(other) => CliError::of(Exit::Cloud, other.as_ref()).nothing_changed(),
    }
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
