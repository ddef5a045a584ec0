//! Validates `[gates]`.

use super::validator::Validator;
use crate::gate::{Check, CustomCheck};
use crate::model::Config;

impl Validator<'_> {
    /// Validates the gates.
    pub(super) fn gates(&mut self, config: &Config) {
        for (index, gate) in config.gates.iter().enumerate() {
            if config.gates[..index].iter().any(|other| other.name == gate.name) {
                let message = format!("a gate `{}` already exists", gate.name);
                self.report(&["gates", "custom", &gate.name], message, "choose another name");
            }
            let own_region = ["gates", "custom", &gate.name, "region"];
            if let Check::Custom(custom) = &gate.check
                && self.provenance.has(&own_region.map(str::to_owned))
            {
                self.region(&own_region, custom.region.as_str());
            }
            let (min_points, period, window) = match &gate.check {
                Check::ReplicationLag(limit) | Check::DatabaseCpu(limit) | Check::Custom(CustomCheck { limit, .. }) => {
                    (limit.min_points, limit.period_seconds, limit.window_seconds)
                }
                Check::ErrorRate(limit) | Check::Latency { share: limit, .. } => {
                    (limit.min_points, 60, limit.window_seconds)
                }
                _ => continue,
            };
            let path: &[&str] = match &gate.check {
                Check::Custom(_) => &["gates", "custom", &gate.name, "window_seconds"],
                _ => &["gates", &gate.name, "window_seconds"],
            };
            // A data point can be up to one period late; it must not count as missing.
            let minimum = period.saturating_mul(min_points.saturating_add(1));
            if window < minimum {
                let message = format!(
                    "{min_points} data points of {period} seconds do not fit into {window} seconds, because AWS \
                     delivers them up to one period late"
                );
                self.report(path, message, format!("use at least {minimum}, or reduce `min_points`"));
            }
        }
        if config.routing.is_none() || !config.cutover.gates_required {
            return;
        }
        if config.gates.iter().all(|gate| gate.check.is_conditional()) {
            let message = "no gate is always evaluated, so traffic could be shifted without any check";
            self.report(&["gates"], message, "enable a gate, or set `gates_required = false` in `[cutover]`");
        }
    }
}
