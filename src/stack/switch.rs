//! The emergency switch: a metric of our own that takes the target out of the answers of Route 53, by an alarm and a health check.

use std::collections::BTreeMap;

use crate::address::Region;
use crate::config::{Config, Metric, Statistic};
use crate::naming::Names;

/// The switch of a stack, as it follows from the configuration alone: it works without a state, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The region of metric and alarm: that of the source, which has to be well when traffic comes back to it.
    pub region: Region,
    /// The metric: 1 takes the target out, 0 puts it in again.
    pub metric: Metric,
    /// The name of the alarm on it.
    pub alarm: String,
}

impl Switch {
    /// Returns the switch of a stack, if it has one.
    pub fn of(config: &Config) -> Option<Self> {
        config.routing.as_ref().filter(|routing| routing.emergency_switch)?;
        let source = config.environment("source")?;
        let dimensions = BTreeMap::from([("Stack".to_owned(), config.stack.id())]);
        let metric = Metric {
            namespace: "MigrateInfra".to_owned(),
            name: "TargetTakenOut".to_owned(),
            dimensions,
            statistic: Statistic::parse("Maximum").unwrap_or_else(Statistic::average),
        };
        let alarm = Names::new("target", &config.stack.suffix).alarm("emergency-switch");
        Some(Self { region: source.region.clone(), metric, alarm })
    }
}
