//! The rotation of the secrets of a replication: held from the start to the stop, whatever is killed in between.

use migrate_infra::address::Address;
use migrate_infra::aws::intended;
use migrate_infra::crash_point::CrashPoints;
use migrate_infra::engine::Context;
use migrate_infra::migration::rotation::{self, hold, release, release_orphaned, release_stopped};
use migrate_infra::migration::switchover::SwitchoverRecord;
use migrate_infra::migration::topology::{Replication, Topology};
use migrate_infra::resource::Result;
use migrate_infra::resources::secretsmanager::rotation_hold::RotationStatus;
use migrate_infra::sandbox::Faults;
use migrate_infra::sandbox::world::secretsmanager::Secret;
use migrate_infra::state::Record;
use migrate_infra::switchover::Direction;
use migrate_infra::switchover::machine::{Outcome, State};

use crate::harness::backend::Backend;
use crate::harness::matrix::Matrix;
use crate::harness::sandbox_run::{AFTER, BEFORE, Fixture};
use crate::harness::stacks::{PAIRED, TWO_REGIONS, graph};
use crate::harness::workspace::Workspace;

const TAG: &str = "migrate-infra:hold-rotation";
const ADDRESSES: [&str; 2] = ["source/database-source/secret", "target/database-target/secret"];

async fn with<T>(fixture: &mut Fixture, action: impl AsyncFnOnce(Context) -> T) -> T {
    let (done, _) = fixture.with_context(CrashPoints::default(), Faults::default(), action).await;
    done.expect("it was not killed")
}

fn replications(context: &Context) -> Vec<Replication> {
    context.journal.read(Topology::of).replications
}

async fn hold_all(context: Context) -> Result<()> {
    hold(&context, &replications(&context)).await
}

async fn release_all(context: Context) -> Result<()> {
    release(&context, &replications(&context)).await
}

/// Returns the primary secrets of both databases, in the order of [`ADDRESSES`].
fn secrets(fixture: &Fixture) -> [Secret; 2] {
    let state = fixture.state();
    ADDRESSES.map(|address| {
        let attrs = state.attrs(&Address::new(address)).unwrap_or_else(|| panic!("{address}"));
        let arn = attrs["arn"].as_str().expect("an ARN");
        let mut all = fixture.world.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        all.find(|secret| secret.arn == arn).expect("the secret").clone()
    })
}

fn must_be_held(fixture: &Fixture) {
    for secret in secrets(fixture) {
        let text = &secret.tags[TAG];
        assert!(text.starts_with("the replication target/replication/task since 20"), "{text}");
    }
    let migration = fixture.state().migration;
    assert_eq!(migration.held_rotations.keys().map(Address::as_str).collect::<Vec<_>>(), ADDRESSES);
    assert!(migration.operations.is_empty(), "{:?}", migration.operations);
}

fn must_be_released(fixture: &Fixture) {
    for secret in secrets(fixture) {
        assert!(!secret.tags.contains_key(TAG) && secret.version("AWSPENDING").is_none(), "{:?}", secret.tags);
    }
    let migration = fixture.state().migration;
    assert!(migration.is_empty(), "{migration:?}");
}

async fn environments(sets: &[&str]) -> Fixture {
    let mut fixture = Fixture::default();
    fixture.up(&graph(PAIRED, sets)).await.must_succeed();
    fixture.advance_a_day();
    fixture
}

/// Requests a rotation of the secret at an address.
async fn rotate(context: &Context, address: &str) -> Result<(), String> {
    let (arn, region) = context.journal.read(|state| {
        let entry = state.get(&Address::new(address)).expect("the secret");
        (entry.attrs.as_ref().expect("attributes")["arn"].as_str().expect("an ARN").to_owned(), entry.region.clone())
    });
    let (clients, _) = context.cloud.clients(&(&region).into());
    let call = clients.secrets.rotate_secret().secret_id(arn).send();
    let rotated = intended("secretsmanager:RotateSecret", call).await;
    rotated.map(drop).map_err(|error| format!("{error:?}"))
}

#[tokio::test(start_paused = true)]
async fn both_secrets_are_held_and_released_and_up_ignores_it() {
    for sets in [&[][..], &[TWO_REGIONS]] {
        let mut fixture = environments(sets).await;
        for _ in 0..2 {
            with(&mut fixture, hold_all).await.expect("it is held");
            must_be_held(&fixture);
        }
        let again = fixture.up(&graph(PAIRED, sets)).await;
        assert_eq!(again.must_succeed().calls.mutations(), 0, "{:?}", again.calls.by_call());
        must_be_held(&fixture);
        for _ in 0..2 {
            with(&mut fixture, release_all).await.expect("it is released");
            must_be_released(&fixture);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_in_progress_ends_first() {
    let mut fixture = environments(&[]).await;
    let [before, _] = secrets(&fixture);
    with(&mut fixture, async |context: Context| {
        rotate(&context, ADDRESSES[0]).await.expect("it begins");
        let refused = rotate(&context, ADDRESSES[0]).await.expect_err("one at a time");
        assert!(refused.contains("previous rotation isn't complete"), "{refused}");
        // Its version has a value from then on.
        context.cloud.clock().sleep(std::time::Duration::from_secs(15)).await;
        hold_all(context).await.expect("it is held");
    })
    .await;
    must_be_held(&fixture);
    let [after, _] = secrets(&fixture);
    let value = |secret: &Secret| secret.version("AWSCURRENT").expect("a value").1.value.clone();
    assert_ne!(value(&before), value(&after), "the rotation has ended");
    assert!(after.rotation.is_none());
    let password = serde_json::from_str::<serde_json::Value>(&value(&after)).expect("JSON")["password"].clone();
    let instances = &fixture.world.regions["us-east-1"].rds.instances;
    assert!(instances.values().any(|one| one.settings.master_password == password.as_str().expect("a password")));
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_rotation_leaves_is_removed() {
    let mut fixture = environments(&[]).await;
    with(&mut fixture, async |context: Context| {
        hold_all(context.clone()).await.expect("it is held");
        rotate(&context, ADDRESSES[1]).await.expect("it begins, and the function refuses");
        context.cloud.clock().sleep(std::time::Duration::from_mins(5)).await;
        assert!(rotate(&context, ADDRESSES[1]).await.is_err(), "the label is in the way");
        // It is not in progress: nothing waits for it.
        hold_all(context).await.expect("it is held");
    })
    .await;
    must_be_held(&fixture);
    let [_, secret] = secrets(&fixture);
    assert!(secret.version("AWSPENDING").expect("the label").1.value.is_empty());
    with(&mut fixture, release_all).await.expect("it is released");
    must_be_released(&fixture);
    with(&mut fixture, async |context: Context| rotate(&context, ADDRESSES[1]).await).await.expect("it rotates again");
}

#[tokio::test(start_paused = true)]
async fn a_tag_of_somebody_else_stays() {
    let mut fixture = environments(&[]).await;
    let name = secrets(&fixture)[0].name.clone();
    let secret = |fixture: &mut Fixture| fixture.world.region("us-east-1").secretsmanager.secrets[&name].clone();
    let held = fixture.world.region("us-east-1").secretsmanager.secrets.get_mut(&name).expect("the secret");
    held.tags.insert(TAG.to_owned(), "an audit".to_owned());
    with(&mut fixture, hold_all).await.expect("it is held");
    with(&mut fixture, release_all).await.expect("it is released");
    assert_eq!(secret(&mut fixture).tags[TAG], "an audit");
    assert!(fixture.state().migration.is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_stays_held_after_a_switchover() {
    let mut fixture = environments(&[]).await;
    with(&mut fixture, async |context: Context| {
        let all = replications(&context);
        hold(&context, &all).await.expect("it is held");
        let mut record = SwitchoverRecord::new(Direction::FORWARD, None);
        record.progress.state = State::Done { outcome: Outcome::Completed };
        let write = async |record: &SwitchoverRecord| {
            let saved = Some(serde_json::to_value(record).expect("JSON"));
            context.journal.write(vec![Record::Switchover { saved }]).await.expect("it is written");
        };
        write(&record).await;
        let needed = release_stopped(&context, &all).await.expect("nothing is called");
        assert_eq!(needed, Some("changes are replicated back to the source"));
        record.progress.direction = Direction::FORWARD.reversed();
        write(&record).await;
        assert_eq!(release_stopped(&context, &all).await.expect("it is released"), None);
        context.journal.write(vec![Record::Switchover { saved: None }]).await.expect("it is written");
    })
    .await;
    must_be_released(&fixture);
}

/// Each kill and each lost answer leads to the same end.
#[tokio::test(start_paused = true)]
async fn a_killed_hold_and_a_killed_release_are_completed() {
    let mut initial = environments(&[]).await;
    let mut held = initial.fork();
    with(&mut held, hold_all).await.expect("it is held");
    // A refused rotation, so that releasing has everything to do.
    with(&mut held, async |context: Context| {
        rotate(&context, ADDRESSES[0]).await.expect("it begins");
        context.cloud.clock().sleep(std::time::Duration::from_mins(5)).await;
    })
    .await;
    for is_release in [false, true] {
        let before = if is_release { &held } else { &initial };
        let act = async |context: Context| match is_release {
            true => release_all(context).await,
            false => hold_all(context).await,
        };
        let must_be = if is_release { must_be_released } else { must_be_held };
        // There are few points: all are tried.
        let mut matrix = Matrix::complete(1, 1);
        while let Some((point, crash_points)) = matrix.arm() {
            let mut fixture = before.fork();
            fixture.with_context(crash_points.clone(), Faults::default(), act).await;
            if !crash_points.is_dead() {
                continue;
            }
            with(&mut fixture, act).await.unwrap_or_else(|error| panic!("killed at {point}: {error}"));
            must_be(&fixture);
            // The other command undoes it as well.
            with(&mut fixture, release_all).await.expect("it is released");
            must_be_released(&fixture);
        }
        assert!(matrix.points() >= 10, "{}", matrix.points());
        for call in 1..=matrix.points() {
            for fault in [&BEFORE[0], &AFTER[0], &AFTER[2]] {
                let mut fixture = before.fork();
                let faults = Faults::at_call(call, fault.clone());
                let (done, _) = fixture.with_context(CrashPoints::default(), faults.clone(), act).await;
                if !faults.was_injected() {
                    break;
                }
                done.expect("it was not killed").unwrap_or_else(|error| panic!("{fault:?} in {call}: {error}"));
                must_be(&fixture);
            }
        }
    }
    with(&mut initial, release_all).await.expect("there is nothing to release");
    must_be_released(&initial);
}

#[tokio::test(start_paused = true)]
async fn a_replication_that_no_longer_exists_holds_nothing() {
    let mut fixture = environments(&[]).await;
    with(&mut fixture, hold_all).await.expect("it is held");
    let without = graph(PAIRED, &["routing.enabled=false"])
        .part(|address| address.environment() == "source", |_| None)
        .expect("the source depends on nothing");
    let [source, _] = secrets(&fixture);
    fixture.down().await.must_succeed();
    assert!(fixture.state().migration.is_empty(), "a hold goes with its secret");
    fixture.up(&without).await.must_succeed();
    // As if only the target had been deleted.
    let address = Address::new(ADDRESSES[0]);
    with(&mut fixture, async |context: Context| {
        let entry = context.journal.read(|state| state.get(&address).cloned()).expect("the secret");
        let secret = entry.attrs.expect("attributes")["arn"].as_str().expect("an ARN").to_owned();
        let by = Address::new("target/replication/task");
        let (region, at, why) = (entry.region, "2026-01-01T00:00:00Z".to_owned(), "a replication".to_owned());
        let held = Record::RotationHeld { address: address.clone(), by, secret, region, account: None, at, why };
        context.journal.write(vec![held]).await.expect("it is written");
    })
    .await;
    let secrets = &mut fixture.world.region("us-east-1").secretsmanager.secrets;
    secrets.get_mut(&source.name).expect("the secret").tags.insert(TAG.to_owned(), "a replication".to_owned());
    with(&mut fixture, async |context: Context| release_orphaned(&context).await).await;
    let secrets = &fixture.world.regions["us-east-1"].secretsmanager.secrets;
    assert!(!secrets[&source.name].tags.contains_key(TAG) && fixture.state().migration.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_status_is_read() {
    let mut fixture = environments(&[]).await;
    with(&mut fixture, async |context: Context| {
        let all = replications(&context);
        let state = context.journal.read(Clone::clone);
        let read = async || {
            let topology = Topology::of(&state);
            let found = rotation::status(&context.read_context(), &state, &topology, &all[0]).await;
            found.expect("a status").into_iter().map(|(_, status)| status).collect::<Vec<_>>()
        };
        assert!(read().await.iter().all(|status| status.held.is_none() && !status.is_in_progress()));
        rotate(&context, ADDRESSES[0]).await.expect("it begins");
        context.cloud.clock().sleep(std::time::Duration::from_secs(15)).await;
        assert_eq!(read().await.iter().map(RotationStatus::is_in_progress).collect::<Vec<_>>(), [true, false]);
    })
    .await;
}

#[test]
fn commands_hold_it_show_it_and_release_it() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up -y");
    assert!(!run("status").contains("rotation of"));
    run("replication start -y");
    let status = run("status");
    for address in ADDRESSES {
        assert!(status.contains(&format!("the rotation of {address} is held since 20")), "{status}");
    }
    assert!(status.contains("for the replication target/replication/task, until `migrate-infra"), "{status}");
    let live = run("replication status");
    assert!(live.contains("rotation of target/database-target/secret: held: the replication"), "{live}");
    let json = workspace.transcript("replication status --output json --sandbox");
    assert!(json.contains("\"rotation\":[{\"") && json.contains("\"in_progress\":false"), "{json}");
    assert!(run("plan").contains("there is nothing to do"));
    assert!(run("drift").contains("no drift"), "{}", run("drift"));
    run("replication stop -y --force");
    assert!(!run("status").contains("rotation of"));
    assert!(!run("replication status").contains("rotation of"));
    // What is deleted without a stop does not stay held.
    run("replication start -y");
    run("down -y --env routing --env target");
    assert!(!run("status").contains("rotation of"), "{}", run("status"));
    let world = std::fs::read_to_string(workspace.path().join(".migrate-infra/sandbox/world.json")).expect("the world");
    let mut world: serde_json::Value = serde_json::from_str(&world).expect("JSON");
    // What the tagging API remembers of deleted resources.
    world.as_object_mut().expect("an object").remove("tag_index");
    assert!(!world.to_string().contains(TAG));
}

/// "`replication start` sets the tag on the secrets of both databases *before* it tests the connections" (ADR 3).
#[test]
fn the_rotation_is_held_before_the_connections_are_tested() {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up -y");
    let script = "[[events]]\nat_seconds = 0\nconnection_fails = { target = \"no way\" }\n";
    std::fs::write(workspace.path().join("fails.toml"), script).expect("a file");
    let failed = workspace.transcript("replication start -y --sandbox --sandbox-script fails.toml");
    assert!(failed.contains("no way") && !failed.contains("[exit 0]"), "{failed}");
    let status = Backend::Sandbox.succeed(&workspace, "status");
    for address in ADDRESSES {
        assert!(status.contains(&format!("the rotation of {address} is held since 20")), "{status}");
    }
}
