//! Databases that are reached through `[databases] via`, and databases that are not reached.

use infra_connect::SslMode;
use migrate_infra::events::Events;
use migrate_infra::migration::topology::Topology;
use migrate_infra::switchover::machine::Outcome;
use migrate_infra::workflow::unattended::{self, CutoverEnd};
use migrate_infra::workflow::{ThroughCommand, databases};

use super::stack::{ONE_STEP, Stack, rows, until};

/// Sets the command, which gets host and environment. The databases have certificates of the sandbox for the names of
/// their endpoints.
fn through(stack: &mut Stack, script: &str) {
    let root = stack.workspace.state_root.with_file_name("postgres").join("authority/ca.crt");
    stack.workspace.config.databases.root_certificates = root.display().to_string();
    let access = &mut stack.workspace.config.databases;
    access.via = ["sh", "-c", script, "tunnel", "{host}", "{environment}"].map(str::to_owned).to_vec();
    stack.workspace.databases = Box::new(ThroughCommand::of(access, |_| ()).expect("a command"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_reaches_its_databases_through_tunnels_or_does_not_begin() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut stack = tokio::task::block_in_place(|| Stack::with(&directory, ONE_STEP));
    stack.replicate("CREATE TABLE payments (id bigint PRIMARY KEY)", "INSERT INTO payments VALUES (1)").await;
    let (source, target) = (stack.connection("source"), stack.connection("target"));
    until("the load", async || rows(&target, "payments").await == 1).await;

    // Without a way, nothing begins.
    through(&mut stack, "echo 'TargetNotConnected: password hush7' >&2; exit 254");
    let before = stack.state().await;
    let refused = unattended::cutover(&stack.workspace, Events::nowhere()).await.expect_err("it is refused");
    let text = format!("{refused}: {refused:?}");
    assert!(text.contains("needs SQL access to both databases") && text.contains("TargetNotConnected"), "{text}");
    assert!(text.contains("no tunnel to the database of the source") && !text.contains("hush7"), "{text}");
    let after = stack.state().await;
    assert_eq!((after.migration.switchover, after.migration.live), (None, before.migration.live));

    // The name of the host leads nowhere; the tunnel does.
    let script = format!(
        "case $2 in source) echo 127.0.0.1:{};; target) echo \"Port {} opened for sessionId x\";; esac; sleep 600",
        source.port, target.port
    );
    through(&mut stack, &script);
    let state = stack.state().await;
    let topology = Topology::of(&state);
    let context = stack.workspace.connect_read_only().await.expect("the sandbox");
    let endpoints = databases::endpoints(&stack.workspace, &context, &topology, &topology.replications[0]).await;
    for (endpoint, side) in endpoints.expect("both are reached").iter().zip(["source", "target"]) {
        assert!(endpoint.host.ends_with(".rds.amazonaws.com"), "{}", endpoint.host);
        assert!(endpoint.tunnel().is_some_and(|near| near.ip().is_loopback()));
        assert_eq!(endpoint.ssl_mode, SslMode::VerifyFull, "the password goes to nobody else");
        infra_connect::open(endpoint, side).await.expect("a connection");
    }
    drop(context);
    match unattended::cutover(&stack.workspace, Events::nowhere()).await.expect("it ends") {
        CutoverEnd::Switchover(ended) => assert_eq!(ended.outcome, Outcome::Completed, "{:?}", ended.reasons),
        CutoverEnd::Steps(outcome) => panic!("{outcome:?}"),
    }
}
