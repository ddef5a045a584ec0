//! The emergency switch: a custom metric that, through an alarm and a health check, removes the target from the answers
//! of Route 53.

use std::collections::BTreeMap;

use infra_base::address::Region;
use infra_config::naming::Names;
use infra_config::{Config, Metric, Statistic};

/// The switch of a stack. It follows from the configuration alone, so that it also works without a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencySwitch {
    /// The region of the metric and the alarm: the region of the source, which must work for traffic to return to it.
    pub region: Region,
    /// The metric: 1 removes the target, 0 restores it.
    pub metric: Metric,
    /// The name of the alarm on the metric.
    pub alarm: String,
}

impl EmergencySwitch {
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
