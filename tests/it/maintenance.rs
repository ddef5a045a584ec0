//! Versions of the database, and what waits for its maintenance window.

use crate::cli::Place;
use crate::lane::Lane;

#[test]
fn an_older_minor_version_was_planned_and_done() {
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y --set database.engine_version=16.11");
    for command in ["plan", "up -y"] {
        let refused = place.told(&format!("{command} --env source --set database.engine_version=16.4 --sandbox"));
        assert!(refused.contains("[exit 3]") && refused.contains("RDS can not take it back to 16.4"), "{refused}");
        assert!(refused.contains("set `database.engine_version` to 16.11 or a later one") && refused.contains("nothing was changed"), "{refused}");
    }
    // A later one, and whichever it is.
    run("up --env source -y --set database.engine_version=16.12");
    run("up --env source -y");
    assert!(run("plan --env source").contains("there is nothing to do"));
}

#[test]
fn a_plan_did_not_tell_that_what_waits_for_the_window_is_made_now() {
    const CLASS: &str = "--env source --set database.instance_class=db.r5.xlarge";
    let place = Place::new();
    let run = |arguments: &str| Lane::Sandbox.succeed(&place, arguments);
    run("up --env source -y");
    run(&format!("up -y {CLASS} --set database.apply_immediately=false"));
    let plan = run(&format!("plan {CLASS}"));
    assert!(
        plan.contains("apply_immediately: false -> true  (what waits for the maintenance window is made now, with a restart if that needs one)"),
        "{plan}"
    );
    assert!(plan.contains("expected to take 6 min"), "{plan}");
    run(&format!("up -y {CLASS}"));
    assert!(run(&format!("plan {CLASS}")).contains("there is nothing to do"));
    // Nothing waits, so nothing is to be said.
    run(&format!("up -y {CLASS} --set database.apply_immediately=false"));
    let plan = run(&format!("plan {CLASS}"));
    assert!(plan.contains("apply_immediately: false -> true") && !plan.contains("is made now"), "{plan}");
}
