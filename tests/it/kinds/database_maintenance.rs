//! Versions of the database, and changes that wait for its maintenance window.

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;

#[test]
fn an_older_minor_version_is_refused() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y --set database.engine_version=16.11");
    for command in ["plan", "up -y"] {
        let refused =
            workspace.transcript(&format!("{command} --env source --set database.engine_version=16.4 --sandbox"));
        assert!(refused.contains("[exit 3]") && refused.contains("RDS cannot downgrade it to 16.4"), "{refused}");
        assert!(
            refused.contains("set `database.engine_version` to 16.11 or a later one")
                && refused.contains("nothing was changed"),
            "{refused}"
        );
    }
    // A later version, and the default.
    run("up --env source -y --set database.engine_version=16.12");
    run("up --env source -y");
    assert!(run("plan --env source").contains("there is nothing to do"));
}

#[test]
fn a_plan_reports_that_pending_changes_are_applied_now() {
    const CLASS: &str = "--env source --set database.instance_class=db.r5.xlarge";
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    run("up --env source -y");
    run(&format!("up -y {CLASS} --set database.apply_immediately=false"));
    let plan = run(&format!("plan {CLASS}"));
    assert!(
        plan.contains(
            "apply_immediately: false -> true  (changes pending for the maintenance window are applied now, \
            with a restart if required)"
        ),
        "{plan}"
    );
    assert!(plan.contains("expected duration 6 min"), "{plan}");
    run(&format!("up -y {CLASS}"));
    assert!(run(&format!("plan {CLASS}")).contains("there is nothing to do"));
    // No change is pending, so the plan reports none.
    run(&format!("up -y {CLASS} --set database.apply_immediately=false"));
    let plan = run(&format!("plan {CLASS}"));
    assert!(plan.contains("apply_immediately: false -> true") && !plan.contains("are applied now"), "{plan}");
}
