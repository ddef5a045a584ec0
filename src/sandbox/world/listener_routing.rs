//! What a load balancer does with a request: its listener, the rules of the listener, and its default action.

use wildmatch::WildMatch;

use super::elbv2::{Action, Condition, Elbv2, Listener, Request, Rule};

impl Elbv2 {
    /// Returns what a load balancer does with a request, or `None` if it does not listen on the port.
    ///
    /// "When a listener receives a request, it evaluates the request against each rule in priority order, starting with
    /// the lowest numbered rule. […] If none of the conditions for any other rules are met, then the action for the
    /// default rule is performed" ("Listener rules for your Application Load Balancer").
    ///
    /// "Rule updates do not take effect immediately, so requests could be routed using the previous rule configuration
    /// for a short time after you update a rule" ("Edit a listener rule for your Application Load Balancer").
    pub fn action_for(&self, load_balancer_arn: &str, request: &Request<'_>) -> Option<&Action> {
        self.load_balancers.get(load_balancer_arn).filter(|balancer| balancer.active_at <= request.at)?;
        let receives = |listener: &&Listener| {
            listener.load_balancer_arn == load_balancer_arn && listener.settings.port == request.port
        };
        let listener = self.listeners.values().find(receives)?;
        let history = self.superseded.get(&listener.arn).map(Vec::as_slice).unwrap_or_default();
        match history.iter().find(|routing| routing.until > request.at) {
            Some(before) => Some(first_match(&before.rules, request).unwrap_or(&before.default_action)),
            None => {
                let action = first_match(self.rules_of(&listener.arn), request);
                Some(action.unwrap_or(&listener.settings.action))
            }
        }
    }
}

impl Elbv2 {
    /// Returns whether a load balancer answers the requests of clients by itself at a time: the rule of a fence
    /// applies. A listener that only redirects to another one does not count.
    pub fn answers_itself(&self, load_balancer_arn: &str, at: u64) -> bool {
        self.actions_for_clients(load_balancer_arn, at).any(|action| matches!(action, Action::FixedResponse { .. }))
    }

    /// Returns what a load balancer does with the requests of clients.
    pub fn action_for_clients(&self, load_balancer_arn: &str, at: u64) -> Option<&Action> {
        self.actions_for_clients(load_balancer_arn, at).next()
    }

    fn actions_for_clients(&self, load_balancer_arn: &str, at: u64) -> impl Iterator<Item = &Action> {
        let listeners = self.listeners.values().filter(move |listener| {
            listener.load_balancer_arn == load_balancer_arn && !matches!(listener.settings.action, Action::Redirect(..))
        });
        listeners.filter_map(move |listener| {
            let port = listener.settings.port;
            let request = Request { at, port, host: "client.example.com", path: "/", method: "GET" };
            self.action_for(load_balancer_arn, &request)
        })
    }
}

fn first_match<'a>(rules: impl IntoIterator<Item = &'a Rule>, request: &Request<'_>) -> Option<&'a Action> {
    let matches = |rule: &&Rule| rule.conditions.iter().all(|condition| is_met(condition, request));
    rules.into_iter().find(matches).map(|rule| &rule.action)
}

fn is_met(condition: &Condition, request: &Request<'_>) -> bool {
    match condition {
        // "The comparison is case sensitive. […] The path pattern is compared only to the path of the URL, not to its
        // query string" (PathPatternConditionConfig).
        Condition::PathPattern(patterns) => {
            let path = request.path.split(['?', '#']).next().unwrap_or_default();
            patterns.iter().any(|pattern| WildMatch::new(pattern).matches(path))
        }
        // "The comparison is case insensitive" (HostHeaderConditionConfig).
        Condition::HostHeader(patterns) => {
            patterns.iter().any(|pattern| WildMatch::new_case_insensitive(pattern).matches(request.host))
        }
        // "The comparison is case sensitive. Wildcards are not supported; therefore, the method name must be an exact
        // match" (HttpRequestMethodConditionConfig).
        Condition::HttpRequestMethod(methods) => methods.iter().any(|method| method == request.method),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::elbv2::{ListenerSettings, LoadBalancer};

    const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/pay/1";
    const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/pay/1/2";
    const NOW: u64 = 1_000_000;

    fn forward(group: &str) -> Action {
        Action::Forward(group.to_owned())
    }

    fn fence() -> Action {
        Action::FixedResponse {
            status_code: "503".to_owned(),
            content_type: Some("text/plain".to_owned()),
            message_body: Some("closed".to_owned()),
        }
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().copied().map(str::to_owned).collect()
    }

    fn paths(patterns: &[&str]) -> Condition {
        Condition::PathPattern(owned(patterns))
    }

    fn hosts(patterns: &[&str]) -> Condition {
        Condition::HostHeader(owned(patterns))
    }

    fn methods(names: &[&str]) -> Condition {
        Condition::HttpRequestMethod(owned(names))
    }

    fn rule(priority: i32, conditions: Vec<Condition>, action: Action) -> Rule {
        let arn = format!("{}/{priority}", LISTENER.replace(":listener/", ":listener-rule/"));
        Rule { arn, listener_arn: LISTENER.to_owned(), priority, conditions, action, tags: BTreeMap::new() }
    }

    fn elb(rules: Vec<Rule>) -> Elbv2 {
        let mut elb = Elbv2::default();
        let balancer = LoadBalancer {
            arn: BALANCER.to_owned(),
            name: "pay".to_owned(),
            full_name: "app/pay/1".to_owned(),
            dns_name: "pay-1.us-east-1.elb.amazonaws.com".to_owned(),
            hosted_zone_id: "Z35SXDOTRQ7X7K".to_owned(),
            scheme: "internet-facing".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
            active_at: NOW,
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        let settings = ListenerSettings {
            port: 80,
            protocol: "HTTP".to_owned(),
            certificate_arn: None,
            ssl_policy: None,
            action: forward("default"),
        };
        let listener = Listener {
            arn: LISTENER.to_owned(),
            load_balancer_arn: BALANCER.to_owned(),
            settings,
            tags: BTreeMap::new(),
        };
        elb.load_balancers.insert(BALANCER.to_owned(), balancer);
        elb.listeners.insert(LISTENER.to_owned(), listener);
        elb.rules.extend(rules.into_iter().map(|rule| (rule.arn.clone(), rule)));
        elb
    }

    fn request(path: &str) -> Request<'_> {
        Request { at: NOW, port: 80, host: "api.example.com", path, method: "POST" }
    }

    fn action(elb: &Elbv2, request: Request<'_>) -> Option<Action> {
        elb.action_for(BALANCER, &request).cloned()
    }

    #[test]
    fn rules_are_evaluated_by_priority_and_the_default_action_is_last() {
        // The ARN of priority 10 sorts before that of priority 9.
        let elb = elb(vec![
            rule(10, vec![paths(&["/pay/*"])], forward("ten")),
            rule(9, vec![paths(&["/pay/cards"])], forward("nine")),
            rule(50_000, vec![paths(&["/*"]), methods(&["GET", "HEAD"])], forward("reads")),
        ]);
        assert_eq!(action(&elb, request("/pay/cards")), Some(forward("nine")));
        assert_eq!(action(&elb, request("/pay/x")), Some(forward("ten")));
        assert_eq!(action(&elb, request("/pay")), Some(forward("default")));
        assert_eq!(action(&elb, Request { method: "GET", ..request("/pay") }), Some(forward("reads")));
        assert_eq!(action(&elb, Request { method: "get", ..request("/pay") }), Some(forward("default")));
    }

    #[test]
    fn only_an_active_load_balancer_answers_and_only_on_its_ports() {
        let elb = elb(Vec::new());
        assert_eq!(action(&elb, request("/")), Some(forward("default")));
        assert_eq!(action(&elb, Request { port: 443, ..request("/") }), None);
        assert_eq!(action(&elb, Request { at: NOW - 1, ..request("/") }), None);
        assert_eq!(elb.action_for("another", &request("/")), None);
    }

    #[test]
    fn wildcards_of_paths_respect_the_case_and_ignore_the_query() {
        let elb = elb(vec![rule(1, vec![paths(&["/img/*/pics", "/v?/pay"])], forward("matched"))]);
        for path in ["/img/a/pics", "/img/a/b/pics", "/img//pics", "/v1/pay", "/v1/pay?amount=3"] {
            assert_eq!(action(&elb, request(path)), Some(forward("matched")), "{path}");
        }
        for path in ["/img/pics", "/IMG/a/pics", "/img/a/pics/", "/v/pay", "/v10/pay", "/x?next=/v1/pay"] {
            assert_eq!(action(&elb, request(path)), Some(forward("default")), "{path}");
        }
    }

    #[test]
    fn wildcards_of_hosts_ignore_the_case() {
        let elb = elb(vec![rule(1, vec![hosts(&["*.example.com", "pay-?.test"])], forward("matched"))]);
        for host in ["api.example.com", "API.Example.COM", "a.b.example.com", "PAY-1.test"] {
            assert_eq!(action(&elb, Request { host, ..request("/") }), Some(forward("matched")), "{host}");
        }
        for host in ["example.com", "api.example.org", "pay-10.test", "pay-.test"] {
            assert_eq!(action(&elb, Request { host, ..request("/") }), Some(forward("default")), "{host}");
        }
    }

    #[test]
    fn a_rule_needs_all_of_its_conditions() {
        let conditions = vec![hosts(&["api.example.com"]), paths(&["/pay"]), methods(&["POST"])];
        let elb = elb(vec![rule(1, conditions, fence())]);
        assert_eq!(action(&elb, request("/pay")), Some(fence()));
        assert_eq!(action(&elb, Request { host: "www.example.com", ..request("/pay") }), Some(forward("default")));
        assert_eq!(action(&elb, Request { method: "GET", ..request("/pay") }), Some(forward("default")));
        assert_eq!(action(&elb, request("/")), Some(forward("default")));
    }

    #[test]
    fn a_change_is_effective_after_a_delay_and_changes_keep_their_order() {
        let mut elb = elb(vec![rule(2, vec![paths(&["/pay"])], forward("two"))]);
        elb.supersede_routing(LISTENER, NOW, NOW + 5000);
        let closed = rule(1, vec![paths(&["*"])], fence());
        elb.rules.insert(closed.arn.clone(), closed);
        // The second change is requested later, and its own delay is shorter.
        elb.supersede_routing(LISTENER, NOW + 1000, NOW + 2000);
        elb.rules.clear();
        let at = |at: u64| action(&elb, Request { at, ..request("/pay") });
        assert_eq!(at(NOW + 4999), Some(forward("two")), "the first change is not effective");
        assert_eq!(at(NOW + 5000), Some(forward("default")), "both changes are effective");
        // A third change forgets what is no longer needed, also for the metrics of earlier minutes.
        elb.supersede_routing(LISTENER, NOW + 6000, NOW + 7000);
        assert_eq!(elb.superseded[LISTENER].len(), 3);
        elb.supersede_routing(LISTENER, NOW + 7_000_000, NOW + 7_001_000);
        assert_eq!(elb.superseded[LISTENER].len(), 1);
    }

    #[test]
    fn a_fence_closes_and_opens() {
        let mut elb = elb(vec![rule(1, vec![paths(&["/never-used"])], fence())]);
        let arn = elb.rules.keys().next().cloned().unwrap();
        elb.supersede_routing(LISTENER, NOW, NOW + 3000);
        elb.rules.get_mut(&arn).unwrap().conditions = vec![paths(&["*"])];
        assert_eq!(action(&elb, Request { at: NOW + 2999, ..request("/pay") }), Some(forward("default")));
        assert_eq!(action(&elb, Request { at: NOW + 3000, ..request("/pay") }), Some(fence()));
        assert!(elb.remove_listener(LISTENER));
        assert_eq!((elb.rules.len(), elb.superseded.len()), (0, 0), "rules and history go with the listener");
        assert!(!elb.remove_listener(LISTENER));
    }

    #[test]
    fn a_rule_attaches_its_target_group() {
        let elb = elb(vec![rule(1, vec![paths(&["/pay"])], forward("by rule"))]);
        let attached =
            |group: &str| elb.attached_load_balancers(group).iter().map(|one| one.arn.clone()).collect::<Vec<_>>();
        assert_eq!(attached("by rule"), [BALANCER]);
        assert_eq!(attached("default"), [BALANCER]);
        assert_eq!(attached("unused"), [""; 0]);
    }
}
