//! Environments that need each other: what is missing is named, what is in use stays, and the command to run is offered.

use crate::cli::Place;

fn succeed(place: &Place, arguments: &str) {
    let output = place.run(arguments);
    assert!(output.status.success(), "{}", place.tell(&output, arguments));
}

#[test]
fn up_of_the_target_without_the_source() {
    let place = Place::new();
    insta::assert_snapshot!("up_of_the_target_without_the_source", place.told("up --env target --sandbox -y"));
    assert!(!place.path().join(".migrate-infra").exists(), "something was begun");
}

#[test]
fn plan_of_the_routing_without_either_environment() {
    let place = Place::new();
    insta::assert_snapshot!("plan_of_the_routing_without_either_environment", place.told("plan --env routing"));
}

#[test]
fn down_of_the_source_while_others_depend_on_it() {
    let place = Place::new();
    succeed(&place, "up --sandbox -y");
    let refused = place.told("down --env source --sandbox -y");
    insta::assert_snapshot!("down_of_the_source_while_others_depend_on_it", refused);
    // The offered command works.
    succeed(&place, "down --env routing --env target --sandbox -y");
    succeed(&place, "down --env source --sandbox -y");
    assert!(place.told("status --sandbox").contains("nothing of"));
}

#[test]
fn one_environment_after_the_other() {
    let place = Place::new();
    for environment in ["source", "target", "routing"] {
        succeed(&place, &format!("up --env {environment} --sandbox -y"));
    }
    let told = place.told("up --sandbox -y");
    assert!(told.contains("there is nothing to do") || told.contains("nothing to do"), "{told}");
    succeed(&place, "down --sandbox -y");
    assert!(place.told("status --sandbox").contains("nothing of"));
}

/// An environment that was interrupted has things whose addresses are not known yet.
#[test]
fn an_environment_that_is_half_made_is_not_built_upon() {
    let place = Place::new();
    crate::interrupt::killed_under_way(&place);
    let told = place.told("up --env target --sandbox -y");
    assert!(told.contains("[exit 3]") && told.contains("what is needed of `source` does not exist yet"), "{told}");
}
