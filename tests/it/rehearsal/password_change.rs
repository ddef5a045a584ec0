//! A changed master password on real databases: RDS applies it, and a running replication breaks at its next
//! connection, until its secret has the password, too.

use migrate_infra::aws::intended;
use migrate_infra::events::Events;
use migrate_infra::workflow::unattended;

use super::stack::{Stack, rows, until};

const NEW_PASSWORD: &str = "tG5kM2wQ8zR4xV7bN1cJ9hD3";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_breaks_a_running_task_until_its_secret_has_it_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = tokio::task::block_in_place(|| Stack::new(&directory));
    unattended::up(&stack.workspace, Events::nowhere()).await.expect("the stack comes up");
    let (old, target) = (stack.connection("source"), stack.connection("target"));
    let client = old.connect().await.expect("a connection");
    client
        .batch_execute("CREATE TABLE payments (id bigint PRIMARY KEY); INSERT INTO payments VALUES (1)")
        .await
        .unwrap();
    unattended::start_replication(&stack.workspace, Events::nowhere()).await.expect("the replication runs");
    until("the load", async || rows(&target, "payments").await == 1).await;

    let cloud = stack.workspace.connect().await.expect("the sandbox");
    let (clients, _) = cloud.clients(&"us-east-1".into());
    let instance = stack.source();
    let change = clients.rds.modify_db_instance().db_instance_identifier(&instance.identifier);
    let change = change.master_user_password(NEW_PASSWORD).apply_immediately(true);
    intended("rds:ModifyDBInstance", change.send()).await.expect("the password is changed");
    until("the old password is refused", async || old.connect().await.is_err()).await;
    let new = old.clone().with_user(old.user.clone(), NEW_PASSWORD);
    let admin = new.connect().await.expect("the new password is accepted");
    // Connections that are open stay: "DMS reads the secret when it connects".
    client.batch_execute("INSERT INTO payments VALUES (2)").await.expect("the session lives on");
    until("the change arrives", async || rows(&target, "payments").await == 2).await;

    let dropped = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'aws-dms%'";
    let ended = admin.query(dropped, &[]).await.expect("the sessions of the task end");
    assert!(!ended.is_empty(), "the task has sessions");
    let log = || super::harness::logs(&directory.path().join("rehearsal"));
    until("the task is refused", async || log().contains("password authentication failed")).await;
    assert!(!log().contains(NEW_PASSWORD) && !log().contains(old.password.reveal()), "{}", log());
    admin.batch_execute("INSERT INTO payments VALUES (3)").await.unwrap();

    // A task that runs keeps the password that it was started with. With the new one, it resumes, and nothing is lost.
    let secret = stack.world(|world| {
        let all = world.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        let found = all
            .clone()
            .find(|secret| world.database_of_secret(&secret.arn).is_some_and(|one| one.host == instance.host));
        let found = found.expect("the secret");
        (found.arn.clone(), found.version("AWSCURRENT").expect("its value").1.value.clone())
    });
    let value = secret.1.replace(&format!("\"{}\"", old.password.reveal()), &format!("\"{NEW_PASSWORD}\""));
    let put = clients.secrets.put_secret_value().secret_id(&secret.0).secret_string(value);
    intended("secretsmanager:PutSecretValue", put.send()).await.expect("the secret is changed");
    assert_eq!(rows(&target, "payments").await, 2, "the task does not connect");
    unattended::stop_replication(&stack.workspace, Events::nowhere()).await.expect("the replication stops");
    unattended::start_replication(&stack.workspace, Events::nowhere()).await.expect("the replication resumes");
    until("the last row arrives", async || rows(&target, "payments").await == 3).await;
}
