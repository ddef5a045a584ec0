//! `--target`: a part of the stack, and what has to come with it; and `forget`.

use migrate_infra::address::Address;
use migrate_infra::plan::Action;

use crate::cli::Place;
use crate::lab::Lab;
use crate::lane::Lane;
use crate::stacks::source;

fn succeed(place: &Place, arguments: &str) -> String {
    Lane::Sandbox.succeed(place, arguments)
}

fn addresses(place: &Place) -> Vec<String> {
    succeed(place, "state list").lines().filter_map(|line| Some(line.split('\t').next()?.to_owned())).collect()
}

#[test]
fn up_brings_what_a_target_depends_on_and_says_what_is_left_out() {
    let place = Place::new();
    let plan = succeed(&place, "plan --target source/network/public-1");
    assert!(plan.contains("2 to create") && plan.contains("left out"), "{plan}");
    succeed(&place, "up --target source/network/public-1 -y");
    assert_eq!(addresses(&place), ["source/network/public-1", "source/network/vpc"]);
    succeed(&place, "up --env source -y");
    assert_eq!(addresses(&place).len(), 68);
}

#[test]
fn a_target_that_is_replaced_takes_what_goes_with_it() {
    let place = Place::new();
    succeed(&place, "up --env source -y");
    let before = addresses(&place);
    let told = succeed(&place, "up --target source/service/target-group --set service.port=9090 -y");
    assert!(told.contains("resources created or changed"), "{told}");
    // The service goes with its target group, and comes back with it.
    assert_eq!(addresses(&place), before);
    assert!(!succeed(&place, "plan --env source --set service.port=9090").contains("target-group"));
}

#[test]
fn down_takes_what_depends_on_a_target() {
    let place = Place::new();
    succeed(&place, "up --env source -y");
    let told = succeed(&place, "down --target source/service/* -y");
    assert!(told.contains("resources remain"), "{told}");
    let left = addresses(&place);
    assert!(!left.is_empty() && left.iter().all(|address| !address.starts_with("source/service/")), "{left:?}");
    assert!(left.iter().any(|address| address == "source/network/vpc"));
    succeed(&place, "up --env source -y");
    succeed(&place, "down -y");
    assert!(addresses(&place).is_empty());
}

#[test]
fn an_up_of_a_part_leaves_what_a_failed_up_did_to_be_undone() {
    let place = Place::new();
    crate::interrupt::killed_under_way(&place);
    succeed(&place, "up --target source/network/vpc -y");
    let told = succeed(&place, "rollback -y");
    assert!(!told.contains("nothing to undo"), "{told}");
    assert!(addresses(&place).is_empty(), "{:?}", addresses(&place));
}

/// It ended well, so it is not undone with what fails later on, and the same replacement can be asked for again.
#[tokio::test(start_paused = true)]
async fn an_up_of_a_part_that_ended_well_was_undone_by_a_later_rollback() {
    let graph = source(&[]);
    let (vpc, instance) = ("source/network/vpc", "source/database-source/instance");
    let mut lab = Lab { targets: instance.to_owned(), ..Lab::default() };
    lab.up(&graph).await.must_succeed();
    assert!(lab.state().get(&Address::new(vpc)).is_some() && lab.state().undo.is_empty(), "{:?}", lab.state().undo);
    lab.rest();
    lab.replaced = instance.to_owned();
    lab.up(&graph).await.must_succeed();
    let plan = lab.plan(&graph, &lab.state());
    let step = plan.steps.iter().find(|step| step.address.as_str() == instance).expect("it has a step");
    assert!(matches!(step.action, Action::Replace { .. }), "{}", step.reason);
}

#[test]
fn a_target_that_matches_nothing_is_a_mistake() {
    let place = Place::new();
    let told = place.told("up --target source/netwrk/vpc --sandbox -y");
    assert!(told.contains("[exit 2]") && told.contains("did you mean `source/network/vpc`?"), "{told}");
}

#[test]
fn what_is_forgotten_exists_as_before_and_is_found_again() {
    let place = Place::new();
    succeed(&place, "up --env source -y");
    let before = Lane::Sandbox.inventory(&place, &["us-east-1"]);
    let told = succeed(&place, "forget source/monitoring/* -y");
    assert!(told.contains("they exist as before"), "{told}");
    assert!(addresses(&place).iter().all(|address| !address.starts_with("source/monitoring/")));
    assert_eq!(Lane::Sandbox.inventory(&place, &["us-east-1"]), before);
    // The same command again has nothing to do.
    assert!(succeed(&place, "forget source/monitoring/* -y").contains("nothing to forget"));
    let told = place.told("forget source/monitring/dashboard --sandbox -y");
    assert!(told.contains("[exit 2]"), "{told}");
    succeed(&place, "up --env source -y");
    assert_eq!((addresses(&place).len(), Lane::Sandbox.inventory(&place, &["us-east-1"])), (68, before));
}
