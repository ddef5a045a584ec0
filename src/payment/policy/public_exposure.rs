//! Nothing is open to the internet except the web ports of internet-facing load balancers.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::rule::{PolicyRule, spec};
use infra_base::address::Address;
use infra_config::Rule;
use infra_core::graph::{Graph, Input, Node};
use infra_kinds::ec2::{Direction, Peer, SecurityGroupRule};
use infra_kinds::elbv2::LoadBalancer;
use infra_kinds::s3::Bucket;

/// The ports that a load balancer is allowed to open to the internet.
const WEB_PORTS: [i32; 2] = [80, 443];
/// A range with this prefix length or a shorter one counts as the internet.
const INTERNET_PREFIX_LENGTH: u8 = 7;

/// The rule, with the security groups of internet-facing load balancers.
pub(super) struct PublicExposure {
    public_groups: BTreeSet<Address>,
}

impl PublicExposure {
    pub(super) fn of(graph: &Graph) -> Self {
        let balancers = graph.nodes().values().filter_map(spec::<LoadBalancer>);
        let groups = balancers.flat_map(|balancer| balancer.security_groups).filter_map(|group| match group {
            Input::Output(output) => Some(output.of),
            Input::Value(_) | Input::Concat(_) => None,
        });
        Self { public_groups: groups.collect() }
    }

    fn is_allowed(&self, rule: &SecurityGroupRule) -> bool {
        let is_public = matches!(&rule.group, Input::Output(output) if self.public_groups.contains(&output.of));
        is_public && rule.protocol == "tcp" && rule.from_port == rule.to_port && WEB_PORTS.contains(&rule.from_port)
    }
}

impl PolicyRule for PublicExposure {
    const RULE: Rule = Rule::PublicExposure;

    fn check(&self, node: &Node) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(rule) = spec::<SecurityGroupRule>(node)
            && let Peer::Cidr(range) = &rule.peer
            && rule.direction == Direction::Ingress
            && is_internet(range)
            && !self.is_allowed(&rule)
        {
            problems.push(format!("it opens port {} to {range}", rule.from_port));
        }
        if let Some(bucket) = spec::<Bucket>(node)
            && !bucket.block_public_access
        {
            problems.push("its public access is not blocked".to_owned());
        }
        problems
    }
}

fn is_internet(range: &str) -> bool {
    range.parse::<Ipv4Net>().map_or(true, |range| range.prefix_len() <= INTERNET_PREFIX_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_internet_counts_as_the_internet() {
        assert!(is_internet("0.0.0.0/0") && is_internet("128.0.0.0/1") && is_internet("::/0"));
        assert!(!is_internet("10.0.0.0/8") && !is_internet("203.0.113.0/24"));
    }
}
