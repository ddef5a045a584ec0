//! `--target`: a part of the stack with its dependencies; and `forget`.

use migrate_infra::address::Address;
use migrate_infra::plan::Action;

use crate::harness::backend::Backend;
use crate::harness::sandbox_run::Fixture;
use crate::harness::stacks::source;
use crate::harness::workspace::Workspace;

fn succeed(workspace: &Workspace, arguments: &str) -> String {
    Backend::Sandbox.succeed(workspace, arguments)
}

fn addresses(workspace: &Workspace) -> Vec<String> {
    succeed(workspace, "state list").lines().filter_map(|line| Some(line.split('\t').next()?.to_owned())).collect()
}

#[test]
fn up_includes_the_dependencies_of_a_target_and_reports_what_is_excluded() {
    let workspace = Workspace::new();
    let plan = succeed(&workspace, "plan --target source/network/public-1");
    assert!(plan.contains("2 to create") && plan.contains("excluded"), "{plan}");
    succeed(&workspace, "up --target source/network/public-1 -y");
    assert_eq!(addresses(&workspace), ["source/network/public-1", "source/network/vpc"]);
    succeed(&workspace, "up --env source -y");
    assert_eq!(addresses(&workspace).len(), 69);
}

#[test]
fn a_replaced_target_includes_its_dependents() {
    let workspace = Workspace::new();
    succeed(&workspace, "up --env source -y");
    let before = addresses(&workspace);
    let transcript = succeed(&workspace, "up --target source/service/target-group --set service.port=9090 -y");
    assert!(transcript.contains("resources created or changed"), "{transcript}");
    // The service is deleted and created with its target group.
    assert_eq!(addresses(&workspace), before);
    assert!(!succeed(&workspace, "plan --env source --set service.port=9090").contains("target-group"));
}

#[test]
fn down_includes_the_dependents_of_a_target() {
    let workspace = Workspace::new();
    succeed(&workspace, "up --env source -y");
    let transcript = succeed(&workspace, "down --target source/service/* -y");
    assert!(transcript.contains("resources remain"), "{transcript}");
    let left = addresses(&workspace);
    assert!(!left.is_empty() && left.iter().all(|address| !address.starts_with("source/service/")), "{left:?}");
    assert!(left.iter().any(|address| address == "source/network/vpc"));
    succeed(&workspace, "up --env source -y");
    succeed(&workspace, "down -y");
    assert!(addresses(&workspace).is_empty());
}

#[test]
fn a_targeted_up_keeps_the_undo_log_of_a_failed_up() {
    let workspace = Workspace::new();
    crate::harness::workspace::kill_while_running(&workspace);
    succeed(&workspace, "up --target source/network/vpc -y");
    let transcript = succeed(&workspace, "rollback -y");
    assert!(!transcript.contains("nothing to undo"), "{transcript}");
    assert!(addresses(&workspace).is_empty(), "{:?}", addresses(&workspace));
}

/// It succeeded, so a later failure does not undo it, and the same replacement can be requested again.
#[tokio::test(start_paused = true)]
async fn a_later_rollback_keeps_a_successful_targeted_up() {
    let graph = source(&[]);
    let (vpc, instance) = ("source/network/vpc", "source/database-source/instance");
    let mut fixture = Fixture { targets: instance.to_owned(), ..Fixture::default() };
    fixture.up(&graph).await.must_succeed();
    assert!(
        fixture.state().get(&Address::new(vpc)).is_some() && fixture.state().undo.is_empty(),
        "{:?}",
        fixture.state().undo
    );
    fixture.advance_a_day();
    fixture.replaced = instance.to_owned();
    fixture.up(&graph).await.must_succeed();
    let plan = fixture.plan(&graph, &fixture.state());
    let step = plan.steps.iter().find(|step| step.address.as_str() == instance).expect("it has a step");
    assert!(matches!(step.action, Action::Replace { .. }), "{}", step.reason);
}

#[test]
fn a_target_that_matches_nothing_is_an_error() {
    let workspace = Workspace::new();
    let transcript = workspace.transcript("up --target source/netwrk/vpc --sandbox -y");
    assert!(
        transcript.contains("[exit 2]") && transcript.contains("did you mean `source/network/vpc`?"),
        "{transcript}"
    );
}

#[test]
fn a_forgotten_resource_still_exists_and_is_found_again() {
    let workspace = Workspace::new();
    succeed(&workspace, "up --env source -y");
    let before = Backend::Sandbox.inventory(&workspace, &["us-east-1"]);
    let transcript = succeed(&workspace, "forget source/monitoring/* -y");
    assert!(transcript.contains("they still exist"), "{transcript}");
    assert!(addresses(&workspace).iter().all(|address| !address.starts_with("source/monitoring/")));
    assert_eq!(Backend::Sandbox.inventory(&workspace, &["us-east-1"]), before);
    // The same command again does nothing.
    assert!(succeed(&workspace, "forget source/monitoring/* -y").contains("nothing to forget"));
    let transcript = workspace.transcript("forget source/monitring/dashboard --sandbox -y");
    assert!(transcript.contains("[exit 2]"), "{transcript}");
    succeed(&workspace, "up --env source -y");
    assert_eq!((addresses(&workspace).len(), Backend::Sandbox.inventory(&workspace, &["us-east-1"])), (69, before));
}
