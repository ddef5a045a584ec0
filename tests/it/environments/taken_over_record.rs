//! A simple record with the name of the clients, which the weighted records replace with consent.

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::graph::Graph;
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::route53::{Alias, HostedZone, Record};

use serde_json::json;

use crate::environments::cross_environment_links::{record, routing, zone_of_somebody};
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{Fixture, RunKind};

const NAME: &str = "api.payment-migration.internal.";
const CONSENT: &[&str] = &["routing.zone_id=Z0000000000001", "routing.take_over_record=true"];

/// Returns a stack whose routing is not there yet, and a zone of somebody with a record of the name.
async fn with(simple: Record) -> (Fixture, Graph) {
    let (mut fixture, graph) = routing(CONSENT).await;
    let theirs = zone_of_somebody(vec![simple, record("www.payment-migration.internal.")]);
    fixture.world.route53.zones.insert(theirs.id.clone(), theirs);
    (fixture, graph)
}

fn zone(fixture: &Fixture) -> &HostedZone {
    &fixture.world.route53.zones["Z0000000000001"]
}

/// Returns what name servers answer with: records of the name with a share of the traffic.
fn answers(fixture: &Fixture) -> Vec<String> {
    let named = zone(fixture).records.iter().filter(|record| record.name == NAME);
    let all: Vec<&Record> = named.collect();
    let total: i64 = all.iter().filter_map(|record| record.weight).sum();
    let gets_traffic = |record: &&&Record| record.weight.is_none_or(|weight| weight > 0 || total == 0);
    let label = |record: &&Record| record.set_identifier.clone().unwrap_or_else(|| "simple".to_owned());
    all.iter().filter(gets_traffic).map(label).collect()
}

fn simple_records() -> [Record; 2] {
    let cname =
        Record { kind: "CNAME".into(), values: vec!["legacy.example.org".into()], ttl: Some(300), ..record(NAME) };
    [record(NAME), cname]
}

#[tokio::test(start_paused = true)]
pub async fn a_simple_record_is_replaced_and_comes_back() {
    for simple in simple_records() {
        let (mut fixture, graph) = with(simple.clone()).await;
        let before = zone(&fixture).clone();
        fixture.up(&graph).await.must_succeed();
        assert_eq!(answers(&fixture), ["source"]);
        assert_eq!(zone(&fixture).records.iter().filter(|record| record.name == NAME).count(), 2);
        let kept = &fixture.attrs("routing/dns/source-record")["replaced"];
        assert_eq!((&kept["type"], &kept["values"][0]), (&simple.kind.into(), &simple.values[0].clone().into()));
        assert_eq!(fixture.up(&graph).await.must_succeed().calls.mutations(), 0);
        fixture.down().await.must_succeed();
        assert_eq!(zone(&fixture), &before);
    }
}

/// At no moment does the name lead nowhere, or to the target. What the record was is never lost.
#[tokio::test(start_paused = true)]
async fn the_name_has_an_answer_at_every_moment() {
    let [_, cname] = simple_records();
    let (initial, graph) = with(cname).await;
    let before = zone(&initial).clone();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = initial.fork();
        fixture.run(&graph, RunKind::Up, crash_points).await;
        let found = answers(&fixture);
        assert!(found == ["simple"] || found == ["source"], "killed at {point}: {found:?}");
        fixture.up(&graph).await.must_succeed();
        assert_eq!(answers(&fixture), ["source"], "killed at {point}");
        fixture.down().await.must_succeed();
        assert_eq!(zone(&fixture), &before, "killed at {point}");
    }
    let mut complete = initial.fork();
    complete.up(&graph).await.must_succeed();
    let mut matrix = Matrix::new();
    while let Some((point, crash_points)) = matrix.arm() {
        let mut fixture = complete.fork();
        fixture.run(&Graph::default(), RunKind::Down, crash_points).await;
        let found = answers(&fixture);
        assert!(found == ["simple"] || found == ["source"], "killed at {point}: {found:?}");
        fixture.run(&Graph::default(), RunKind::Down, CrashPoints::default()).await.must_succeed();
        assert_eq!(zone(&fixture), &before, "killed at {point}");
    }
}

/// An alias of a load balancer that no longer exists cannot be created again.
#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_come_back_is_named() {
    let (mut fixture, graph) = with(record(NAME)).await;
    let region = fixture.world.region("us-east-1");
    let mut legacy = region.elbv2.load_balancers.values().next().expect("a load balancer").clone();
    legacy.arn = format!("{}0", legacy.arn);
    legacy.dns_name = format!("legacy-{}", legacy.dns_name);
    region.elbv2.load_balancers.insert(legacy.arn.clone(), legacy.clone());
    let alias = Alias {
        dns_name: format!("{}.", legacy.dns_name),
        hosted_zone_id: legacy.hosted_zone_id.clone(),
        evaluate_target_health: true,
    };
    let simple = Record { ttl: None, values: Vec::new(), alias: Some(alias), ..record(NAME) };
    let zone_id = "Z0000000000001".to_owned();
    let theirs = zone_of_somebody(vec![simple]);
    fixture.world.route53.zones.insert(zone_id, theirs);
    fixture.up(&graph).await.must_succeed();
    fixture.world.region("us-east-1").elbv2.load_balancers.remove(&legacy.arn);
    let notices = fixture.record_notices();
    fixture.down().await.must_succeed();
    assert_eq!(zone(&fixture).records, []);
    let notices = notices.lock().expect("a list").join("\n");
    assert!(notices.contains("cannot be put back") && notices.contains(&legacy.dns_name), "{notices}");
}

/// The read was older than the deletion of the other record, and the record did not come back.
#[tokio::test(start_paused = true)]
async fn a_stale_list_does_not_lose_the_record() {
    let [_, cname] = simple_records();
    let (mut initial, graph) = with(cname).await;
    let before = zone(&initial).clone();
    initial.up(&graph).await.must_succeed();
    for reads in 1..8 {
        let mut fixture = initial.fork();
        let late = Faults::late("route53:ListResourceRecordSets", 10_000, reads);
        fixture.run_with_faults(&Graph::default(), RunKind::Down, late).await.must_succeed();
        assert_eq!(zone(&fixture), &before, "{reads} stale reads");
    }
}

/// Its owner has deleted the check that nothing used any more, and `down` failed for ever.
#[tokio::test(start_paused = true)]
async fn a_record_comes_back_without_a_check_that_is_gone() {
    let check = "99999999-0000-4000-8000-000000000000".to_owned();
    let simple = Record { health_check_id: Some(check.clone()), ..record(NAME) };
    let (mut fixture, graph) = with(simple.clone()).await;
    let checks = &mut fixture.world.route53.health_checks;
    let theirs = json!({
        "id": check, "caller_reference": "theirs", "version": 1, "tags": {},
        "config": {
            "kind": "HTTPS", "fqdn": "legacy.example.org", "port": 443, "path": "/", "interval": 30,
            "failure_threshold": 3,
        },
    });
    checks.insert(check.clone(), serde_json::from_value(theirs).expect("a health check"));
    fixture.up(&graph).await.must_succeed();
    fixture.world.route53.health_checks.remove(&check);
    fixture.down().await.must_succeed();
    let back = zone(&fixture).records.iter().find(|record| record.name == NAME);
    assert_eq!(back, Some(&Record { health_check_id: None, ..simple }));
}

/// Clients with IPv6 would have stayed where the other record leads.
#[tokio::test(start_paused = true)]
async fn a_name_with_a_record_for_ipv6_is_refused() {
    let (mut fixture, graph) = with(record(NAME)).await;
    let ipv6 = Record { kind: "AAAA".into(), values: vec!["2001:db8::1".into()], ..record(NAME) };
    let theirs = fixture.world.route53.zones.get_mut("Z0000000000001").expect("the zone");
    theirs.records.push(ipv6);
    let refused = fixture.up(&graph).await;
    let text = refused.report().failures.iter().map(|failure| failure.error.to_string()).collect::<String>();
    assert!(text.contains("a record of the type AAAA"), "{text}");
    assert_eq!(refused.calls.mutations(), 0, "it is known before anything is changed");
}
