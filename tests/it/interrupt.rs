//! Ctrl-C, on the real program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::cli::Place;

/// Starts an `up` on the fast sandbox and returns once something has been created.
pub fn under_way(place: &Place) -> Child {
    let mut child = place
        .command("up --env source --sandbox --sandbox-timing fast -y")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
    assert!(lines.any(|line| line.expect("text").contains(": created ")), "nothing was created");
    // Somebody must go on reading, or the program waits for room.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Leaves behind what an `up` leaves that is killed while it is under way.
pub fn killed_under_way(place: &Place) {
    let mut child = under_way(place);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

fn goes_on(place: &Place) {
    let again = place.run("up --env source --sandbox -y");
    assert!(again.status.success(), "{}", place.tell(&again, "up"));
    let quiet = place.run("up --env source --sandbox -y");
    assert!(String::from_utf8_lossy(&quiet.stdout).contains("nothing to do"), "{}", place.tell(&quiet, "up"));
    let down = place.run("down --sandbox -y");
    assert!(down.status.success(), "{}", place.tell(&down, "down"));
    assert!(String::from_utf8_lossy(&down.stdout).contains("68 resources deleted"), "{}", place.tell(&down, "down"));
}

#[test]
fn ctrl_c_stops_in_order_and_the_same_command_goes_on() {
    let place = Place::new();
    let mut child = under_way(&place);
    signal(&child, "INT");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let status = place.told("status --sandbox");
    assert!(status.contains("stopped") && status.contains("`up` to go on"), "{status}");
    goes_on(&place);
}

#[test]
fn a_killed_program_is_taken_over_and_the_same_command_goes_on() {
    let place = Place::new();
    let mut child = under_way(&place);
    signal(&child, "KILL");
    child.wait().expect("it ends");
    let status = place.told("status --sandbox");
    assert!(status.contains("did not end by itself"), "{status}");
    goes_on(&place);
}
