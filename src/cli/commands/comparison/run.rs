//! Runs a comparison.

use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::{CliError, Exit};
use crate::cli::options::GlobalOptions;
use crate::cli::ui::ComparisonProgress;
use infra_compare::{CompareError, Comparison, Endpoint, Options};

/// Returns the database of a URL that was given with an option.
pub(in crate::cli::commands) fn endpoint(option: &str, url: &str) -> Result<Endpoint, CliError> {
    Endpoint::parse(url).map_err(|error| {
        CliError::new(Exit::Usage, format!("`{option}` is not the URL of a database: {error}")).nothing_changed()
    })
}

/// Compares two databases, and displays the progress.
pub(in crate::cli::commands) async fn compare(
    options: &GlobalOptions,
    source: Endpoint,
    target: Endpoint,
    comparison: Options,
) -> Result<Result<Comparison, CompareError>, CliError> {
    let progress = ComparisonProgress::start(options);
    let compare = async move || {
        let result = infra_compare::compare(&source, &target, &comparison, &|step| progress.step(step)).await;
        progress.finish();
        result
    };
    in_real_time("the comparison failed", compare).await
}
