//! The effect of a change on a running replication, and what the program reports about it.

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;

const NO_TABLES: &str = "--set replication.tables=[\"public.nosuch\"]";

/// Returns a workspace in which the replication runs.
fn replicating() -> Workspace {
    let workspace = Workspace::new();
    Backend::Sandbox.succeed(&workspace, "up -y");
    Backend::Sandbox.succeed(&workspace, "replication start -y");
    workspace
}

fn transcript(workspace: &Workspace, arguments: &str) -> String {
    workspace.transcript(&format!("{arguments} --sandbox"))
}

#[test]
fn a_task_that_does_not_resume_after_a_change_is_a_failure() {
    let workspace = replicating();
    let failed = transcript(&workspace, &format!("up -y {NO_TABLES}"));
    assert!(
        failed.contains("[exit 1]")
            && failed.contains("target/replication/task")
            && failed.contains("No tables were found"),
        "{failed}"
    );
    // This differs from a manual stop: the change resumes, and so does the replication.
    let again = transcript(&workspace, &format!("up -y {NO_TABLES}"));
    assert!(again.contains("[exit 1]") && again.contains("No tables were found"), "{again}");
    let good = transcript(&workspace, "up -y");
    assert!(good.contains("[exit 0]"), "{good}");
    let status = Backend::Sandbox.succeed(&workspace, "replication status");
    assert!(status.contains("target/replication/task: running"), "{status}");
    assert!(Backend::Sandbox.succeed(&workspace, "plan").contains("there is nothing to do"));
}

#[test]
fn a_task_that_stopped_before_its_change_is_reported() {
    let workspace = replicating();
    Backend::Sandbox.succeed(&workspace, "replication stop -y --force");
    let changed = transcript(&workspace, "up -y --set replication.excluded_tables=[\"public.audit_log\"]");
    assert!(changed.contains("[exit 0]"), "{changed}");
    assert!(
        changed.contains("the replication is stopped") && changed.contains("`replication start` resumes it"),
        "{changed}"
    );
}

#[test]
fn a_replaced_task_reports_the_interrupted_replication() {
    let workspace = replicating();
    for address in ["instance", "task"] {
        let plan = transcript(&workspace, &format!("plan --replace target/replication/{address}"));
        assert!(plan.contains("a running replication stops, and `replication start` restarts it"), "{plan}");
    }
    let up = transcript(&workspace, "up -y --replace target/replication/instance");
    assert!(
        up.contains("[exit 0]")
            && up.contains("the replication stopped with the old task; `replication start` restarts it"),
        "{up}"
    );
    Backend::Sandbox.succeed(&workspace, "replication start -y");
    // A stopped replication is not reported.
    Backend::Sandbox.succeed(&workspace, "replication stop -y --force");
    let up = transcript(&workspace, "up -y --replace target/replication/task");
    assert!(up.contains("[exit 0]") && !up.contains("stopped with the old task"), "{up}");
}
