//! Whether traffic can be sent to an environment at this moment.

use super::reading::Targets;
use super::verdict::{Judgement, Verdict};
use infra_config::Side;

/// The health of an environment at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SideHealth {
    /// Traffic can be sent to it.
    Healthy,
    /// Traffic must not be sent to it. The text has the reason.
    Unhealthy(String),
    /// It could not be measured.
    Unknown(String),
}

/// Returns the health of an environment: it has a healthy target, its fence is open, and no gate fails because of it.
/// `targets` are those of the environment, or why they could not be read.
pub fn side_health(side: Side, targets: Result<Targets, String>, judgements: &[Judgement]) -> SideHealth {
    let targets = match targets {
        Ok(targets) => targets,
        Err(why) => return SideHealth::Unknown(why),
    };
    if targets.is_fenced {
        return SideHealth::Unhealthy(format!("{side}: its fence is closed"));
    }
    if targets.healthy == 0 {
        return SideHealth::Unhealthy(format!("{side}: no target is healthy"));
    }
    let failing = judgements.iter().find(|one| one.verdict == Verdict::Fail && one.unhealthy.contains(&side));
    match failing {
        Some(one) => SideHealth::Unhealthy(format!("gate `{}`: {}", one.gate, one.text)),
        None => SideHealth::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_side_that_is_open_and_healthy_gets_traffic() {
        let targets = |healthy, is_fenced| Targets {
            side: Side::Source,
            healthy,
            initial: 0,
            unhealthy: 0,
            desired: 2,
            is_fenced,
        };
        let judgement = |verdict, unhealthy: &[Side]| Judgement {
            gate: "cpu".to_owned(),
            verdict,
            value: None,
            text: "busy".to_owned(),
            unhealthy: unhealthy.to_vec(),
            at: 0,
        };
        let of = |targets: Targets, judgements: &[Judgement]| side_health(Side::Source, Ok(targets), judgements);
        assert_eq!(of(targets(1, false), &[]), SideHealth::Healthy);
        assert_eq!(of(targets(2, false), &[judgement(Verdict::Fail, &[Side::Target])]), SideHealth::Healthy);
        assert_eq!(of(targets(2, false), &[judgement(Verdict::Fail, &[])]), SideHealth::Healthy);
        let both = judgement(Verdict::Fail, &[Side::Source, Side::Target]);
        assert_eq!(of(targets(2, false), &[both]), SideHealth::Unhealthy("gate `cpu`: busy".to_owned()));
        assert!(matches!(of(targets(0, false), &[]), SideHealth::Unhealthy(_)));
        assert!(matches!(of(targets(2, true), &[]), SideHealth::Unhealthy(_)));
        let unknown = side_health(Side::Source, Err("no answer".to_owned()), &[]);
        assert_eq!(unknown, SideHealth::Unknown("no answer".to_owned()));
    }
}
