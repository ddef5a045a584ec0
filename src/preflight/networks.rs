//! Networks whose addresses overlap with those of networks that exist.

use futures::future::join_all;
use ipnet::Ipv4Net;

use super::existing::{reader, vpcs};
use super::finding::{Finding, Verdict, place};
use super::subject::Subject;

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let planned = subject.plan.steps.iter().filter(|step| step.kind == "ec2.vpc" && step.action.creates());
    let checks = planned.filter_map(|step| {
        let cidr: Ipv4Net = step.spec["cidr"].as_str()?.parse().ok()?;
        let (at, location) = (place(&step.location()), step.location());
        Some(async move {
            let cx = reader(subject, &location);
            let existing = match vpcs(&cx).await {
                Ok(existing) => existing,
                Err(error) => return Finding::new("networks", at, Verdict::Unchecked, error.to_string()),
            };
            let overlaps = |text: &str| text.parse::<Ipv4Net>().is_ok_and(|other| overlap(cidr, other));
            match existing.iter().find(|(_, blocks)| blocks.iter().any(|block| overlaps(block))) {
                None => Finding::new("networks", at, Verdict::Pass, format!("{cidr} overlaps with no network")),
                Some((id, blocks)) => Finding::new(
                    "networks",
                    at,
                    Verdict::Warn,
                    format!("{cidr} overlaps with {} of {id}", blocks.join(", ")),
                )
                .remedy("the two networks can never be connected; change `network.vpc_cidr` if they have to be"),
            }
        })
    });
    join_all(checks).await
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_if_one_contains_the_other() {
        let net = |text: &str| text.parse::<Ipv4Net>().expect("a network");
        assert!(overlap(net("10.0.0.0/8"), net("10.1.0.0/16")) && overlap(net("10.1.0.0/16"), net("10.0.0.0/8")));
        assert!(overlap(net("10.1.0.0/16"), net("10.1.0.0/16")));
        assert!(!overlap(net("10.1.0.0/16"), net("10.2.0.0/16")));
    }
}
