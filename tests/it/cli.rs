//! The program as a user runs it: arguments, output, exit codes, and what bad input does.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use migrate_infra::config::Layout;
use migrate_infra::state::Lock;
use tempfile::TempDir;

/// A directory of its own, with the default configuration.
pub struct Place {
    directory: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::with("config/migration.toml")
    }

    /// A directory with another configuration in the place of the default one.
    pub fn with(file: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(place.path().join("config")).expect("config/");
        fs::copy(file, place.path().join("config/migration.toml")).expect("the configuration");
        place
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces text in the configuration.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.path().join("config/migration.toml");
        let text = fs::read_to_string(&path).expect("the configuration");
        assert!(text.contains(from), "the configuration has no `{from}`");
        fs::write(&path, text.replacen(from, to, 1)).expect("the configuration");
    }

    /// The program, with nothing of the tester's own environment that could lead it to AWS.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate-infra"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).env_clear();
        command.env("HOME", self.path()).env("USER", "tester").env("PATH", "/usr/bin:/bin").env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Runs the program and returns all that it says, without what changes from run to run.
    pub fn told(&self, arguments: &str) -> String {
        self.tell(&self.run(arguments), arguments)
    }

    pub fn tell(&self, output: &Output, arguments: &str) -> String {
        let text = format!(
            "$ migrate-infra {arguments}\n[exit {}]\n--- stdout\n{}--- stderr\n{}",
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        text.replace(&self.path().display().to_string(), "[DIR]")
    }

    pub fn state(&self) -> std::path::PathBuf {
        self.path().join(".migrate-infra/sandbox/payment-migration-dev-001")
    }
}

macro_rules! assert_told {
    ($told:expr) => {
        insta::with_settings!({
            filters => vec![
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
                (r"process \d+", "process [PID]"),
                (r"by \S+ on \S+, process", "by [USER] on [HOST], process"),
                (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[UUID]"),
                // The sandbox counts ids in the order of the calls, which differs from run to run.
                (r"[0-9a-f]{16,17}\b", "[ID]"),
                (r"-001-[0-9a-f]{6}\b", "-001-[ID]"),
                (r"\.c[0-9a-f]{11}\.", ".[ID]."),
                (r"-001-\d+\.us", "-001-[ID].us"),
                (r"(?m)[ ]+$", ""),
            ],
            omit_expression => true,
            prepend_module_to_snapshot => false,
        }, { insta::assert_snapshot!($told) })
    };
}

#[test]
fn bad_config_wrong_type() {
    let place = Place::new();
    place.edit("allocated_storage_gb = 100", "allocated_storage_gb = \"100\"");
    assert_told!(place.told("up --sandbox -y"));
    assert!(!place.path().join(".migrate-infra").exists());
}

#[test]
fn bad_config_unknown_key() {
    let place = Place::new();
    place.edit("multi_az = false", "multiaz = false");
    assert_told!(place.told("up --sandbox -y"));
}

#[test]
fn bad_config_several_mistakes_at_once() {
    let place = Place::new();
    place.edit("multi_az = false", "multi_az = 3");
    place.edit("rotation_days = 30", "rotation_days = 0");
    place.edit("nat_gateways = \"one\"", "nat_gateways = \"two\"");
    assert_told!(place.told("config check"));
}

#[test]
fn bad_config_overlapping_ranges() {
    let place = Place::new();
    place.edit("vpc_cidr = \"10.1.0.0/16\"", "vpc_cidr = \"10.0.128.0/20\"");
    assert_told!(place.told("up --sandbox -y"));
}

#[test]
fn bad_config_suffix_that_makes_a_name_too_long() {
    let place = Place::new();
    assert_told!(place.told("up --sandbox -y --suffix a-suffix-that-is-far-too-long"));
    assert!(!place.path().join(".migrate-infra").exists());
}

#[test]
fn bad_config_region_that_does_not_exist() {
    let place = Place::new();
    place.edit("region = \"us-east-1\"", "region = \"us-esat-1\"");
    assert_told!(place.told("up --sandbox -y"));
}

#[test]
fn bad_config_not_toml() {
    let place = Place::new();
    place.edit("[network]", "[network");
    assert_told!(place.told("plan"));
}

#[test]
fn no_config() {
    let place = Place::new();
    assert_told!(place.told("plan --config nowhere.toml"));
}

#[test]
fn an_override_that_is_wrong_says_where_it_comes_from() {
    let place = Place::new();
    let output = place.command("plan --set database.allocated_storage_gb=lots").env("MIGRATE_INFRA_DATABASE__MULTI_AZ", "maybe").output().unwrap();
    assert_told!(place.tell(&output, "plan --set database.allocated_storage_gb=lots"));
}

#[test]
fn overrides_count_more_than_the_file() {
    let place = Place::new();
    let output = place
        .command("config show --output json --set database.name=fromset --suffix s2")
        .env("MIGRATE_INFRA_DATABASE__NAME", "fromenv")
        .env("MIGRATE_INFRA_SECRETS__ROTATION_DAYS", "9")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["stack"]["suffix"], "s2");
    assert_eq!(shown["environments"]["source"]["database"]["name"], "fromset");
    assert_eq!(shown["environments"]["source"]["secrets"]["rotation_days"], 9);
}

#[test]
fn a_section_inside_an_environment_counts_for_that_one_alone() {
    let place = Place::new();
    let output = place.run("config show --output json --set environments.target.database.multi_az=true");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["environments"]["source"]["database"]["multi_az"], false);
    assert_eq!(shown["environments"]["target"]["database"]["multi_az"], true);
}

#[test]
fn unwritable_state_directory() {
    let place = Place::new();
    fs::write(place.path().join("a-file"), "").unwrap();
    assert_told!(place.told("up --env source --sandbox -y --state-dir a-file/state"));
}

#[test]
fn damaged_journal_line_in_the_middle() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    // The journal is empty after a run that ended; put back what a killed one leaves, and damage its second line.
    let state: serde_json::Value = serde_json::from_str(&fs::read_to_string(place.state().join("state.json")).unwrap()).unwrap();
    let seq = state["seq"].as_u64().unwrap();
    let line = |offset: u64, command: &str| {
        let record = migrate_infra::state::Record::RunStarted {
            run: "r".into(),
            command: command.into(),
            environments: [].into(),
            version: "0".into(),
            at: "t".into(),
        };
        migrate_infra::state::Line { seq: seq + offset, record }.encode()
    };
    let damaged = line(2, "down").replace("down", "dawn");
    let journal = format!("{}{damaged}{}", line(1, "up"), line(3, "up"));
    fs::write(place.state().join("journal.jsonl"), &journal).unwrap();
    assert_told!(place.told("down --sandbox -y"));
    assert_eq!(fs::read_to_string(place.state().join("journal.jsonl")).unwrap(), journal, "the damaged journal was touched");
}

#[test]
fn state_of_a_newer_version() {
    let place = Place::new();
    fs::create_dir_all(place.state()).unwrap();
    let newer = r#"{"format": 99, "something": "else"}"#;
    fs::write(place.state().join("state.json"), newer).unwrap();
    assert_told!(place.told("up --env source --sandbox -y"));
    assert_eq!(fs::read_to_string(place.state().join("state.json")).unwrap(), newer);
}

#[test]
fn lock_held_by_a_live_process() {
    let place = Place::new();
    let _lock = Lock::take(&place.state(), "up").unwrap();
    assert_told!(place.told("up --env source --sandbox -y"));
}

#[test]
fn unlock_shows_the_holder_and_takes_the_lock_away_by_force() {
    let place = Place::new();
    assert!(place.told("unlock --sandbox").contains("nobody holds the lock"));
    let lock = Lock::take(&place.state(), "up").unwrap();
    assert_told!(place.told("unlock --sandbox"));
    let forced = place.told("unlock --sandbox --force -y");
    assert!(forced.contains("[exit 0]") && forced.contains("the lock is free"), "{forced}");
    assert!(lock.lease().check().is_err(), "the old holder may still write");
    assert!(place.run("up --env source --sandbox -y").status.success());
}

#[test]
fn a_protected_environment_is_not_taken_down() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    place.edit("protect = false", "protect = true");
    assert_told!(place.told("down --sandbox -y"));
    let all = place.run("up --env source --sandbox -y");
    assert!(String::from_utf8_lossy(&all.stdout).contains("nothing to do"), "something was deleted");
}

#[test]
fn a_protected_address_is_not_taken_down() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    place.edit("[state]", "[resources.\"source/database-source/*\"]\nprotect = true\n\n[state]");
    assert_told!(place.told("down --sandbox -y"));
    assert!(place.run("down --sandbox -y --set resources.'source/database-source/*'.protect=false").status.code() != Some(0));
}

#[test]
fn a_protection_that_matches_nothing_is_a_mistake() {
    let place = Place::new();
    place.edit("[state]", "[resources.\"source/databse-source/instance\"]\nprotect = true\n\n[state]");
    assert_told!(place.told("up --sandbox -y"));
}

#[test]
fn a_rollback_leaves_what_is_protected() {
    let place = Place::new();
    crate::interrupt::killed_under_way(&place);
    place.edit("protect = false", "protect = true");
    let told = place.told("rollback --sandbox -y");
    assert!(told.contains("[exit 5]") && told.contains("environments.source.protect"), "{told}");
}

#[test]
fn bad_config_of_a_shared_state() {
    let place = Place::new();
    place.edit("backend = \"local\"", "backend = \"s3\"");
    assert_told!(place.told("up -y"));
    place.edit("bucket = \"\"", "bucket = \"Payments_State\"");
    assert_told!(place.told("up -y"));
    place.edit("Payments_State", "payment-logs-source-source-dev-001-111122223333-us-east-1");
    assert_told!(place.told("up -y"));
}

/// As root, nothing is read-only; so the program runs as nobody then.
#[test]
fn a_state_directory_that_may_not_be_written() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let program = place.path().join("migrate-infra");
    fs::copy(env!("CARGO_BIN_EXE_migrate-infra"), &program).unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let locked = place.path().join("locked");
    fs::create_dir(&locked).unwrap();
    open(&locked, 0o555);
    open(place.path(), 0o755);
    let mut command = Command::new(&program);
    command.args(["up", "--env", "source", "--sandbox", "-y", "--state-dir", "locked"]).current_dir(place.path()).env_clear();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    assert_told!(place.tell(&output, "up --env source --sandbox -y --state-dir locked"));
}

#[test]
fn no_credentials() {
    let place = Place::new();
    assert_told!(place.told("up --env source -y"));
}

#[test]
fn unreachable_endpoint() {
    let place = Place::new();
    let mut command = place.command("up --env source -y --endpoint-url http://127.0.0.1:1");
    let output = command.env("AWS_ACCESS_KEY_ID", "111122223333").env("AWS_SECRET_ACCESS_KEY", "test").output().unwrap();
    assert_told!(place.tell(&output, "up --env source -y --endpoint-url http://127.0.0.1:1"));
}

#[test]
fn unknown_environment() {
    assert_told!(Place::new().told("plan --env sauce"));
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let place = Place::new();
    assert_told!(place.told("down --sandbox"));
}

#[test]
fn init_leaves_an_existing_file_alone() {
    let place = Place::new();
    assert_told!(place.told("init"));
}

#[test]
fn the_configurations_are_what_init_writes() {
    for (file, layout) in [("config/migration.toml", Layout::Paired), ("config/self-contained.toml", Layout::SelfContained)] {
        assert_eq!(fs::read_to_string(file).unwrap(), migrate_infra::config::template(layout), "run `just generate`");
    }
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string("config/schema.json").unwrap()).unwrap();
    assert_eq!(schema, migrate_infra::config::schema(), "run `just generate`");
}

#[test]
fn help_of_every_command() {
    let place = Place::new();
    let mut all = String::new();
    for arguments in [
        "",
        "init",
        "config",
        "config check",
        "config show",
        "config schema",
        "plan",
        "up",
        "rollback",
        "orphans",
        "state rebuild",
        "status",
        "outputs",
        "down",
        "state",
        "state list",
        "state show",
    ] {
        let output = place.run(&format!("{arguments} --help"));
        assert!(output.status.success(), "{arguments} --help");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The global options are the same everywhere: they are looked at once.
        let text = if arguments.is_empty() {
            text
        } else {
            text.split("Global options:").enumerate().filter(|(part, _)| *part == 0).map(|(_, text)| text).collect()
        };
        all.push_str(&format!("==== {arguments} --help\n{text}\n"));
        let leads_on = ["", "config", "state"].contains(&arguments);
        assert!(leads_on || String::from_utf8_lossy(&output.stdout).contains("Example:"), "`{arguments} --help` has no example");
    }
    assert_told!(all);
}

#[test]
fn the_sandbox_is_kept_between_commands() {
    let place = Place::new();
    let up = place.run("up --env source --sandbox -y");
    assert!(up.status.success(), "{}", place.tell(&up, "up"));
    assert_told!(place.told("status --sandbox"));
    assert_told!(place.told("outputs --sandbox"));
    let again = place.run("up --env source --sandbox -y --output json");
    let finished: serde_json::Value = String::from_utf8_lossy(&again.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|event| event["event"] == "run_finished")
        .unwrap();
    assert_eq!(finished["mutations"], 0, "a second up changed something");
    let down = place.run("down --sandbox -y");
    assert!(down.status.success(), "{}", place.tell(&down, "down"));
    let status = place.told("status --sandbox");
    assert!(status.contains("nothing of `payment-migration/dev-001` exists"), "{status}");
    assert_told!(place.told("down --sandbox -y"));
}

#[test]
fn plan_of_the_source_environment() {
    assert_told!(Place::new().told("plan --env source"));
}

#[test]
fn plan_tells_by_exit_code_when_asked() {
    let place = Place::new();
    assert_eq!(place.run("plan --env source --exit-code").status.code(), Some(4));
    assert_eq!(place.run("plan --env source").status.code(), Some(0));
}

#[test]
fn an_endpoint_in_the_environment_does_not_keep_the_sandbox_from_working() {
    let place = Place::new();
    let output = place.command("up --env source --sandbox -y").env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").output().unwrap();
    assert!(output.status.success(), "{}", place.tell(&output, "up --env source --sandbox -y"));
}

#[test]
fn a_changed_region_orphaned_the_environment_and_is_refused() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    let before = fs::read(place.state().join("state.json")).unwrap();
    let refused = place.run("up --env source --sandbox -y --set environments.source.region=eu-west-1");
    assert_eq!(refused.status.code(), Some(3), "{}", place.tell(&refused, "up"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another region"));
    assert_eq!(fs::read(place.state().join("state.json")).unwrap(), before);
}

#[test]
fn deletion_protection_was_found_out_after_everything_else_was_deleted() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y --set database.deletion_protection=true").status.success());
    let refused = place.run("down --sandbox -y --set database.deletion_protection=true");
    assert_eq!(refused.status.code(), Some(3), "{}", place.tell(&refused, "down"));
    assert!(place.told("status --sandbox").contains("all of them ready"));
    let down = place.run("down --sandbox -y --set database.deletion_protection=false");
    assert!(down.status.success(), "{}", place.tell(&down, "down"));
}

#[test]
fn storage_that_should_shrink_was_recorded_as_shrunk() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    let shrunk = place.run("up --env source --sandbox -y --set database.allocated_storage_gb=50");
    assert_eq!(shrunk.status.code(), Some(3), "{}", place.tell(&shrunk, "up"));
    assert!(String::from_utf8_lossy(&shrunk.stderr).contains("can not shrink"));
}

#[test]
fn a_reader_of_standard_error_that_goes_away_stopped_the_run() {
    let place = Place::new();
    let mut child =
        place.command("up --env source --sandbox -y").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_environment_variable_that_is_not_text_stopped_the_program() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let output = place.command("plan --env source").env("ODD", std::ffi::OsStr::from_bytes(b"\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", place.tell(&output, "plan"));
}

#[test]
fn a_whole_last_line_of_a_later_version_was_cut_off() {
    let place = Place::new();
    assert!(place.run("up --env source --sandbox -y").status.success());
    let text = r#"{"seq":99999,"record":"teleported"}"#;
    let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
    fs::write(place.state().join("journal.jsonl"), &line).unwrap();
    assert_eq!(place.run("up --env source --sandbox -y").status.code(), Some(6));
    assert_eq!(fs::read_to_string(place.state().join("journal.jsonl")).unwrap(), line);
}

#[test]
fn a_number_is_taken_as_text_where_the_key_wants_text() {
    let place = Place::new();
    let output = place.run("config show --output json --set database.engine_version=17");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["environments"]["source"]["database"]["engine_version"], "17");
}

#[test]
fn what_config_show_prints_is_a_configuration() {
    let place = Place::new();
    let shown = place.run("config show --set database.name=other");
    fs::write(place.path().join("shown.toml"), &shown.stdout).unwrap();
    let check = place.run("config check --config shown.toml");
    assert!(check.status.success(), "{}", place.tell(&check, "config check"));
}
