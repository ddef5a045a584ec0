//! The certificates with which DMS verifies databases, on the sandbox.

use infra_connect::rds_roots_pem;
use migrate_infra::address::Address;
use migrate_infra::graph::Graph;
use migrate_infra::resources::dms::Certificate;
use serde_json::json;

use crate::harness::sandbox_run::{Fixture, GraphBuilder, check_lifecycle};
use crate::harness::stacks::{PAIRED, SELF_CONTAINED, graph, links};

const CERTIFICATES: &str = "target/replication/certificates";
const NO_REPLICATION_IN_SOURCE: &str = "environments.source.replicates={}";

fn certificates(pem: &str) -> Graph {
    let mut builder = GraphBuilder::new();
    let spec = Certificate { identifier: "payment-roots".into(), pem: pem.to_owned(), kms_key: None };
    builder.add(CERTIFICATES, spec);
    builder.finish()
}

fn roots(region: &str) -> String {
    rds_roots_pem(region).expect("the roots of RDS")
}

#[tokio::test(start_paused = true)]
async fn certificates_pass_the_lifecycle_checks() {
    check_lifecycle(&certificates(&roots("us-east-1"))).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_certificate_is_refused() {
    let ran = Fixture::default().up(&certificates("no certificate")).await;
    assert!(ran.report().failures.iter().any(|failure| failure.error.is_code("InvalidCertificateFault")));
}

/// DMS encrypted the connections, and sent the password of a database to whatever answered at its address.
#[tokio::test(start_paused = true)]
async fn an_endpoint_did_not_verify_its_database() {
    let (mut fixture, graph) = links(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE], &["replication"]).await;
    fixture.up(&graph).await.must_succeed();
    let dms = &fixture.world.regions["us-east-1"].dms;
    let certificate = dms.certificates.values().next().expect("the certificates");
    assert_eq!((dms.certificates.len(), &certificate.pem), (1, &roots("us-east-1")));
    assert!(dms.endpoints.len() >= 2);
    for endpoint in dms.endpoints.values() {
        assert_eq!(endpoint.ssl_mode, "verify-full", "{}", endpoint.identifier);
        assert_eq!(endpoint.certificate_arn.as_ref(), Some(&certificate.arn), "{}", endpoint.identifier);
    }
    // Without a certificate, DMS refuses to verify.
    let address = Address::new("target/replication/source-endpoint");
    let without = graph.altered(&address, |spec| spec["certificate"] = json!(null));
    let ran = fixture.fork().up(&without).await;
    let failures = &ran.report().failures;
    assert!(failures.iter().any(|failure| failure.error.is_code("InvalidParameterCombinationException")));
    // It does not delete one that is in use.
    fixture.down().await.must_succeed();
    assert!(fixture.world.regions["us-east-1"].dms.certificates.is_empty());
}

/// The new ones exist before the endpoints leave the old ones.
#[tokio::test(start_paused = true)]
async fn other_certificates_replace_those_in_use() {
    let (mut fixture, graph) = links(SELF_CONTAINED, &[NO_REPLICATION_IN_SOURCE], &["replication"]).await;
    fixture.up(&graph).await.must_succeed();
    let address = Address::new(CERTIFICATES);
    let other = graph.altered(&address, |spec| {
        spec["identifier"] = json!("payment-renewed");
        spec["pem"] = json!(roots("eu-west-1"));
    });
    fixture.up(&other).await.must_succeed();
    let dms = &fixture.world.regions["us-east-1"].dms;
    assert_eq!(dms.certificates.keys().collect::<Vec<_>>(), ["payment-renewed"]);
    let arn = &dms.certificates["payment-renewed"].arn;
    assert!(dms.endpoints.values().all(|endpoint| endpoint.certificate_arn.as_ref() == Some(arn)));
    assert_eq!(fixture.up(&other).await.must_succeed().calls.mutations(), 0);
}

#[test]
fn a_region_without_known_authorities_still_has_tls() {
    let specs = |sets: &[&str], kind: &str| -> Vec<serde_json::Value> {
        let graph = graph(PAIRED, sets);
        graph.nodes().values().filter(|node| node.kind.get().name() == kind).map(|node| node.spec.clone()).collect()
    };
    let modes = |sets: &[&str]| -> Vec<String> {
        let endpoints = specs(sets, "dms.endpoint");
        endpoints.iter().map(|spec| spec["ssl_mode"].as_str().expect("a mode").to_owned()).collect()
    };
    let far = ["environments.target.region=il-central-1"];
    assert!(modes(&[]).iter().all(|mode| mode == "verify-full"));
    assert!(modes(&far).iter().all(|mode| mode == "require"), "{:?}", modes(&far));
    assert!(specs(&far, "dms.certificate").is_empty());
    // One certificate holds the authorities of both regions.
    let both = specs(&["environments.target.region=eu-west-1"], "dms.certificate");
    assert_eq!(both.len(), 1);
    assert_eq!(both[0]["pem"], json!(roots("eu-west-1") + &roots("us-east-1")));
}
