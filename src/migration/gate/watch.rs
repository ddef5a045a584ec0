//! What verdicts mean over time: how often a gate may fail, and how long it may be without data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verdict::{Judgement, Verdict};

/// What a cutover has to know of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub gate: String,
    /// What must hold, for people.
    pub must: String,
    /// How many times in a row it must fail until that counts.
    pub failures_in_a_row: u32,
}

/// How long a gate has not passed. Only a pass ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// How many times it has failed.
    pub failures: u32,
    /// Since when it has been without data or without an answer, in seconds since the cutover began.
    pub blind_since: Option<u64>,
}

/// What all gates together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All that are judged hold.
    Clear,
    /// Not all hold, and none has failed for good. Nothing may be shifted.
    Unsure(String),
    /// One has failed.
    Failed(String),
}

/// Stands for all gates together. No gate can have this name: it is no TOML key that needs no quotes, and the built-in ones are others.
const ANY: &str = "*";

/// The gates that do not pass, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watch(pub BTreeMap<String, Streak>);

impl Watch {
    /// Takes in what was judged, and says what it means.
    ///
    /// *Guarantees*: a gate that was not looked at has no data; a judgement of a gate that is not known counts, too. It is clear
    /// only when all pass and, where gates are `required`, at least one was judged.
    pub fn see(&mut self, rules: &[Rule], required: Required, judgements: &[Judgement], now: u64, no_data_seconds: u64) -> Sight {
        let (mut failed, mut unsure) = (None, None);
        let unlooked = rules.iter().filter(|rule| !judgements.iter().any(|one| one.gate == rule.gate));
        let unlooked = unlooked.map(|rule| (rule.gate.as_str(), Verdict::NoData, "it was not looked at"));
        let looked = judgements.iter().map(|one| (one.gate.as_str(), one.verdict, one.text.as_str()));
        let blind = judgements.iter().all(|one| one.verdict == Verdict::NotJudged) && required == Required::Yes;
        let any = if blind { Verdict::NoData } else { Verdict::Pass };
        for (gate, verdict, text) in looked.chain(unlooked).chain([(ANY, any, "no gate was judged")]) {
            if matches!(verdict, Verdict::Pass | Verdict::NotJudged) {
                self.0.remove(gate);
                continue;
            }
            let streak = self.0.entry(gate.to_owned()).or_default();
            let told = if gate == ANY { text.to_owned() } else { format!("gate `{gate}`: {verdict}: {text}") };
            if verdict == Verdict::Fail {
                streak.failures = streak.failures.saturating_add(1);
                let allowed = rules.iter().find(|rule| rule.gate == gate).map_or(1, |rule| rule.failures_in_a_row);
                if streak.failures >= allowed {
                    failed.get_or_insert(told);
                    continue;
                }
            } else {
                let since = *streak.blind_since.get_or_insert(now);
                let seconds = now.saturating_sub(since);
                if seconds >= no_data_seconds {
                    failed.get_or_insert(format!("{told} (for {seconds} s)"));
                    continue;
                }
            }
            unsure.get_or_insert(told);
        }
        match (failed, unsure) {
            (Some(why), _) => Sight::Failed(why),
            (None, Some(why)) => Sight::Unsure(why),
            (None, None) => Sight::Clear,
        }
    }

    /// Forgets what was seen, because nobody has looked for a while.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Whether at least one gate has to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Required {
    /// One has to be.
    Yes,
    /// Traffic may be shifted without any.
    No,
}
