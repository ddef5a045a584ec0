//! The table of prices that a command uses.

use std::path::PathBuf;

use clap::Args;
use infra_cost::{PriceTableError, Prices};

use super::error::{CliError, Exit};

/// Which prices a command uses.
#[derive(Debug, Args)]
pub struct PricesArgs {
    /// Use the prices in this file instead of the built-in ones; see docs/cost.md.
    #[arg(long, value_name = "FILE", env = "MIGRATE_INFRA_PRICES")]
    prices: Option<PathBuf>,
}

impl PricesArgs {
    /// Reads the table.
    pub(in crate::cli) fn read(&self) -> Result<Prices, CliError> {
        self.prices.as_deref().map_or_else(Prices::included, Prices::read).map_err(CliError::from)
    }
}

impl From<PriceTableError> for CliError {
    fn from(error: PriceTableError) -> Self {
        let base = Self::of(Exit::Usage, &error).nothing_changed();
        match error {
            PriceTableError::Read { .. } => base.hint("without `--prices`, the built-in prices are used"),
            PriceTableError::Mistakes(all) => base
                .because_all(all.iter().map(ToString::to_string))
                .hint("docs/cost.md describes the table; config/prices.toml is the built-in one"),
        }
    }
}
