//! What the Resource Groups Tagging API lists: it learns late of deletions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tags::Tags;

/// How long a deleted resource is listed, in milliseconds: "hours later" (boto/boto3#3341), also listeners, their rules
/// and hosted zones (aws/aws-sdk#676).
const LISTED_MILLIS: u64 = 60 * 60 * 1000;

/// Resources that exist, or existed until a while ago, by region and ARN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagIndex(BTreeMap<String, BTreeMap<String, Remembered>>);

/// The last tags of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Remembered {
    last: Tags,
    until: u64,
}

impl TagIndex {
    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers what a region has at this time.
    pub fn remember(&mut self, region: &str, tagged: Vec<(String, Tags)>, now: u64) {
        let remembered = self.0.entry(region.to_owned()).or_default();
        remembered.retain(|_, one| one.until > now);
        let until = now + LISTED_MILLIS;
        remembered.extend(tagged.into_iter().map(|(arn, last)| (arn, Remembered { last, until })));
    }

    /// Returns what a region has, and what it had a while ago.
    pub fn listed(&self, region: &str, tagged: Vec<(String, Tags)>, now: u64) -> Vec<(String, Tags)> {
        let mut found: BTreeMap<String, Tags> = tagged.into_iter().collect();
        for (arn, one) in self.0.get(region).into_iter().flatten().filter(|(_, one)| one.until > now) {
            found.entry(arn.clone()).or_insert_with(|| one.last.clone());
        }
        found.into_iter().collect()
    }
}
