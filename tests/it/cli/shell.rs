//! What a shell expects of a program: completions, manual pages, colours and a log file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use clap::CommandFactory;
use migrate_infra::cli::Cli;

use crate::harness::workspace::Workspace;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns what fish gets for the last word of a command.
fn completed(workspace: &Workspace, words: &str) -> Vec<String> {
    let mut command = workspace.command("--");
    command.env("MIGRATE_INFRA_COMPLETE", "fish").args(words.split(' '));
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    // Behind a tab is what the word means.
    text(&output).lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn commands_options_addresses_and_environments_are_completed() {
    let workspace = Workspace::new();
    assert_eq!(completed(&workspace, "migrate-infra forget source/net"), [""; 0], "nothing exists yet");
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    assert_eq!(completed(&workspace, "migrate-infra cuto"), ["cutover"]);
    assert_eq!(completed(&workspace, "migrate-infra up --rollb"), ["--rollback-on-failure"]);
    assert_eq!(completed(&workspace, "migrate-infra up --env so"), ["source"]);
    assert_eq!(completed(&workspace, "migrate-infra forget source/network/vp"), ["source/network/vpc"]);
    assert_eq!(completed(&workspace, "migrate-infra down --target source/network/vp"), ["source/network/vpc"]);
    let elsewhere = completed(&workspace, "migrate-infra --state-dir elsewhere forget source/network/vp");
    assert_eq!(elsewhere, [""; 0]);
}

#[test]
fn the_script_of_each_shell_asks_the_program() {
    let workspace = Workspace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = workspace.run(&format!("completions {shell}"));
        assert!(output.status.success() && text(&output).contains("MIGRATE_INFRA_COMPLETE"), "{shell}: {output:?}");
    }
    assert!(workspace.transcript("completions cmd").contains("[exit 2]"));
}

/// Returns the names of a command and of those below it, as a manual page has them.
fn pages(command: &clap::Command, name: &str) -> Vec<String> {
    let below = command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help");
    let below = below.flat_map(|one| pages(one, &format!("{name}-{}", one.get_name())));
    std::iter::once(format!("{name}.1")).chain(below).collect()
}

#[test]
fn each_command_has_a_manual_page() {
    let workspace = Workspace::new();
    let written = workspace.transcript("man pages/man1");
    assert!(written.contains("[exit 0]"), "{written}");
    let directory = workspace.path().join("pages/man1");
    let expected = pages(&Cli::command(), "migrate-infra");
    assert!(expected.len() > 40 && expected.contains(&"migrate-infra-cutover-finish.1".to_owned()), "{expected:?}");
    for page in &expected {
        let page = fs::read_to_string(directory.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(page.contains(section), "{section} is not in\n{page}");
        }
    }
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), expected.len());
    let page = |name: &str| fs::read_to_string(directory.join(name)).expect("a page");
    let (program, cutover) = (page("migrate-infra.1"), page("migrate-infra-cutover.1"));
    assert!(program.contains(".SH \"EXIT STATUS\"") && program.contains(".SH EXAMPLES"), "{program}");
    assert!(cutover.contains(".SH EXAMPLES") && cutover.contains(".SH \"SEE ALSO\""), "{cutover}");
    assert!(cutover.contains("\nmigrate\\-infra cutover <COMMAND>\n"), "{cutover}");
    fs::write(workspace.path().join("file"), "").expect("a file");
    let refused = workspace.transcript("man file");
    assert!(refused.contains("[exit 1]") && refused.contains("cannot write manual pages to file"), "{refused}");
}

#[test]
fn colours_follow_the_conventions() {
    let workspace = Workspace::new();
    let has_colours = |arguments: &str, variables: &[(&str, &str)]| {
        let mut command = workspace.command(arguments);
        command.envs(variables.iter().copied());
        text(&command.output().expect("it runs")).contains('\u{1b}')
    };
    let plan = "plan --env source --sandbox";
    assert!(!has_colours(plan, &[]), "standard output is no terminal");
    assert!(has_colours(plan, &[("CLICOLOR_FORCE", "1")]));
    assert!(!has_colours(plan, &[("CLICOLOR_FORCE", "0")]));
    assert!(!has_colours(plan, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!has_colours(&format!("{plan} --no-color"), &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_log_file_has_everything_that_a_run_does() {
    let workspace = Workspace::new();
    let path = workspace.path().join("run.log");
    assert!(workspace.run("up --env source --sandbox -y --log-file run.log").status.success());
    let first = fs::read_to_string(&path).expect("a log");
    for part in [" began", "ec2:CreateVpc", "source/network/vpc: created vpc-", "ended with exit code 0"] {
        assert!(first.contains(part), "{part} is not in\n{first}");
    }
    assert!(first.lines().all(|line| line.starts_with("20")), "each line has a time:\n{first}");
    assert_eq!(fs::metadata(&path).expect("a log").permissions().mode() & 0o777, 0o600);

    // A password would be there, if it were anywhere.
    assert!(!first.contains("SecretString") && !first.to_lowercase().contains("password\":"), "{first}");

    assert_eq!(workspace.run("up --env nowhere --sandbox -y --log-file run.log").status.code(), Some(2));
    let both = fs::read_to_string(&path).expect("a log");
    assert!(both.starts_with(&first), "it is appended to");
    assert!(both.contains("there is no environment") && both.contains("ended with exit code 2"), "{both}");

    let refused = workspace.transcript("status --sandbox --log-file .");
    assert!(refused.contains("[exit 2]") && refused.contains("cannot write the log file ."), "{refused}");
}
