//! Tracks verdicts over time: how often a gate may fail, and how long it may have no data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verdict::{Judgement, Verdict};
use infra_config::Side;

/// What a cutover must know about a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRule {
    /// The name of the gate.
    pub gate: String,
    /// The condition, as text.
    pub must: String,
    /// How many times in a row the gate must fail until it counts as failed.
    pub failures_in_a_row: u32,
}

/// How long a gate has not passed. Only a pass resets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// How many times it has failed.
    pub failures: u32,
    /// Since when it has had no data or no result, in seconds since the cutover began.
    pub blind_since: Option<u64>,
}

/// The status of all gates together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateStatus {
    /// All gates that apply pass.
    Passing,
    /// Not all gates pass, but none counts as failed. Nothing may be shifted.
    Inconclusive(String),
    /// A gate has had no data or no result for too long. Nothing may be shifted, and an operator decides.
    Blind(String),
    /// A gate counts as failed, but not because of the source.
    Failed(String),
    /// A gate counts as failed because of the source. Traffic must not be sent to the source.
    SourceFailed(String),
}

/// How long a gate can have no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlindLimits {
    /// The longest time, in seconds.
    pub seconds: u64,
    /// When this time begins at the earliest, in seconds since the cutover began: the data of a step does not exist
    /// before.
    pub not_before: u64,
}

/// Stands for all gates together. No gate can have this name, because it is not a bare TOML key.
const ANY: &str = "*";

/// The gates that do not pass, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GateTracker(pub BTreeMap<String, Streak>);

impl GateTracker {
    /// Adds the judgements of an evaluation and returns the status.
    ///
    /// *Guarantees*: a gate that was not evaluated has no data. A judgement of an unknown gate counts as well. The
    /// status is `Passing` only when all gates pass and, if gates are `required`, at least one applied. A failure of
    /// the source comes first, then any other failure, then missing data.
    pub fn update(
        &mut self,
        rules: &[GateRule],
        required: Required,
        judgements: &[Judgement],
        now: u64,
        blind: BlindLimits,
    ) -> GateStatus {
        let (mut source_failed, mut failed, mut blinded, mut inconclusive) = (None, None, None, None);
        let missing = rules.iter().filter(|rule| !judgements.iter().any(|one| one.gate == rule.gate));
        let missing = missing.map(|rule| (rule.gate.as_str(), Verdict::NoData, "it was not evaluated", false));
        let evaluated = judgements.iter().map(|one| {
            let is_of_source = one.unhealthy.contains(&Side::Source);
            (one.gate.as_str(), one.verdict, one.text.as_str(), is_of_source)
        });
        let none_applied = judgements.iter().all(|one| one.verdict == Verdict::NotJudged) && required == Required::Yes;
        let any = if none_applied { Verdict::NoData } else { Verdict::Pass };
        let any = (ANY, any, "no gate was evaluated", false);
        for (gate, verdict, text, is_of_source) in evaluated.chain(missing).chain([any]) {
            if matches!(verdict, Verdict::Pass | Verdict::NotJudged) {
                self.0.remove(gate);
                continue;
            }
            let streak = self.0.entry(gate.to_owned()).or_default();
            let message = if gate == ANY { text.to_owned() } else { format!("gate `{gate}`: {verdict}: {text}") };
            if verdict == Verdict::Fail {
                streak.failures = streak.failures.saturating_add(1);
                let allowed = rules.iter().find(|rule| rule.gate == gate).map_or(1, |rule| rule.failures_in_a_row);
                if streak.failures >= allowed {
                    if is_of_source { &mut source_failed } else { &mut failed }.get_or_insert(message);
                    continue;
                }
            } else {
                let since = (*streak.blind_since.get_or_insert(now)).max(blind.not_before);
                let seconds = now.saturating_sub(since);
                if now >= since && seconds >= blind.seconds {
                    blinded.get_or_insert(format!("{message} (for {seconds} s)"));
                    continue;
                }
            }
            inconclusive.get_or_insert(message);
        }
        match (source_failed, failed, blinded, inconclusive) {
            (Some(why), ..) => GateStatus::SourceFailed(why),
            (_, Some(why), ..) => GateStatus::Failed(why),
            (_, _, Some(why), _) => GateStatus::Blind(why),
            (_, _, _, Some(why)) => GateStatus::Inconclusive(why),
            (None, None, None, None) => GateStatus::Passing,
        }
    }

    /// Forgets all verdicts, because the gates were not evaluated for a while.
    pub fn reset(&mut self) {
        self.0.clear();
    }
}

/// Whether at least one gate must apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Required {
    /// At least one gate must apply.
    Yes,
    /// Traffic may be shifted without any gate.
    No,
}
