//! What makes way or is taken out of the configuration: how it goes, and that it gets its place back when it is not to go after all.

use migrate_infra::address::Address;
use migrate_infra::fuse::Fuse;
use migrate_infra::graph::Graph;
use migrate_infra::plan::{Wish, plan_rollback, plan_wish};

use crate::cli::Place;
use crate::lab::{Lab, Way};
use crate::lane::Lane;
use crate::stacks::{PAIRED, graph, source};

const INSTANCE: &str = "source/database-source/instance";

#[tokio::test(start_paused = true)]
async fn a_replaced_database_went_without_the_snapshot_that_is_wanted_now() {
    let mut lab = Lab::default();
    lab.up(&source(&[])).await.must_succeed();
    lab.replaced = INSTANCE.to_owned();
    lab.up(&source(&["database.username=other", "database.final_snapshot=true"])).await.must_succeed();
    assert!(lab.world.inventory().iter().any(|id| id.contains(" db snapshot ")), "{:#?}", lab.world.inventory());
}

/// Killed when the old one had made way and nothing new was begun, the same command took the old one back and said that there was nothing to do.
#[tokio::test(start_paused = true)]
async fn an_interrupted_replacement_was_taken_back_by_the_same_command() {
    let graph = source(&[]);
    let instance = Address::new(INSTANCE);
    for (address, id) in [(&instance, "resource_id"), (&Address::new("source/network/public-1-routes"), "route_table_id")] {
        let mut ground = Lab::default();
        ground.up(&graph).await.must_succeed();
        ground.rest();
        let before = ground.attrs(address.as_str())[id].clone();
        assert!(before.is_string(), "{address} has no {id}");
        ground.replaced = address.to_string();
        let mut between = 0;
        for point in 1.. {
            let Some(mut lab) = ground.killed(&graph, Way::Up, point).await else { break };
            let state = lab.state();
            if state.get(&address.set_aside(0)).is_none() || state.get(address).is_some() {
                continue;
            }
            between += 1;
            lab.up(&graph).await.must_succeed();
            assert_ne!(lab.attrs(address.as_str())[id], before, "{address} killed at {point}");
        }
        assert!(between > 0, "{address}");
    }
}

/// The old service had to go first, and the new one was not made.
#[tokio::test(start_paused = true)]
async fn a_rollback_did_not_tell_what_an_old_first_replacement_had_destroyed() {
    let (before, after) = (source(&[]), source(&["service.port=9090"]));
    let mut ground = Lab::default();
    ground.up(&before).await.must_succeed();
    ground.rest();
    let service = Address::new("source/service/service");
    let mut between = 0;
    for point in (1..).step_by(7) {
        let Some(mut lab) = ground.killed(&after, Way::Up, point).await else { break };
        let state = lab.state();
        if state.get(&service.set_aside(0)).is_some() || state.get(&service).is_some() {
            continue;
        }
        between += 1;
        let rollback = plan_rollback(&state, &[], &|_| true);
        let lost: Vec<&Address> = rollback.lost.iter().map(|(address, _)| address).collect();
        assert!(lost.contains(&&service), "killed at {point}: {lost:?}");
        if between % 2 == 1 {
            lab.run(&Graph::default(), Way::Rollback, Fuse::default()).await.must_succeed();
            lab.up(&before).await.must_succeed();
            assert!(lab.state().attrs(&service).is_some());
        }
    }
    assert!(between > 0);
}

/// The new one was there already, or was begun, and a third one was made.
#[tokio::test(start_paused = true)]
async fn what_was_taken_back_after_the_new_one_was_begun_was_made_a_third_time() {
    for (file_sets, address, id) in [
        (&["environments.source.vpc_cidr=10.7.0.0/16"], "source/network/vpc", "vpc_id"),
        (&["routing.zone_name=renamed.internal"], "routing/dns/zone", "zone_id"),
    ] {
        let parts = |graph: Graph| graph.part(|address| address.environment() == "source" || file_sets[0].starts_with("routing"), |_| None);
        let (before, after) = (parts(graph(PAIRED, &[])).expect("whole"), parts(graph(PAIRED, file_sets)).expect("whole"));
        let address = Address::new(address);
        let mut ground = Lab::default();
        ground.up(&before).await.must_succeed();
        ground.rest();
        let (first, count) = (ground.attrs(address.as_str())[id].clone(), ground.things().len());
        assert!(first.is_string(), "{address} has no {id}");
        let mut both = 0;
        for point in (1..).step_by(31) {
            let Some(mut lab) = ground.killed(&after, Way::Up, point).await else { break };
            let state = lab.state();
            if state.get(&address.set_aside(0)).is_none_or(|old| old.open.is_some()) || state.get(&address).is_none() {
                continue;
            }
            both += 1;
            // The way back is interrupted, too, and goes on.
            lab.run(&before, Way::Up, Fuse::blowing_at(1 + point % 31)).await;
            lab.up(&before).await.must_succeed();
            lab.rest();
            assert_eq!(lab.attrs(address.as_str())[id], first, "{address} killed at {point}");
            assert_eq!(lab.things().len(), count, "{address} killed at {point}: {:#?}", lab.world.inventory());
            let plan = lab.plan(&before, &lab.state());
            assert!(!plan.changes_something(), "{address} killed at {point}");
        }
        assert!(both > 1, "{address}: {both}");
    }
}

/// The target replicates from the source's database, which the configuration no longer has.
#[tokio::test(start_paused = true)]
async fn an_up_of_one_environment_deleted_what_another_one_still_uses() {
    let graph = graph(PAIRED, &[]);
    let mut lab = Lab::default();
    lab.up(&graph).await.must_succeed();
    let stays = |address: &Address| address.environment() == "source" && ["network", "security"].contains(&address.part());
    let without = graph.part(stays, |_| None).expect("it needs nothing else");
    let wish = Wish::of(&|environment: &str| environment == "source");
    let plan = plan_wish(&without, &lab.state(), &wish).expect("nothing is missing");
    let uses: Vec<String> = plan.strangers.uses.iter().map(|(used, user)| format!("{user} uses {used}")).collect();
    assert!(uses.iter().any(|uses| uses.starts_with("target/replication/") && uses.contains("source/database-source/")), "{uses:?}");
    let everything = plan_wish(&without, &lab.state(), &Wish::of(&|_| true)).expect("nothing is missing");
    assert!(everything.strangers.uses.is_empty(), "{:?}", everything.strangers);
}

#[test]
fn deletion_protection_of_what_makes_way_could_not_be_turned_off() {
    let place = Place::new();
    let told = |arguments: &str| place.told(&format!("{arguments} --sandbox -y"));
    Lane::Sandbox.succeed(&place, "up --env source -y --set database.deletion_protection=true");
    let replace = format!("up --env source --set database.username=other --replace {INSTANCE}");
    let refused = told(&format!("{replace} --set database.deletion_protection=true"));
    assert!(refused.contains("[exit 3]") && refused.contains("deletion_protection = false") && refused.contains("nothing was changed"), "{refused}");
    let replaced = told(&format!("{replace} --set database.deletion_protection=false"));
    assert!(replaced.contains("[exit 0]"), "{replaced}");
}

#[test]
fn a_protected_database_that_the_configuration_no_longer_has_was_a_dead_end() {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up --env source -y --set database.deletion_protection=true");
    let file = place.path().join("config/migration.toml");
    let whole = std::fs::read_to_string(&file).expect("the configuration");
    let (before, rest) = whole.split_once("[environments.target.replicates.database]").expect("it is replicated");
    let (_, after) = rest.split_once("to = \"target\"").expect("to the target");
    std::fs::write(&file, format!("{before}{after}")).expect("the configuration");
    place.edit("databases = [\"source\"]", "databases = []");
    let without = std::fs::read_to_string(&file).expect("the configuration");
    for command in ["up --env source", "down"] {
        let refused = place.told(&format!("{command} --sandbox -y"));
        assert!(refused.contains("[exit 3]") && refused.contains("put it back") && refused.contains("nothing was changed"), "{refused}");
    }
    // What the hint says helps.
    std::fs::write(&file, whole).expect("the configuration");
    Lane::Sandbox.succeed(&place, "up --env source -y");
    std::fs::write(&file, without).expect("the configuration");
    Lane::Sandbox.succeed(&place, "up --env source -y --delete source/*");
    assert!(!Lane::Sandbox.succeed(&place, "state list").contains(&Address::new(INSTANCE).to_string()));
}

#[test]
fn a_rollback_did_not_hear_that_a_database_may_go() {
    let place = Place::new();
    // Another stack has the name of a log group, so that the first `up` of this one fails.
    Lane::Sandbox.succeed(&place, "up --env source -y --target source/service/logs --set stack.name=other");
    let told = |arguments: &str| place.told(&format!("{arguments} --sandbox -y"));
    let failed = told("up --env source --set database.deletion_protection=true");
    assert!(failed.contains("[exit 1]"), "{failed}");
    let stuck = told("rollback --set database.deletion_protection=true");
    assert!(stuck.contains("[exit 5]") && stuck.contains("deletion_protection = false"), "{stuck}");
    let undone = told("rollback --set database.deletion_protection=false");
    assert!(undone.contains("[exit 0]"), "{undone}");
}
