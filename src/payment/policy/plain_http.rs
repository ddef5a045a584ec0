//! Load balancers serve requests from the internet only over HTTPS.
//!
//! A listener for plain HTTP may redirect to HTTPS, and nothing else. Port 80 stays open for that redirect.

use super::rule::{PolicyRule, spec};
use infra_config::Rule;
use infra_core::graph::Node;
use infra_kinds::elbv2::{Action, Listener, Protocol};

/// The rule. The load balancers of a stack are internet-facing: the kind knows no other ones.
pub(super) struct PlainHttp;

impl PolicyRule for PlainHttp {
    const RULE: Rule = Rule::PlainHttp;

    fn check(&self, node: &Node) -> Vec<String> {
        let Some(listener) = spec::<Listener>(node) else { return Vec::new() };
        let is_plain = listener.protocol == Protocol::Http && !matches!(listener.action, Action::RedirectToHttps);
        let problem = || {
            format!(
                "it serves requests from the internet without TLS on port {}; `service.certificate_arn` makes it \
                 redirect to HTTPS",
                listener.port
            )
        };
        is_plain.then(problem).into_iter().collect()
    }
}
