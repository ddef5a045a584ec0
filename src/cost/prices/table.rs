//! A table of prices, as a value.

use std::collections::BTreeMap;

use super::keys::{GlobalPrice, InstancePrice, Price, Usage};
use crate::money::{Money, Quantity, Range};

/// The prices of one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RegionPrices {
    pub(super) prices: BTreeMap<Price, Money>,
    pub(super) instances: BTreeMap<(InstancePrice, String), Money>,
}

/// A table of prices, and what is assumed about the usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Where it comes from: a file, or the program.
    pub name: String,
    /// The day of the prices, as `2025-12-31`.
    pub date: String,
    /// The currency: three letters.
    pub currency: String,
    /// The pages that the prices are from.
    pub sources: Vec<String>,
    pub(super) usage: BTreeMap<Usage, Range<Quantity>>,
    pub(super) global: BTreeMap<GlobalPrice, Money>,
    pub(super) regions: BTreeMap<String, RegionPrices>,
}
