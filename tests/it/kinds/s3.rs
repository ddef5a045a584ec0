//! Buckets on the sandbox.

use std::sync::{Arc, Mutex};

use migrate_infra::address::Address;
use migrate_infra::events::{Event, Events};
use migrate_infra::graph::Graph;
use migrate_infra::resource::Error;
use migrate_infra::resources::s3::{Bucket, Lifecycle};
use migrate_infra::sandbox::world::s3::{Bucket as Stored, ObjectVersion};
use migrate_infra::sandbox::{FaultRates, Faults, Script};
use serde_json::json;

use crate::harness::matrix::is_complete;
use crate::harness::sandbox_run::{Fixture, GraphBuilder, RunKind, check_lifecycle, survives_kills};

const ADDRESS: &str = "source/storage/bucket";
const NAME: &str = "payment-logs-source-test-001-111122223333-us-east-1";

fn bucket() -> Bucket {
    Bucket {
        name: "payment-logs-source-test-001-{account}-{region}".into(),
        versioned: true,
        kms_key: None,
        tls_only: true,
        block_public_access: true,
        lifecycle: Some(Lifecycle {
            noncurrent_to_glacier_days: 90,
            noncurrent_expire_days: 365,
            abort_multipart_days: 7,
        }),
        empty_on_delete: false,
    }
}

fn graph(bucket: Bucket) -> Graph {
    let mut builder = GraphBuilder::new();
    builder.add(ADDRESS, bucket);
    builder.finish()
}

fn emptied() -> Graph {
    graph(Bucket { empty_on_delete: true, ..bucket() })
}

fn stored(fixture: &mut Fixture) -> &mut Stored {
    fixture.world.s3.buckets.get_mut(NAME).expect("the bucket exists")
}

/// Adds a number of objects, a second version of each tenth, and a delete marker for each hundredth.
fn fill(bucket: &mut Stored, objects: usize) {
    for index in 0..objects {
        let key = format!("logs/{index:06}");
        bucket.put(&key);
        if index % 10 == 0 {
            bucket.put(&key);
        }
        if index % 100 == 0 {
            bucket.delete(&key);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_passes_the_lifecycle_checks() {
    check_lifecycle(&graph(bucket())).await;
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_created_as_configured() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(bucket())).await.must_succeed();
    let made = stored(&mut fixture);
    assert_eq!(made.versioning.as_deref(), Some("Enabled"));
    assert_eq!(made.sse_algorithm, "AES256");
    assert_eq!(made.public_access_block, Some([true; 4]));
    assert_eq!(made.ownership.as_deref(), Some("BucketOwnerEnforced"));
    assert_eq!(
        made.policy.as_ref().unwrap()["Statement"][0]["Condition"],
        json!({ "Bool": { "aws:SecureTransport": "false" } })
    );
    assert_eq!(made.lifecycle[0].noncurrent_transitions, [(90, "GLACIER".to_owned())]);
    assert_eq!(made.tags["CostCenter"], "payment-processing");
    assert_eq!(fixture.attrs(ADDRESS)["arn"], format!("arn:aws:s3:::{NAME}"));
}

#[tokio::test(start_paused = true)]
pub async fn a_bucket_in_another_region_is_reported_with_its_region() {
    let mut fixture = Fixture::default();
    let region = "eu-central-1".into();
    let mut graph = Graph::default();
    graph.add(Address::new(ADDRESS), &region, &std::collections::BTreeMap::new(), &bucket());
    fixture.up(&graph.finish().unwrap()).await.must_succeed();
    let made = fixture.world.s3.buckets.values().next().unwrap();
    assert_eq!((made.region.as_str(), made.name.ends_with("-eu-central-1")), ("eu-central-1", true));
    fixture.down().await.must_succeed();
    assert!(fixture.world.inventory().is_empty());
}

#[tokio::test(start_paused = true)]
pub async fn each_setting_is_changed_in_place() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0001";
    let mut fixture = Fixture::default();
    fixture.up(&graph(bucket())).await.must_succeed();
    stored(&mut fixture).put("kept");
    let changed = graph(Bucket {
        versioned: false,
        kms_key: Some(key.into()),
        tls_only: false,
        block_public_access: false,
        lifecycle: None,
        ..bucket()
    });
    let ran = fixture.up(&changed).await;
    assert_eq!(ran.must_succeed().calls.mutations(), 5, "{:?}", ran.calls.by_call());
    let made = stored(&mut fixture);
    assert_eq!(made.versioning.as_deref(), Some("Suspended"));
    assert_eq!((made.sse_algorithm.as_str(), made.kms_key.as_deref(), made.bucket_key), ("aws:kms", Some(key), true));
    assert_eq!((made.public_access_block, made.policy.as_ref(), made.lifecycle.len()), (None, None, 0));
    assert_eq!(made.versions.len(), 1);
    assert_eq!(fixture.up(&changed).await.must_succeed().calls.mutations(), 0);
    fixture.up(&graph(bucket())).await.must_succeed();
    assert_eq!(stored(&mut fixture).versioning.as_deref(), Some("Enabled"));
}

#[tokio::test(start_paused = true)]
pub async fn foreign_additions_are_kept() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(bucket())).await.must_succeed();
    let made = stored(&mut fixture);
    let statement = json!({
        "Sid": "Audit", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:role/audit" },
            "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{NAME}/*"),
    });
    made.policy = Some(json!({ "Version": "2012-10-17", "Statement": [statement] }));
    made.tags.insert("Auditor".into(), "somebody".into());
    made.tags.remove("CostCenter");
    fixture.up(&graph(bucket())).await.must_succeed();
    let made = stored(&mut fixture);
    let sids: Vec<_> = made.policy.as_ref().unwrap()["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|statement| statement["Sid"].clone())
        .collect();
    assert_eq!(sids, ["Audit", "TlsOnly"]);
    assert_eq!((made.tags["Auditor"].as_str(), made.tags["CostCenter"].as_str()), ("somebody", "payment-processing"));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_with_objects_is_not_deleted_without_permission() {
    let mut fixture = Fixture::default();
    fixture.up(&graph(bucket())).await.must_succeed();
    fill(stored(&mut fixture), 1500);
    let ran = fixture.down().await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Refused(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("1650 objects and old versions and 15 delete markers") && text.contains("storage.empty_on_down"),
        "{text}"
    );
    assert_eq!(stored(&mut fixture).versions.len(), 1665);
}

#[tokio::test(start_paused = true)]
pub async fn a_bucket_is_emptied_in_pages_of_a_thousand_with_permission() {
    let mut fixture = Fixture::default();
    fixture.up(&emptied()).await.must_succeed();
    fill(stored(&mut fixture), 6000);
    let ran = fixture.down().await;
    ran.must_succeed();
    assert!(fixture.world.inventory().is_empty());
    // 6000 objects, 600 second versions, 60 markers: seven pages.
    assert_eq!(ran.calls.by_call()["s3:DeleteObjects"], 7);
}

/// Records how many pages were listed and deleted, and the most that were listed and not deleted yet.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<(u64, u64, u64)>>);

impl Pages {
    fn listening(&self) -> Events {
        let pages = self.clone();
        Events::to(move |event| {
            let mut pages = pages.0.lock().unwrap();
            match event {
                Event::Call { call: "s3:ListObjectVersions", .. } => pages.0 += 1,
                Event::Call { call: "s3:DeleteObjects", .. } => pages.1 += 1,
                _ => return,
            }
            pages.2 = pages.2.max(pages.0.saturating_sub(pages.1));
        })
    }
}

/// The memory does not depend on the number of objects: a page is listed only when one of four has been deleted.
#[tokio::test(start_paused = true)]
async fn a_large_bucket_is_emptied_with_few_pages_in_memory() {
    let objects: u32 = if is_complete() { 1_000_000 } else { 50_000 };
    let mut fixture = Fixture::default();
    fixture.up(&emptied()).await.must_succeed();
    stored(&mut fixture).versions = (0..objects)
        .map(|index| ObjectVersion {
            key: format!("logs/{index:07}"),
            version_id: "00000001".into(),
            delete_marker: false,
        })
        .collect();
    let pages = Pages::default();
    fixture.listener = Some(pages.listening());
    let (began, virtually) = (std::time::Instant::now(), tokio::time::Instant::now());
    fixture.down().await.must_succeed();
    let (took, virtually) = (began.elapsed().as_secs_f64(), virtually.elapsed().as_secs());
    assert!(fixture.world.inventory().is_empty());
    let (listed, deleted, most) = *pages.0.lock().unwrap();
    println!(
        "{objects} versions: {listed} lists and {deleted} deletions, at most {most} pages between them; {virtually} s \
         of AWS, {took:.1} s here"
    );
    assert_eq!(u32::try_from(deleted).unwrap(), objects / 1000);
    // One more list shows that the bucket is empty.
    assert!(listed >= deleted && most <= 6, "{listed} listed, {deleted} deleted, at most {most} between");
}

/// "A list of keys that couldn't be deleted": S3 refuses single objects in an answer that succeeds. For eight minutes
/// the stated objects stay, which is longer than any pause; then they are deleted.
#[tokio::test(start_paused = true)]
async fn objects_that_s3_refuses_for_a_moment_are_sent_again() {
    for code in ["SlowDown", "InternalError"] {
        let mut fixture = Fixture::default();
        fixture.up(&emptied()).await.must_succeed();
        fill(stored(&mut fixture), 3000);
        let event = format!(
            "[[events]]\nat_seconds = 0\nfor_seconds = 480\n\
             objects_stay = {{ \"payment-logs-*/logs/*7\" = \"{code}\" }}\n"
        );
        fixture.world.load_script(Script::parse(&event, "script.toml").unwrap());
        let shown: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&shown);
        fixture.listener = Some(Events::to(move |event| {
            if let Event::StepWaiting { what, status, .. } = event {
                keep.lock().unwrap().push(format!("{what} ({status})"));
            }
        }));
        fixture.down().await.must_succeed();
        assert!(fixture.world.inventory().is_empty());
        let shown = shown.lock().unwrap();
        let progress = format!("bucket `{NAME}` to be empty (");
        assert!(shown.iter().any(|line| line.starts_with(&progress) && line.contains(" a second")), "{shown:#?}");
        assert!(shown.iter().any(|line| line.contains(&format!("S3 asks to try again: {code}"))), "{shown:#?}");
    }
}

/// Ten minutes without a deleted object are the limit. What was deleted stays deleted.
#[tokio::test(start_paused = true)]
async fn emptying_ends_when_nothing_is_deleted_any_more() {
    let mut fixture = Fixture::default();
    fixture.up(&emptied()).await.must_succeed();
    fill(stored(&mut fixture), 3000);
    let event = "[[events]]\nat_seconds = 0\nobjects_stay = { \"payment-logs-*/logs/*7\" = \"SlowDown\" }\n";
    fixture.world.load_script(Script::parse(event, "script.toml").unwrap());
    let ran = fixture.down().await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Timeout { status, .. } if status.contains("SlowDown")), "{error}");
    assert_eq!(stored(&mut fixture).versions.len(), 300);
    fixture.world.load_script(Script::default());
    fixture.down().await.must_succeed();
    assert!(fixture.world.inventory().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_s3_refuses_for_good_is_named() {
    let mut fixture = Fixture::default();
    fixture.up(&emptied()).await.must_succeed();
    fill(stored(&mut fixture), 20);
    let event = "[[events]]\nat_seconds = 0\nobjects_stay = { \"payment-logs-*/logs/000007\" = \"AccessDenied\" }\n";
    fixture.world.load_script(Script::parse(event, "script.toml").unwrap());
    let ran = fixture.down().await;
    let text = ran.report().failures[0].error.to_string();
    assert!(text.contains("logs/000007") && text.contains("AccessDenied"), "{text}");
}

/// More lost answers than a step may have: to delete a version twice is the same as once.
#[tokio::test(start_paused = true)]
async fn lost_answers_do_not_end_the_emptying_of_a_bucket() {
    for seed in 0..4 {
        let mut fixture = Fixture::default();
        fixture.up(&emptied()).await.must_succeed();
        fill(stored(&mut fixture), 60_000);
        let rates = FaultRates { failures: 150, throttling: 0, busy: 0, stale_reads: 0 };
        let ran = fixture.run_with_faults(&Graph::default(), RunKind::Down, Faults::random(seed, rates)).await;
        ran.must_succeed();
        assert!(fixture.world.inventory().is_empty(), "seed {seed}");
        assert!(ran.calls.by_call()["s3:DeleteObjects"] > 66, "seed {seed}: no answer was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn emptying_survives_a_kill_at_every_point() {
    let mut fixture = Fixture::default();
    fixture.up(&emptied()).await.must_succeed();
    fill(stored(&mut fixture), 2500);
    let points = survives_kills(&emptied(), &fixture, RunKind::Down, 0, &[]).await;
    assert!(points > 8, "{points}");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_another_account_is_foreign() {
    let mut fixture = Fixture::default();
    fixture.world.s3.buckets.insert(NAME.into(), Stored::new(NAME, "us-east-1", "999999999999"));
    let ran = fixture.up(&graph(bucket())).await;
    let error = &ran.report().failures[0].error;
    assert!(matches!(error, Error::Foreign { owner, .. } if owner.to_string() == "another AWS account"), "{error}");
    assert_eq!(ran.calls.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_without_ownership_tags_is_foreign_and_kept() {
    let mut fixture = Fixture::default();
    let account = fixture.world.account.clone();
    fixture.world.s3.buckets.insert(NAME.into(), Stored::new(NAME, "us-east-1", &account));
    let ran = fixture.up(&graph(bucket())).await;
    assert!(matches!(ran.report().failures[0].error, Error::Foreign { .. }));
    fixture.down().await.must_succeed();
    assert_eq!(fixture.world.inventory().len(), 1);
}

/// What S3 refuses, the sandbox refuses.
#[tokio::test(start_paused = true)]
async fn bad_buckets_are_refused() {
    let upside_down = Lifecycle { noncurrent_to_glacier_days: 90, noncurrent_expire_days: 30, abort_multipart_days: 7 };
    let cases = [
        ("InvalidBucketName", Bucket { name: "Payment_Logs".into(), ..bucket() }),
        ("InvalidBucketName", Bucket { name: "p".repeat(64), ..bucket() }),
        ("InvalidArgument", Bucket { lifecycle: Some(upside_down), ..bucket() }),
    ];
    for (code, bucket) in cases {
        let ran = Fixture::default().up(&graph(bucket)).await;
        let error = &ran.report().failures[0].error;
        assert!(error.is_code(code), "expected {code}, got {error}");
    }
}
