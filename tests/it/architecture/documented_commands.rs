//! Commands that the documentation shows exist, with their options.

use std::fs;

use clap::CommandFactory;
use clap::error::ErrorKind;
use migrate_infra::cli::Cli;

use super::layers::files;
use crate::harness::workspace::Workspace;

/// The page with a workflow.
const WORKFLOW: &str = "docs/github-actions.md";

/// Returns the blocks of a page in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

/// Returns the arguments of each call of the program in lines of a shell. `prompt` precedes each line.
fn calls(lines: &str, prompt: &str) -> Vec<Vec<String>> {
    let joined = lines.replace("\\\n", " ");
    let commands = joined.lines().filter_map(|line| line.trim_start().strip_prefix(prompt));
    let calls = commands.filter_map(|line| line.strip_prefix("migrate-infra "));
    calls.map(|line| words(line.split(" #").next().unwrap_or_default())).collect()
}

/// Returns the words of a line up to what belongs to the shell.
fn words(line: &str) -> Vec<String> {
    let is_shell = |word: &&str| ["|", "&&", ";", ">", ">>", "2>", "<"].contains(word);
    line.split_whitespace().take_while(|word| !is_shell(word)).map(|word| word.replace(['\'', '"'], "")).collect()
}

/// Returns why the command line does not accept arguments.
fn refusal(arguments: &[String]) -> Option<String> {
    let all = std::iter::once("migrate-infra".to_owned()).chain(arguments.iter().cloned());
    let error = Cli::command().try_get_matches_from(all).err()?;
    let is_shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    (!is_shown).then(|| format!("migrate-infra {}: {error}", arguments.join(" ")))
}

#[test]
fn each_command_that_a_page_shows_is_accepted() {
    let mut refused = Vec::new();
    let mut number = 0;
    for file in ["docs", "README.md"].into_iter().flat_map(|below| files(below, &["md"])) {
        let page = fs::read_to_string(&file).expect("a page");
        for arguments in blocks(&page, "console").into_iter().flat_map(|block| calls(block, "$ ")) {
            number += 1;
            // A prompt within a line, or an ellipsis, is for people.
            if arguments.iter().any(|word| word.contains("<TAB>") || word.contains('…')) {
                continue;
            }
            refused.extend(refusal(&arguments).map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(number > 10, "the pages show {number} commands");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Returns the commands of the workflow, in their order.
fn commands_of_the_workflow() -> Vec<Vec<String>> {
    let page = fs::read_to_string(WORKFLOW).expect("the page");
    let [workflow] = blocks(&page, "yaml")[..] else { panic!("{WORKFLOW} shows one workflow") };
    calls(&workflow.replace("run: ", ""), "")
}

#[test]
fn the_commands_of_the_workflow_work() {
    let workspace = Workspace::new();
    let commands = commands_of_the_workflow();
    let verbs: Vec<&str> = commands.iter().map(|arguments| arguments[0].as_str()).collect();
    assert_eq!(verbs, ["config", "plan", "up", "outputs"]);
    for arguments in commands {
        assert_eq!(refusal(&arguments), None);
        let shown = workspace.transcript(&format!("{} --sandbox", arguments.join(" ")));
        assert!(shown.contains("[exit 0]"), "{shown}");
    }
    assert!(workspace.transcript("status --sandbox").contains("all of them ready"));
}

#[test]
fn the_workflow_has_the_least_permissions_and_pinned_actions() {
    let page = fs::read_to_string(WORKFLOW).expect("the page");
    let workflow = blocks(&page, "yaml")[0];
    assert!(workflow.contains("\npermissions: {}\n"), "nothing is permitted by default");
    assert!(!workflow.contains("pull_request_target"), "code of a pull request gets no credentials of the branch");
    assert!(!workflow.contains("secrets."), "roles are assumed with OpenID Connect");
    let jobs = workflow.split("\njobs:\n").nth(1).expect("jobs");
    let names: Vec<&str> = jobs.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")).collect();
    for needed in ["    permissions:\n", "    concurrency:\n", "    timeout-minutes:", "      id-token: write\n"] {
        assert_eq!(jobs.matches(needed).count(), names.len(), "each job has {needed}");
    }
    let uses: Vec<&str> = jobs.lines().filter_map(|line| line.trim_start().strip_prefix("- uses: ")).collect();
    assert!(uses.len() > 4, "{uses:?}");
    for used in uses {
        let (action, version) = used.split_once(" # v").unwrap_or_else(|| panic!("{used} does not say its version"));
        let (_, commit) = action.split_once('@').expect("a commit");
        assert!(commit.len() == 40 && commit.chars().all(|char| char.is_ascii_hexdigit()), "{used}");
        assert!(version.starts_with(|char: char| char.is_ascii_digit()), "{used}");
    }
    // A value of the event in a script would be executed.
    let scripts = jobs.split("run: ").skip(1).map(|rest| rest.split("\n      - ").next().unwrap_or_default());
    for script in scripts {
        assert!(!script.contains("${{"), "pass it in a variable: {script}");
    }
}
