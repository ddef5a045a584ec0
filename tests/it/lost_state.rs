//! A state that was lost or damaged: what exists is found again by names and ownership tags.

use std::fs;

use crate::cli::Place;
use crate::lane::Lane;

fn succeed(place: &Place, arguments: &str) -> String {
    Lane::Sandbox.succeed(place, arguments)
}

/// A place where everything is up, and the state is gone.
fn lost() -> Place {
    let place = Place::new();
    succeed(&place, "up -y");
    fs::remove_dir_all(place.state()).expect("the state");
    place
}

#[test]
fn a_lost_state_is_made_anew() {
    let place = lost();
    let told = succeed(&place, "state rebuild -y");
    assert!(told.contains("168 resources were found, 168 are known now"), "{told}");
    assert!(succeed(&place, "up -y").contains("nothing to do"));
    succeed(&place, "down -y");
    assert!(Lane::Sandbox.inventory(&place, &["us-east-1"]).iter().all(|id| !id.contains("payment")));
}

#[test]
fn a_state_that_is_damaged_in_the_middle_is_kept_beside_and_made_anew() {
    let place = Place::new();
    crate::interrupt::killed_under_way(&place);
    let journal = place.state().join("journal.jsonl");
    let mut lines: Vec<String> = fs::read_to_string(&journal).expect("the journal").lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    lines[middle] = lines[middle].replace("source", "sourse");
    let damaged = lines.join("\n") + "\n";
    fs::write(&journal, &damaged).expect("the journal");
    let refused = place.told("up --env source --sandbox -y");
    assert!(refused.contains("[exit 6]") && refused.contains("state rebuild"), "{refused}");

    let told = place.told("state rebuild --sandbox -y");
    assert!(told.contains("[exit 0]") && told.contains("is kept as") && told.contains("known from its intact part"), "{told}");
    let kept = fs::read_dir(place.state()).expect("the directory").flatten().find(|entry| entry.file_name().to_string_lossy().contains("damaged"));
    assert_eq!(fs::read_to_string(kept.expect("the damaged file").path()).expect("it is readable"), damaged);
    succeed(&place, "up --env source -y");
    let down = succeed(&place, "down -y");
    assert!(down.contains("68 resources deleted"), "{down}");
}

#[test]
fn orphans_are_shown_and_adopted() {
    let place = lost();
    let told = succeed(&place, "orphans");
    assert!(
        told.contains("source/network/vpc")
            && told.contains("role/payment-task-source-dev-001")
            && told.contains("role/dms-vpc-role")
            && told.contains("--adopt"),
        "{told}"
    );
    assert_eq!(Lane::Sandbox.run(&place, "orphans --exit-code").status.code(), Some(4));
    let told = succeed(&place, "orphans --adopt -y");
    assert!(told.contains("168 resources were taken into the state"), "{told}");
    assert!(succeed(&place, "orphans").contains("no orphans"));
    assert!(succeed(&place, "up -y").contains("nothing to do"));
}

#[test]
fn orphans_are_deleted() {
    let place = lost();
    let told = succeed(&place, "orphans --delete -y");
    assert!(told.contains("168 resources deleted"), "{told}");
    assert!(succeed(&place, "status").contains("nothing of"));
    assert!(Lane::Sandbox.inventory(&place, &["us-east-1"]).iter().all(|id| !id.contains("payment")));
}

#[test]
fn there_are_no_orphans_where_everything_is_known() {
    let place = Place::new();
    succeed(&place, "up --env source -y");
    assert!(succeed(&place, "orphans").contains("no orphans"));
    assert_eq!(Lane::Sandbox.run(&place, "orphans --exit-code").status.code(), Some(0));
}
