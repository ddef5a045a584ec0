//! What `just dist` makes, as far as that needs no build.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

fn list_of_crates(target: &str) -> Value {
    let output = Command::new("python3").args([".cargo/sbom", target]).env("SOURCE_DATE_EPOCH", "1764633600").output();
    let output = output.expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_list_of_crates_names_each_with_its_licence_and_checksum() {
    for target in TARGETS {
        let list = list_of_crates(target);
        assert_eq!(list["specVersion"], "1.6");
        assert_eq!(list["metadata"]["timestamp"], "2025-12-02T00:00:00Z");
        assert_eq!(list["metadata"]["component"]["name"], "migrate-infra");
        let crates = list["components"].as_array().expect("a list");
        assert!(crates.len() > 200, "{} crates", crates.len());
        for one in crates {
            let expression = one["licenses"][0]["expression"].as_str().unwrap_or_default();
            assert!(!expression.is_empty() && !expression.contains('/'), "{one}");
            let is_own = one["name"].as_str().is_some_and(|name| name.starts_with("infra-"));
            assert_eq!(one["hashes"][0]["content"].as_str().map(str::len), (!is_own).then_some(64), "{one}");
        }
        let has = |name: &str| crates.iter().any(|one| one["name"] == name);
        assert!(has("aws-sdk-ec2") && has("infra-core") && has("ring"));
        assert!(!has("criterion") && !has("insta"), "only tests need them");
        // Nothing that would have to be on the machine of the user.
        let foreign = ["openssl-sys", "aws-lc-sys", "native-tls", "libz-sys", "zstd-sys"];
        assert!(!foreign.into_iter().any(has), "a static binary has its own");
    }
}

#[test]
fn what_is_packed_exists() {
    let manifest = std::fs::read_to_string("Cargo.toml").expect("the manifest");
    let manifest: toml::Value = toml::from_str(&manifest).expect("TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("the assets");
    let built = ["target/release/", "target/dist-man/"];
    let paths = assets.iter().filter_map(|asset| asset[0].as_str());
    let sources: Vec<&str> = paths.filter(|path| !built.iter().any(|built| path.starts_with(built))).collect();
    assert!(sources.len() > 3, "{sources:?}");
    for path in sources {
        assert!(Path::new(path).exists(), "there is no {path}");
    }
    let script = std::fs::read_to_string(".cargo/dist").expect("the script");
    for target in TARGETS {
        assert!(script.contains(target), "{target}");
    }
}
