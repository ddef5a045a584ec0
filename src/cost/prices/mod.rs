//! The table of prices: a dated file, of which one is part of the program.

mod keys;
mod parse;
mod table;

use std::path::Path;

use infra_base::file::read_input;

pub use keys::{GlobalPrice, InstancePrice, Price, Usage};
pub use parse::{Mistake, PriceTableError};
pub use table::Prices;

use crate::money::{Money, Quantity, Range};

/// The table that is part of the program, `config/prices.toml`.
const INCLUDED: &str = include_str!("../../../config/prices.toml");

impl Prices {
    /// Returns the table that is part of the program.
    ///
    /// # Errors
    /// The table has mistakes; a test prevents that.
    pub fn included() -> Result<Self, PriceTableError> {
        Self::parse("built-in", INCLUDED)
    }

    /// Reads a table from a file.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes: all of them, with their positions.
    pub fn read(path: &Path) -> Result<Self, PriceTableError> {
        let text =
            read_input(path).map_err(|source| PriceTableError::Read { path: path.display().to_string(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses the text of a table; `name` is the name of the file in messages.
    ///
    /// # Errors
    /// Returns all mistakes that can be found at once.
    pub fn parse(name: &str, text: &str) -> Result<Self, PriceTableError> {
        parse::parse(name, text)
    }

    /// Returns a price in a region.
    pub fn price(&self, region: &str, price: Price) -> Option<Money> {
        self.regions.get(region)?.prices.get(&price).copied()
    }

    /// Returns the price of an hour of an instance.
    pub fn instance(&self, region: &str, price: InstancePrice, class: &str) -> Option<Money> {
        self.regions.get(region)?.instances.get(&(price, class.to_owned())).copied()
    }

    /// Returns a price that does not depend on the region.
    pub fn global(&self, price: GlobalPrice) -> Option<Money> {
        self.global.get(&price).copied()
    }

    /// Returns how much of something is used each month.
    pub fn usage(&self, usage: Usage) -> Range<Quantity> {
        self.usage.get(&usage).copied().unwrap_or_default()
    }

    /// Returns an amount with the currency: `$1,234.50`.
    pub fn amount(&self, money: Money, decimals: usize) -> String {
        let symbol = if self.currency == "USD" { "$".to_owned() } else { format!("{} ", self.currency) };
        match money.text(decimals).strip_prefix('-') {
            Some(positive) => format!("-{symbol}{positive}"),
            None => format!("{symbol}{}", money.text(decimals)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Option<Money> {
        Money::parse(text)
    }

    #[test]
    fn the_included_table_has_no_mistakes() {
        let prices = Prices::included().expect("a table without mistakes");
        assert!(prices.sources.iter().all(|source| source.starts_with("https://aws.amazon.com/")));
        assert_eq!(prices.price("us-east-1", Price::NatGatewayHour), money("0.045"));
        assert_eq!(prices.instance("us-east-1", InstancePrice::RdsPostgresHour, "db.r5.large"), money("0.25"));
        assert_eq!(prices.global(GlobalPrice::HostedZoneMonth), money("0.5"));
    }

    #[test]
    fn the_region_of_the_defaults_has_every_price() {
        let prices = Prices::included().expect("a table");
        let missing: Vec<_> = Price::ALL.iter().filter(|price| prices.price("us-east-1", **price).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_region_that_is_not_in_the_table_has_no_prices() {
        let prices = Prices::included().expect("a table");
        assert_eq!(prices.price("eu-nowhere-1", Price::NatGatewayHour), None);
        assert_eq!(prices.instance("us-east-1", InstancePrice::DmsHour, "dms.x9.large"), None);
    }

    #[test]
    fn amounts_have_the_currency() {
        let mut prices = Prices::included().expect("a table");
        let amount = money("1234.5").expect("an amount");
        assert_eq!(prices.amount(-amount, 2), "-$1,234.50");
        prices.currency = "CNY".into();
        assert_eq!(prices.amount(amount, 2), "CNY 1,234.50");
    }
}
