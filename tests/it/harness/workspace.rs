//! A directory in which a test runs the real program, as a user does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::postgres::{PASSWORD, Pair, password_in_urls};
use crate::harness::sandbox_run::Fixture;

/// A temporary directory with a configuration.
pub struct Workspace {
    directory: TempDir,
}

impl Workspace {
    /// Creates a directory with the default configuration.
    pub fn new() -> Self {
        Self::with("config/migration.toml")
    }

    /// Creates a directory with another configuration instead of the default one.
    pub fn with(file: &str) -> Self {
        let workspace = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(workspace.path().join("config")).expect("config/");
        fs::copy(file, workspace.path().join("config/migration.toml")).expect("the configuration");
        workspace
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

    /// Puts the target into another region.
    pub fn move_target(&self, region: &str) {
        let section = |region: &str| {
            format!("[environments.target]\n# Region of all resources in this environment.\nregion = \"{region}\"")
        };
        self.edit(&section("us-east-1"), &section(region));
    }

    /// Removes a part of the configuration: from this text up to that one.
    pub fn remove(&self, from: &str, to: &str) {
        let path = self.path().join("config/migration.toml");
        let mut text = fs::read_to_string(&path).expect("the configuration");
        let range = text.find(from).expect("it begins")..text.find(to).expect("it ends");
        text.replace_range(range, "");
        fs::write(&path, text).expect("the configuration");
    }

    /// Returns a command of the program, without environment variables that could lead it to AWS.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate-infra"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).env_clear();
        command
            .env("HOME", self.path())
            .env("USER", "tester")
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Runs the program and returns its exit code and its output.
    pub fn transcript(&self, arguments: &str) -> String {
        self.format_output(&self.run(arguments), arguments)
    }

    /// Does the same with the URLs of two databases in the environment. The output contains no password.
    pub fn transcript_with(&self, pair: &Pair, arguments: &str) -> String {
        let [source, target] = pair.urls();
        let mut command = self.command(arguments);
        command.env("MIGRATE_INFRA_SOURCE_URL", source).env("MIGRATE_INFRA_TARGET_URL", target);
        let transcript = self.format_output(&command.output().expect("the program runs"), arguments);
        assert!(!transcript.contains(PASSWORD) && !transcript.contains(&password_in_urls()), "{transcript}");
        transcript
    }

    /// Formats the exit code and the output of the program.
    pub fn format_output(&self, output: &Output, arguments: &str) -> String {
        let text = format!(
            "$ migrate-infra {arguments}\n[exit {}]\n--- stdout\n{}--- stderr\n{}",
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        text.replace(&self.path().display().to_string(), "[DIR]")
    }

    /// Returns the directory of the state in the sandbox.
    pub fn state(&self) -> PathBuf {
        self.path().join(".migrate-infra/sandbox/payment-migration-dev-001")
    }

    /// Returns what exists in the sandbox, without what AWS deletes by itself.
    pub fn stable_inventory(&self) -> Vec<String> {
        let path = self.path().join(".migrate-infra/sandbox/world.json");
        let world = fs::read_to_string(path).expect("the world");
        let world = serde_json::from_str(&world).expect("a world");
        Fixture { world, ..Fixture::default() }.stable_inventory()
    }
}

/// Edits the world of the sandbox between two commands.
pub fn edit_world(workspace: &Workspace, edit: impl FnOnce(&mut Value)) {
    let path = workspace.path().join(".migrate-infra/sandbox/world.json");
    let mut world: Value = serde_json::from_str(&fs::read_to_string(&path).expect("the world")).expect("it is JSON");
    edit(&mut world);
    fs::write(&path, serde_json::to_string(&world).expect("it is JSON")).expect("the world");
}

/// An `up` on the fast sandbox.
pub const FAST_UP: &str = "up --env source --sandbox --sandbox-timing fast -y";

/// Starts an `up` on the fast sandbox and returns once something has been created.
pub fn start_and_wait_for_progress(workspace: &Workspace) -> Child {
    wait_for_progress(&mut workspace.command(FAST_UP))
}

/// Starts this command and returns once something has been created.
pub fn wait_for_progress(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
    assert!(lines.any(|line| line.expect("text").contains(": created ")), "nothing was created");
    // The program waits for room in the pipe unless somebody reads.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Sends a signal to a process, by its name without `SIG`.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// Kills an `up` after it has created something.
pub fn kill_while_running(workspace: &Workspace) {
    let mut child = start_and_wait_for_progress(workspace);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
}

/// Compares the output of the program with a snapshot, without what changes from run to run.
macro_rules! assert_transcript {
    ($transcript:expr) => {
        insta::with_settings!({
            filters => vec![
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
                (r"process \d+", "process [PID]"),
                (r"checksum is [0-9a-f]{8}, but its text has [0-9a-f]{8}", "checksum is [SUM], but its text has [SUM]"),
                (r"by \S+ on \S+, process", "by [USER] on [HOST], process"),
                (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[UUID]"),
                // The sandbox numbers ids in the order of the calls, which differs from run to run.
                (r"[0-9a-f]{16,17}\b", "[ID]"),
                (r"-001-[0-9a-f]{6}\b", "-001-[ID]"),
                (r"\.c[0-9a-f]{11}\.", ".[ID]."),
                (r"-001-\d+\.us", "-001-[ID].us"),
                (r"(?m)[ ]+$", ""),
            ],
            omit_expression => true,
            prepend_module_to_snapshot => false,
        }, { insta::assert_snapshot!($transcript) })
    };
}

pub(crate) use assert_transcript;
