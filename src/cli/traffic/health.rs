//! Whether anybody answers where traffic would go.

use crate::config::Side;
use crate::engine::Looker;
use crate::migration::Split;
use crate::migration::scene::Scene;
use crate::migration::shift::address;
use crate::resource::describe;
use crate::resources::elbv2::health::{TargetHealth, targets};

/// Environments that would get more traffic and have no healthy target, in words.
pub(super) async fn sick(looker: &Looker, scene: &Scene, from: Option<Split>, to: Split) -> Vec<String> {
    let mut sick = Vec::new();
    for side in [Side::Source, Side::Target].into_iter().filter(|side| to.gains(*side, from)) {
        match scene.service(side) {
            None => sick.push(format!("the state knows no service in `{side}`")),
            Some(service) => match targets(&looker.reader(&address(), &service.region), &service.target_group).await {
                Ok(health) if health.healthy > 0 => {}
                Ok(health) => sick.push(format!("no target of `{side}` is healthy ({})", told(&health))),
                Err(error) => sick.push(format!("the health of `{side}` is not known: {}", describe(&error))),
            },
        }
    }
    sick
}

pub(super) fn told(health: &TargetHealth) -> String {
    let mut parts = vec![format!("{} healthy", health.healthy)];
    parts.extend((health.initial > 0).then(|| format!("{} on their way", health.initial)));
    parts.extend(health.unhealthy.iter().cloned());
    parts.join(", ")
}
