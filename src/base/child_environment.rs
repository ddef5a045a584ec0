//! The environment of a program that the configuration names: not more than it needs.

use std::ffi::OsString;

use wildmatch::WildMatch;

/// Variables and their values.
pub type Environment = Vec<(OsString, OsString)>;

/// The variables that every such program gets: where programs and files are, and the language of its messages. None of
/// them is a secret.
pub const ALWAYS_PASSED: [&str; 8] = ["HOME", "LANG", "LC_*", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"];

/// Returns the variables that a program gets: those that are always passed, and those that `passed` names. A name can
/// contain `*`.
pub fn child_environment(variables: impl IntoIterator<Item = (OsString, OsString)>, passed: &[String]) -> Environment {
    let names = ALWAYS_PASSED.into_iter().chain(passed.iter().map(String::as_str));
    let names: Vec<WildMatch> = names.map(WildMatch::new).collect();
    let is_passed = |name: &OsString| name.to_str().is_some_and(|name| names.iter().any(|one| one.matches(name)));
    variables.into_iter().filter(|(name, _)| is_passed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(passed: &[&str]) -> Vec<String> {
        let all = ["PATH", "LC_ALL", "LC", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "MIGRATE_INFRA_SOURCE_URL", "PATHS"];
        let all = all.into_iter().map(|name| (name.into(), "value".into()));
        let passed: Vec<String> = passed.iter().map(|name| (*name).to_owned()).collect();
        child_environment(all, &passed).into_iter().map(|(name, _)| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_command_got_the_credentials_and_the_passwords_of_the_whole_environment() {
        assert_eq!(names(&[]), ["PATH", "LC_ALL"]);
        assert_eq!(names(&["AWS_PROFILE"]), ["PATH", "LC_ALL", "AWS_PROFILE"]);
        assert_eq!(names(&["AWS_*"]), ["PATH", "LC_ALL", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]);
    }
}
