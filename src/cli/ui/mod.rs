//! What the user sees: lines, plans, progress and the dashboard. It displays events and results, and decides nothing.

mod comparison;
mod confirm;
mod cutover_log;
mod dashboard;
mod format;
mod json;
mod keys;
mod log_lines;
mod next_steps;
mod plain;
mod plan_markdown;
mod plan_text;
mod progress;
mod reference;
mod rehearsal_progress;
mod reporter;
mod show;
mod summary;
mod terminal;
mod values;

pub(super) use comparison::ComparisonProgress;
pub(super) use confirm::confirm;
pub(super) use cutover_log::CutoverReporter;
pub(super) use dashboard::restore_terminal;
pub(super) use format::duration;
pub(super) use keys::Keys;
pub(super) use next_steps::{next_commands, next_steps};
pub(super) use plan_markdown::markdown;
pub(super) use plan_text::show_plan;
pub(super) use reference::reference;
pub(super) use rehearsal_progress::RehearsalProgress;
pub(super) use reporter::Reporter;
pub(super) use summary::{DownEnd, UpEnd, end_of_down, end_of_up, output_table, unfinished};
pub(super) use terminal::{LogWriter, colour, finish_stdout, note_failure, stderr, stderr_error, stdout};
pub(super) use values::describe_change;
