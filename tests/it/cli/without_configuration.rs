//! `down` with the state alone: the configuration is missing or broken.

use std::fs;

use crate::harness::workspace::Workspace;

fn with_a_stack() -> Workspace {
    let workspace = Workspace::new();
    let up = workspace.run("up --env source --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    workspace
}

#[test]
fn nothing_could_be_deleted_without_a_usable_configuration() {
    for text in [None, Some("[stack\nname = ")] {
        let workspace = with_a_stack();
        let path = workspace.path().join("config/migration.toml");
        match text {
            None => fs::remove_file(&path).expect("it is removed"),
            Some(text) => fs::write(&path, text).expect("it is written"),
        }
        let down = workspace.transcript("down --env source --sandbox -y");
        assert!(down.contains("[exit 0]") && down.contains("69 resources deleted"), "{down}");
        assert!(down.contains("`payment-migration/dev-001` is deleted as its state describes it"), "{down}");
        assert_eq!(workspace.stable_inventory(), Vec::<String>::new());
    }
}

#[test]
fn a_broken_configuration_that_protects_something_prevents_a_deletion() {
    let workspace = with_a_stack();
    let before = workspace.stable_inventory();
    let broken = "[environments.source]\nprotect = true\nregion = ";
    fs::write(workspace.path().join("config/migration.toml"), broken).expect("it is written");
    let down = workspace.transcript("down --sandbox -y");
    assert!(down.contains("[exit 2]") && down.contains("it protects resources from deletion"), "{down}");
    assert_eq!(workspace.stable_inventory(), before);
}

#[test]
fn of_several_stacks_without_a_configuration_one_has_to_be_selected() {
    let workspace = with_a_stack();
    let up = workspace.run("up --env source --suffix dev-002 --sandbox -y");
    assert!(up.status.success(), "{}", workspace.format_output(&up, "up"));
    fs::remove_file(workspace.path().join("config/migration.toml")).expect("it is removed");
    let both = workspace.transcript("down --sandbox -y");
    assert!(both.contains("[exit 2]"), "{both}");
    assert!(both.contains("`payment-migration/dev-001`, `payment-migration/dev-002`"), "{both}");
    let one = workspace.transcript("down --suffix dev-002 --sandbox -y");
    assert!(one.contains("[exit 0]") && one.contains("`payment-migration/dev-002` is deleted"), "{one}");
    let other = workspace.transcript("down --sandbox -y");
    assert!(other.contains("[exit 0]") && other.contains("`payment-migration/dev-001` is deleted"), "{other}");
}

#[test]
fn a_mistake_in_an_option_is_not_a_broken_configuration() {
    let workspace = with_a_stack();
    let before = workspace.stable_inventory();
    let down = workspace.transcript("down --set stack.nmae=x --sandbox -y");
    assert!(down.contains("[exit 2]") && !down.contains("as its state describes it"), "{down}");
    assert_eq!(workspace.stable_inventory(), before);
}
