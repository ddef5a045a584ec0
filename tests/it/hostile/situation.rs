//! One situation, and what every one of them must satisfy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::workspace::Workspace;

/// The longest time that a command may take, in seconds. It is there to find one that never ends.
const LIMIT_SECONDS: &str = "90";

/// A password that some rows contain.
pub(super) const PASSWORD: &str = "hunter2";

/// What surrounds a command.
#[derive(Default)]
pub(super) struct Arranged {
    /// More arguments.
    pub(super) arguments: String,
    /// Variables of the environment.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Standard output.
    pub(super) output: Option<File>,
}

/// A row of a table.
pub(super) struct Situation {
    /// Its name.
    pub(super) name: &'static str,
    /// Arranges it in a workspace with a source.
    pub(super) arrange: fn(&Workspace) -> Arranged,
    /// The command.
    pub(super) command: &'static str,
    /// Its exit code.
    pub(super) exits: i32,
    /// A part of what it writes.
    pub(super) says: &'static str,
}

impl Situation {
    /// Runs the command in a copy of a workspace.
    fn check(&self, template: &Workspace) {
        let workspace = Workspace::new();
        let copied = Command::new("cp").arg("-a").arg(template.path().join(".")).arg(workspace.path()).status();
        assert!(copied.expect("cp runs").success());
        let arranged = (self.arrange)(&workspace);
        let before = contents(workspace.path());
        let arguments = format!("{} {}", self.command, arranged.arguments);
        let mut command = limited(&workspace.command(&arguments), workspace.path());
        command.envs(arranged.variables);
        if let Some(output) = arranged.output {
            command.stdout(output);
        }
        let output = command.output().expect("the program runs");
        let shown = workspace.format_output(&output, self.command);
        let name = self.name;
        assert_eq!(output.status.code(), Some(self.exits), "{name}: {shown}");
        assert!(shown.contains(self.says), "{name}: `{}` is missing in {shown}", self.says);
        assert!(!shown.contains(PASSWORD), "{name}: a password was shown: {shown}");
        assert!(!shown.contains("panicked") && !shown.contains("RUST_BACKTRACE"), "{name}: {shown}");
        let controls = |char: char| {
            (char.is_control() && char != '\n' && char != '\t')
                || ('\u{202a}'..='\u{202e}').contains(&char)
                || ('\u{2066}'..='\u{2069}').contains(&char)
        };
        assert!(!shown.contains(controls), "{name}: {shown:?}");
        if self.exits != 0 && self.exits != 1 {
            let after = contents(workspace.path());
            let changed: Vec<_> = before.iter().filter(|(path, content)| after.get(*path) != Some(*content)).collect();
            assert!(changed.is_empty(), "{name}: what was refused has changed {}", changed[0].0.display());
        }
    }
}

/// Creates the source.
pub(super) const UP_SOURCE: &str = "up --env source --sandbox --sandbox-timing instant -y";

/// Checks all rows of a table, each in a copy of what `up` creates.
pub(super) fn check(up: &str, situations: &[Situation]) {
    let template = Workspace::new();
    let up = template.run(up);
    assert!(up.status.success(), "{}", template.format_output(&up, "up"));
    let names: std::collections::BTreeSet<_> = situations.iter().map(|situation| situation.name).collect();
    assert_eq!(names.len(), situations.len(), "two rows have one name");
    for situation in situations {
        situation.check(&template);
    }
}

/// Returns the command with a limit of its time.
fn limited(command: &Command, directory: &Path) -> Command {
    let mut limited = Command::new("timeout");
    limited.arg(LIMIT_SECONDS).arg(command.get_program()).args(command.get_args()).current_dir(directory).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}

/// Returns the content of each regular file below a directory, and the inode of everything else. The world of the
/// sandbox has a clock, which every command moves.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        let found = fs::symlink_metadata(&path).expect("it exists");
        let moves = path.ends_with("world.json") || path.extension().is_some_and(|extension| extension == "lock");
        match (found.is_dir(), found.is_file()) {
            (true, _) => all.extend(contents(&path)),
            (_, true) if !moves => drop(all.insert(path.clone(), fs::read(&path).expect("a file"))),
            (_, true) => {}
            _ => drop(all.insert(path, found.ino().to_string().into_bytes())),
        }
    }
    all
}
