//! `man`: the manual pages.

use std::io::Result as IoResult;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::error::{CliError, Exit};
use crate::cli::ui::stdout;
use infra_base::file::{Access, replace};

/// Write the manual pages.
///
/// There is one for each command: `migrate-infra.1`, `migrate-infra-up.1`, `migrate-infra-cutover.1`, … They contain
/// what `--help` shows. Pages that exist are replaced.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra man ~/.local/share/man/man1\n  man migrate-infra-cutover")]
pub struct ManArgs {
    /// The directory. It is created if it does not exist.
    directory: PathBuf,
}

/// The sections that the blocks after the options become, by the beginning of their first lines.
const SECTIONS: [(&str, &str); 3] =
    [("Exit codes", "EXIT STATUS"), ("Example", "EXAMPLES"), ("Try it without", "EXAMPLES")];

pub(in crate::cli) fn run(args: &ManArgs, program: Command) -> Result<u8, CliError> {
    let directory = args.directory.display();
    let mut program = program.disable_help_subcommand(true);
    program.build();
    std::fs::create_dir_all(&args.directory).and_then(|()| write_below(&program, None, &args.directory)).map_err(
        |error| {
            CliError::new(Exit::Failed, format!("cannot write manual pages to {directory}"))
                .because_text(error.to_string())
        },
    )?;
    stdout(&format!("wrote the manual pages to {directory}; `man -l {directory}/{}.1` shows one", program.get_name()));
    Ok(0)
}

/// Writes the page of a command, and those of the commands below it.
fn write_below(command: &Command, parent: Option<&Command>, directory: &Path) -> IoResult<()> {
    let name = page_name(command);
    replace(&directory.join(format!("{name}.1")), page(command, parent)?, Access::Umask)?;
    visible(command).try_for_each(|one| write_below(one, Some(command), directory))
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help")
}

fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command, parent: Option<&Command>) -> IoResult<Vec<u8>> {
    let man = Man::new(command.clone()).manual("migrate-infra");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let usage = command.clone().render_usage().to_string();
    let usages: Vec<&str> = usage.strip_prefix("Usage:").unwrap_or(&usage).lines().map(str::trim).collect();
    let mut synopsis = Roff::new();
    add_lines(&mut synopsis, "SYNOPSIS", &usages.join("\n"));
    synopsis.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if visible(command).next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for block in after.split("\n\n").filter(|block| !block.is_empty()) {
        add_section(&mut roff, block);
    }
    if let Some(parent) = parent {
        roff.control("SH", ["SEE ALSO"]).text([roman(format!("{}(1)", page_name(parent)))]);
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Adds a section whose lines stay as they are.
fn add_lines(roff: &mut Roff, title: &str, lines: &str) {
    roff.control("SH", [title]).control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

/// Adds a block after the options, whose first line says what it is.
fn add_section(roff: &mut Roff, block: &str) {
    let (first, rest) = block.split_once('\n').unwrap_or((block, ""));
    let known = SECTIONS.iter().find(|(begin, _)| first.starts_with(begin));
    let (title, lines) = known.map_or(("NOTES", block), |(_, title)| (*title, rest));
    // Only the indentation of the whole block goes.
    let lines: Vec<&str> = lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    add_lines(roff, title, &lines.join("\n"));
}
