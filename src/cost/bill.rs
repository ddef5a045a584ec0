//! What one resource costs, item by item.

use serde::Serialize;

use crate::money::{Money, Quantity, Range};
use crate::prices::{GlobalPrice, InstancePrice, Price, Prices, Usage};

/// What an item costs a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// A fixed amount, as long as it exists.
    Monthly(Money),
    /// It depends on how much is used.
    Usage(Range<Money>),
    /// It costs something, and the table does not say how much: the reason.
    Unknown(String),
}

/// An item of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What is paid for.
    pub what: String,
    /// What it costs a month.
    #[serde(flatten)]
    pub amount: Amount,
}

/// What one resource costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// The items. None: it is free.
    pub items: Vec<Item>,
}

impl Bill {
    /// Returns what is paid each month, whatever is used.
    pub fn monthly(&self) -> Money {
        let fixed = self.items.iter().map(|item| match &item.amount {
            Amount::Monthly(amount) => *amount,
            Amount::Usage(_) | Amount::Unknown(_) => Money::ZERO,
        });
        fixed.fold(Money::ZERO, |sum, amount| sum + amount)
    }

    /// Returns what is paid each month for what is used, in addition.
    pub fn usage(&self) -> Range<Money> {
        let used = self.items.iter().map(|item| match &item.amount {
            Amount::Usage(amount) => *amount,
            Amount::Monthly(_) | Amount::Unknown(_) => Range::default(),
        });
        used.fold(Range::default(), |sum, amount| sum + amount)
    }

    /// Returns what has no known price, and why.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().filter_map(|item| match &item.amount {
            Amount::Unknown(reason) => Some((item.what.as_str(), reason.as_str())),
            Amount::Monthly(_) | Amount::Usage(_) => None,
        })
    }
}

/// Writes the bill of a resource in a region.
pub(crate) struct Writer<'a> {
    /// The prices.
    prices: &'a Prices,
    /// The region.
    region: &'a str,
    /// What was assumed.
    assumed: Vec<Usage>,
    bill: Bill,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(prices: &'a Prices, region: &'a str) -> Self {
        Self { prices, region, assumed: Vec::new(), bill: Bill::default() }
    }

    /// Returns the bill, and the assumptions in it.
    pub(crate) fn finish(self) -> (Bill, Vec<Usage>) {
        (self.bill, self.assumed)
    }

    fn push(&mut self, what: impl Into<String>, amount: Amount) {
        self.bill.items.push(Item { what: what.into(), amount });
    }

    fn missing(&self, price: &str) -> Amount {
        Amount::Unknown(format!("no price `{price}` in {}", self.region))
    }

    /// Adds what is paid each hour.
    pub(crate) fn hourly(&mut self, what: impl Into<String>, price: Price, quantity: Quantity) {
        let found = self.prices.price(self.region, price);
        let amount = found.map(|price| Amount::Monthly(price.times(quantity).hourly_as_monthly()));
        let amount = amount.unwrap_or_else(|| self.missing(price.name()));
        self.push(what, amount);
    }

    /// Adds an instance of a class, which is paid each hour.
    pub(crate) fn instance(&mut self, what: impl Into<String>, price: InstancePrice, class: &str, count: Quantity) {
        let found = self.prices.instance(self.region, price, class);
        let amount = found.map(|price| Amount::Monthly(price.times(count).hourly_as_monthly()));
        let amount = amount.unwrap_or_else(|| self.missing(&format!("{}.\"{class}\"", price.name())));
        self.push(what, amount);
    }

    /// Adds what is paid each month.
    pub(crate) fn monthly(&mut self, what: impl Into<String>, price: Price, quantity: Quantity) {
        self.monthly_in(self.region, what, price, quantity);
    }

    /// Adds what is paid each month, in another region.
    pub(crate) fn monthly_in(&mut self, region: &str, what: impl Into<String>, price: Price, quantity: Quantity) {
        let found = self.prices.price(region, price).map(|price| Amount::Monthly(price.times(quantity)));
        let missing = || Amount::Unknown(format!("no price `{}` in {region}", price.name()));
        self.push(what, found.unwrap_or_else(missing));
    }

    /// Adds what is paid each month, in whatever region.
    pub(crate) fn global(&mut self, what: impl Into<String>, price: GlobalPrice, quantity: Quantity) {
        let amount = match self.prices.global(price) {
            Some(price) => Amount::Monthly(price.times(quantity)),
            None => Amount::Unknown(format!("no price `global.{}`", price.name())),
        };
        self.push(what, amount);
    }

    /// Adds what depends on how much is used. Each unit of the usage is `quantity` units of the price.
    pub(crate) fn used(&mut self, what: impl Into<String>, price: Price, usage: Usage, quantity: Quantity) {
        self.assumed.push(usage);
        let range = self.prices.usage(usage).map(|used| used.times(quantity));
        let found = self.prices.price(self.region, price);
        let amount = found.map(|price| Amount::Usage(range.map(|used| price.times(used))));
        let amount = amount.unwrap_or_else(|| self.missing(price.name()));
        self.push(what, amount);
    }

    /// Adds what is paid each hour, for none to so many.
    pub(crate) fn up_to(&mut self, what: impl Into<String>, price: Price, most: Quantity) {
        let found = self.prices.price(self.region, price);
        let most = |price: Money| Range { low: Money::ZERO, high: price.times(most).hourly_as_monthly() };
        let amount = found.map(|price| Amount::Usage(most(price)));
        let amount = amount.unwrap_or_else(|| self.missing(price.name()));
        self.push(what, amount);
    }

    /// Adds what has no known price.
    pub(crate) fn unknown(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.push(what, Amount::Unknown(reason.into()));
    }
}
