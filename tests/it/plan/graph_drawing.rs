//! `graph`: a deterministic and complete picture.

use crate::harness::workspace::Workspace;

fn drawn(workspace: &Workspace, arguments: &str) -> String {
    let output = workspace.run(&format!("graph --sandbox {arguments}"));
    assert!(output.status.success(), "{}", workspace.format_output(&output, arguments));
    String::from_utf8(output.stdout).expect("text")
}

const PART: &str = "--env source --target source/network/public-?";

#[test]
fn a_part_in_dot() {
    insta::assert_snapshot!(drawn(&Workspace::new(), &format!("{PART} --format dot")));
}

#[test]
fn a_part_in_mermaid() {
    insta::assert_snapshot!(drawn(&Workspace::new(), &format!("{PART} --format mermaid")));
}

#[test]
fn a_part_in_svg() {
    insta::assert_snapshot!(drawn(&Workspace::new(), &format!("{PART} --format svg")));
}

#[test]
fn the_whole_stack_is_drawn_the_same_every_time() {
    let workspace = Workspace::new();
    for format in ["dot", "mermaid", "svg", "json"] {
        let arguments = format!("--format {format}");
        assert_eq!(drawn(&workspace, &arguments), drawn(&workspace, &arguments), "{format}");
    }
    let json: serde_json::Value = serde_json::from_str(&drawn(&workspace, "--format json")).expect("JSON");
    let nodes = json["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 187);
    let path: Vec<&str> =
        nodes.iter().filter(|node| node["critical"] == true).filter_map(|node| node["address"].as_str()).collect();
    // The task of the fallback takes as long as that of the replication.
    assert!(path.len() > 3 && path.contains(&"target/replication/fallback-task"), "{path:?}");
    // Every box of the SVG is inside the picture, and no two overlap.
    let svg = drawn(&workspace, "--format svg");
    let number = |text: &str, key: &str| -> f64 {
        let rest = &text[text.find(key).expect(key) + key.len()..];
        rest[..rest.find('"').expect("a quote")].parse().expect("a number")
    };
    let (width, height) = (number(&svg, "width=\""), number(&svg, "height=\""));
    let boxes: Vec<(f64, f64)> =
        svg.split("</title><rect ").skip(1).map(|part| (number(part, "x=\""), number(part, "y=\""))).collect();
    assert_eq!(boxes.len(), 187);
    for (at, one) in boxes.iter().enumerate() {
        assert!(one.0 >= 0.0 && one.0 + 250.0 <= width && one.1 >= 0.0 && one.1 + 34.0 <= height, "{one:?}");
        assert!(
            boxes[at + 1..].iter().all(|other| (one.0 - other.0).abs() >= 250.0 || (one.1 - other.1).abs() >= 34.0),
            "{one:?}"
        );
    }
}

#[test]
fn planned_changes_are_coloured() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --target source/network/vpc --sandbox -y").status.success());
    let json: serde_json::Value =
        serde_json::from_str(&drawn(&workspace, &format!("{PART} --plan --format json"))).expect("JSON");
    let action = |address: &str| {
        let nodes = json["nodes"].as_array().expect("nodes");
        nodes.iter().find(|node| node["address"] == address).expect(address)["action"].clone()
    };
    assert_eq!((action("source/network/vpc"), action("source/network/public-1")), ("none".into(), "create".into()));
}

#[test]
fn a_drawn_plan_refreshes_first() {
    let workspace = Workspace::new();
    assert!(workspace.run("up --target source/network/public-1 --sandbox -y").status.success());
    crate::harness::workspace::edit_world(&workspace, |world| {
        world["regions"]["us-east-1"]["ec2"]["subnets"].as_object_mut().expect("the subnets").clear();
    });
    let action = |arguments: &str| {
        let json: serde_json::Value = serde_json::from_str(&drawn(&workspace, arguments)).expect("JSON");
        let nodes = json["nodes"].as_array().expect("nodes").clone();
        nodes.iter().find(|node| node["address"] == "source/network/public-1").expect("it is drawn")["action"].clone()
    };
    assert_eq!(action(&format!("{PART} --plan --format json")), "create");
    assert_eq!(action(&format!("{PART} --plan --offline --format json")), "none");
    assert_eq!(action(&format!("{PART} --plan --offline --format json --replace source/network/public-1")), "replace");
    let usage = workspace.transcript("graph --replace source/network/public-1");
    assert!(usage.contains("[exit 2]") && usage.contains("--plan"), "{usage}");
}
