//! What a change of a replication does to one that runs, and what is told of it.

use crate::cli::Place;
use crate::lane::Lane;

const NO_TABLES: &str = "--set replication.tables=[\"public.nosuch\"]";

/// A place in which the replication runs.
fn replicating() -> Place {
    let place = Place::new();
    Lane::Sandbox.succeed(&place, "up -y");
    Lane::Sandbox.succeed(&place, "replication start -y");
    place
}

fn told(place: &Place, arguments: &str) -> String {
    place.told(&format!("{arguments} --sandbox"))
}

#[test]
fn a_task_that_did_not_go_on_after_a_change_was_called_changed() {
    let place = replicating();
    let failed = told(&place, &format!("up -y {NO_TABLES}"));
    assert!(failed.contains("[exit 1]") && failed.contains("target/replication/task") && failed.contains("No tables were found"), "{failed}");
    // It is not the same as one that somebody has stopped: the change goes on, and so does the replication.
    let again = told(&place, &format!("up -y {NO_TABLES}"));
    assert!(again.contains("[exit 1]") && again.contains("No tables were found"), "{again}");
    let good = told(&place, "up -y");
    assert!(good.contains("[exit 0]"), "{good}");
    let status = Lane::Sandbox.succeed(&place, "replication status");
    assert!(status.contains("target/replication/task: running"), "{status}");
    assert!(Lane::Sandbox.succeed(&place, "plan").contains("there is nothing to do"));
}

#[test]
fn a_task_that_had_stopped_before_its_change_was_left_so_without_a_word() {
    let place = replicating();
    Lane::Sandbox.succeed(&place, "replication stop -y --force");
    let changed = told(&place, "up -y --set replication.excluded_tables=[\"public.audit_log\"]");
    assert!(changed.contains("[exit 0]"), "{changed}");
    assert!(changed.contains("the replication is stopped") && changed.contains("`replication start` goes on with it"), "{changed}");
}

#[test]
fn a_replaced_task_took_the_replication_with_it_without_a_word() {
    let place = replicating();
    for address in ["instance", "task"] {
        let plan = told(&place, &format!("plan --replace target/replication/{address}"));
        assert!(plan.contains("a replication that runs on it stops, and `replication start` begins it anew"), "{plan}");
    }
    let up = told(&place, "up -y --replace target/replication/instance");
    assert!(up.contains("[exit 0]") && up.contains("the replication has stopped with the old task; `replication start` begins it anew"), "{up}");
    Lane::Sandbox.succeed(&place, "replication start -y");
    // What does not run stops not.
    Lane::Sandbox.succeed(&place, "replication stop -y --force");
    let up = told(&place, "up -y --replace target/replication/task");
    assert!(up.contains("[exit 0]") && !up.contains("has stopped with the old task"), "{up}");
}
