//! The source is deleted after all traffic has left it: what remains no longer references it.

use crate::harness::backend::Backend;
use crate::harness::workspace::Workspace;

/// Returns the configuration without the source, and without the replication from it.
fn without_the_source() -> String {
    let mut text = include_str!("../../../config/migration.toml").to_owned();
    for (from, to) in
        [("[environments.source]", "[environments.target]"), ("[environments.target.replicates.database]", "[network]")]
    {
        let (from, to) = (text.find(from).expect("it begins"), text.find(to).expect("it ends"));
        text.replace_range(from..to, "");
    }
    text
}

#[test]
fn the_source_can_be_deleted_after_the_migration() {
    let workspace = Workspace::new();
    let run = |arguments: &str| Backend::Sandbox.succeed(&workspace, arguments);
    let transcript = |arguments: &str| workspace.transcript(&format!("{arguments} --sandbox"));
    run("up -y");
    run("replication start -y");
    run("traffic shift --to 40 -y");
    std::fs::write(workspace.path().join("target.toml"), without_the_source()).expect("a file");
    let consent = "--delete source/* --delete */replication/logs --config target.toml";
    let early = transcript(&format!("plan {consent}"));
    assert!(
        early.contains("[exit 3]") && early.contains("routing/dns/source-record receives 60 % of the traffic"),
        "{early}"
    );
    run("traffic shift --to 100 -y");
    let down = transcript("down --env source -y");
    assert!(down.contains("[exit 3]") && down.contains("stop using what you remove from the configuration"), "{down}");
    assert!(!down.contains("--env routing"), "where traffic goes is nothing to delete first: {down}");
    run("replication stop -y");
    let runbook = run("runbook");
    for part in [
        "`[environments.source]`",
        "`[environments.target.replicates.database]`",
        "--delete 'source/*' --delete '*/replication/logs'",
    ] {
        assert!(runbook.contains(part), "{part}: {runbook}");
    }
    run(&format!("up -y {consent}"));
    let left = run("state list --config target.toml");
    assert!(
        !left.lines().any(|line| line.starts_with("source/"))
            && !left.contains("routing/dns/source-record")
            && left.contains("routing/dns/target-record"),
        "{left}"
    );
    assert!(run("plan --config target.toml").contains("there is nothing to do"));
    assert!(run("runbook --config target.toml").contains("nothing of it exists"));
    let show = run("traffic show --config target.toml");
    assert!(show.contains("the source was removed: all traffic goes to the target"), "{show}");
    run("watch --once --config target.toml");
    for command in ["cutover -y", "cutover --dry-run", "traffic rollback -y", "traffic shift --to 50 -y"] {
        let refused = transcript(&format!("{command} --config target.toml"));
        assert!(refused.contains("[exit 3]") && refused.contains("the source was removed"), "{command}: {refused}");
    }
    let runbook = run("runbook --config target.toml");
    assert!(
        runbook.contains("there is no environment to go back to") && !runbook.contains("revoke-security-group-ingress"),
        "{runbook}"
    );
    run("down -y --config target.toml");
    assert!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]).is_empty());
}
