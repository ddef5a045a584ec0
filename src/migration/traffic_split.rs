//! The split of the traffic between the two environments.

use std::fmt;

use serde::{Deserialize, Serialize};

use infra_config::Side;

/// The percentage of the traffic that goes to the target. The rest goes to the source, so that both weights always sum
/// to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TrafficSplit(u8);

impl TrafficSplit {
    /// All traffic goes to the source.
    pub const SOURCE: Self = Self(0);
    /// All traffic goes to the target.
    pub const TARGET: Self = Self(100);

    /// Creates a split from the percentage of the target, which is at most 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// Returns the split that two weights represent, if it is a whole percentage.
    pub fn of_weights(source: u64, target: u64) -> Option<Self> {
        let all = source.checked_add(target).filter(|all| *all > 0)?;
        let hundredfold = target.checked_mul(100)?;
        (hundredfold % all == 0).then(|| u8::try_from(hundredfold / all).ok().map(Self)).flatten()
    }

    /// Returns the percentage of the target.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Returns the weights of the source and the target.
    pub fn weights(self) -> (u8, u8) {
        (100 - self.0, self.0)
    }

    /// Returns whether an environment gets more traffic than before. An unknown split counts as no traffic.
    pub fn gains(self, side: Side, before: Option<Self>) -> bool {
        self.weight(side) > before.map_or(0, |before| before.weight(side))
    }

    /// Returns the weight of an environment.
    pub fn weight(self, side: Side) -> u8 {
        match side {
            Side::Source => 100 - self.0,
            Side::Target => self.0,
        }
    }
}

impl fmt::Display for TrafficSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl From<TrafficSplit> for u8 {
    fn from(split: TrafficSplit) -> Self {
        split.0
    }
}

impl TryFrom<u8> for TrafficSplit {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        Self::new(percent).ok_or_else(|| format!("{percent} percent is more than all traffic"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_sum_to_a_hundred() {
        for percent in 0..=u8::MAX {
            match TrafficSplit::new(percent) {
                Some(split) => assert_eq!(u16::from(split.weights().0) + u16::from(split.weights().1), 100),
                None => assert!(percent > 100),
            }
        }
        assert!(serde_json::from_str::<TrafficSplit>("101").is_err());
        assert_eq!(serde_json::from_str::<TrafficSplit>("40").expect("a percent"), TrafficSplit(40));
    }

    #[test]
    fn weights_that_are_not_a_whole_percentage_are_rejected() {
        assert_eq!(TrafficSplit::of_weights(60, 40), Some(TrafficSplit(40)));
        assert_eq!(TrafficSplit::of_weights(0, 1), Some(TrafficSplit::TARGET));
        assert_eq!(TrafficSplit::of_weights(255, 0), Some(TrafficSplit::SOURCE));
        assert_eq!(TrafficSplit::of_weights(1, 2), None);
        assert_eq!(TrafficSplit::of_weights(0, 0), None);
        assert_eq!(TrafficSplit::of_weights(u64::MAX, 1), None);
    }
}
