//! Nothing is open to the world but what has to be: the ports of a load balancer that faces the internet.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{Visitor, spec};
use crate::address::Address;
use crate::config::Rule;
use crate::graph::{Graph, Input, Node};
use crate::resources::ec2::{Direction, Peer, SecurityGroupRule};
use crate::resources::elbv2::LoadBalancer;
use crate::resources::s3::Bucket;

/// The ports of the web: what a load balancer may offer to everybody.
const WEB: [i32; 2] = [80, 443];
/// A range as large as this is the internet, or a good part of it.
const WORLD_PREFIX: u8 = 7;

/// The rule, with the security groups of load balancers that face the internet.
pub(super) struct PublicExposure {
    faces: BTreeSet<Address>,
}

impl PublicExposure {
    pub(super) fn of(graph: &Graph) -> Self {
        let balancers = graph.nodes().values().filter_map(spec::<LoadBalancer>);
        let groups = balancers.flat_map(|balancer| balancer.security_groups).filter_map(|group| match group {
            Input::Output(output) => Some(output.of),
            Input::Value(_) | Input::Concat(_) => None,
        });
        Self { faces: groups.collect() }
    }

    fn may_be_open(&self, rule: &SecurityGroupRule) -> bool {
        let faces = matches!(&rule.group, Input::Output(output) if self.faces.contains(&output.of));
        faces && rule.protocol == "tcp" && rule.from_port == rule.to_port && WEB.contains(&rule.from_port)
    }
}

impl Visitor for PublicExposure {
    const RULE: Rule = Rule::PublicExposure;

    fn visit(&self, node: &Node) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(rule) = spec::<SecurityGroupRule>(node)
            && let Peer::Cidr(range) = &rule.peer
            && rule.direction == Direction::Ingress
            && is_world(range)
            && !self.may_be_open(&rule)
        {
            wrong.push(format!("it opens port {} to {range}", rule.from_port));
        }
        if let Some(bucket) = spec::<Bucket>(node)
            && !bucket.block_public_access
        {
            wrong.push("its public access is not blocked".to_owned());
        }
        wrong
    }
}

fn is_world(range: &str) -> bool {
    range.parse::<Ipv4Net>().map_or(true, |range| range.prefix_len() <= WORLD_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_internet_is_the_world_too() {
        assert!(is_world("0.0.0.0/0") && is_world("128.0.0.0/1") && is_world("::/0"));
        assert!(!is_world("10.0.0.0/8") && !is_world("203.0.113.0/24"));
    }
}
