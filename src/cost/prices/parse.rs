//! Parses a table of prices. All mistakes are reported at once, each with its position.

use std::collections::BTreeMap;
use std::fmt;

use infra_base::terminal_text::inline;
use toml_edit::{Document, Item, Table, Value};

use super::keys::{GlobalPrice, InstancePrice, Price, Usage};
use super::table::{Prices, RegionPrices};
use crate::money::{Money, Quantity, Range};

/// A mistake in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", inline(&self.file), self.line, self.column, inline(&self.message))
    }
}

/// The reason why a table of prices could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceTableError {
    /// The file cannot be read.
    #[error("cannot read the price table {path}")]
    Read {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It has mistakes.
    #[error(
        "the price table has {}",
        match .0.len() { 1 => "a mistake".to_owned(), many => format!("{many} mistakes") }
    )]
    Mistakes(Vec<Mistake>),
}

/// Parses the text of a table.
pub(super) fn parse(name: &str, text: &str) -> Result<Prices, PriceTableError> {
    let mut parser = Parser { name, text, mistakes: Vec::new() };
    let document = match Document::parse(text.to_owned()) {
        Ok(document) => document,
        Err(error) => {
            let message = error.message().lines().next().unwrap_or("it is not valid TOML").to_owned();
            parser.mistake(error.span().map_or(0, |span| span.start), message);
            return Err(PriceTableError::Mistakes(parser.mistakes));
        }
    };
    let prices = parser.table(document.as_table());
    match parser.mistakes.is_empty() {
        true => Ok(prices),
        false => {
            parser.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
            Err(PriceTableError::Mistakes(parser.mistakes))
        }
    }
}

struct Parser<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Parser<'_> {
    fn mistake(&mut self, at: usize, message: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.mistakes.push(Mistake { file: self.name.to_owned(), line, column, message: message.into() });
    }

    fn mistake_in(&mut self, item: &Item, message: impl Into<String>) {
        self.mistake(item.span().map_or(0, |span| span.start), message);
    }

    /// Reports a key that no table has, and those that begin with the same word, or all that there are.
    fn unknown_key(&mut self, table: &Table, key: &str, known: &[&str]) {
        let at = table.key(key).and_then(toml_edit::Key::span).map_or(0, |span| span.start);
        let word = |key: &str| key.split('_').next().unwrap_or_default().to_owned();
        let near: Vec<&str> = known.iter().copied().filter(|known| word(known) == word(key)).collect();
        let shown = if near.is_empty() { known } else { &near };
        self.mistake(at, format!("unknown key `{key}`; known are {}", shown.join(", ")));
    }

    fn table(&mut self, root: &Table) -> Prices {
        let mut prices = Prices {
            name: self.name.to_owned(),
            date: String::new(),
            currency: String::new(),
            sources: Vec::new(),
            usage: BTreeMap::new(),
            global: BTreeMap::new(),
            regions: BTreeMap::new(),
        };
        for (key, item) in root {
            match key {
                "date" => prices.date = self.date(item),
                "currency" => prices.currency = self.currency(item),
                "sources" => prices.sources = self.sources(item),
                "usage" => prices.usage = self.usage(item),
                "global" => prices.global = self.global(item),
                "regions" => prices.regions = self.regions(item),
                _ => self.unknown_key(root, key, &["date", "currency", "sources", "usage", "global", "regions"]),
            }
        }
        for key in ["date", "currency", "usage"] {
            if !root.contains_key(key) {
                self.mistake(0, format!("`{key}` is missing"));
            }
        }
        prices
    }

    fn date(&mut self, item: &Item) -> String {
        let moment = item.as_datetime().filter(|moment| moment.time.is_none());
        if moment.is_none() {
            self.mistake_in(item, "`date` must be a day without quotes, such as 2025-12-31");
        }
        moment.map(ToString::to_string).unwrap_or_default()
    }

    fn currency(&mut self, item: &Item) -> String {
        let letters = |text: &&str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let currency = item.as_str().filter(letters);
        if currency.is_none() {
            self.mistake_in(item, "`currency` must be three letters, such as \"USD\"");
        }
        currency.unwrap_or_default().to_owned()
    }

    fn sources(&mut self, item: &Item) -> Vec<String> {
        let sources = item.as_array().map(|all| all.iter().map(|one| one.as_str().map(str::to_owned)));
        sources.and_then(Iterator::collect::<Option<_>>).unwrap_or_else(|| {
            self.mistake_in(item, "`sources` must be a list of addresses of pages");
            Vec::new()
        })
    }

    /// Returns a table, or reports that it is none.
    fn as_table<'t>(&mut self, key: &str, item: &'t Item) -> Option<&'t Table> {
        let table = item.as_table();
        if table.is_none() {
            self.mistake_in(item, format!("`{key}` must be a table, such as `[{key}]`"));
        }
        table
    }

    fn usage(&mut self, item: &Item) -> BTreeMap<Usage, Range<Quantity>> {
        let mut all = BTreeMap::new();
        let Some(table) = self.as_table("usage", item) else { return all };
        for (key, item) in table {
            let Some(usage) = Usage::of(key) else {
                self.unknown_key(table, key, &names(Usage::ALL, Usage::name));
                continue;
            };
            let numbers = item.as_array().map(|range| range.iter().map(quantity).collect::<Vec<_>>());
            match numbers.as_deref() {
                Some([Some(low), Some(high)]) if low <= high => {
                    all.insert(usage, Range { low: *low, high: *high });
                }
                _ => self.mistake_in(item, format!("`{key}` must be a low and a high number, such as [0, 10.5]")),
            }
        }
        // Without an assumption, the usage would be free.
        for usage in Usage::ALL.iter().filter(|usage| !table.contains_key(usage.name())) {
            self.mistake_in(item, format!("`usage.{}` is missing", usage.name()));
        }
        all
    }

    fn global(&mut self, item: &Item) -> BTreeMap<GlobalPrice, Money> {
        let mut all = BTreeMap::new();
        let Some(table) = self.as_table("global", item) else { return all };
        for (key, item) in table {
            match GlobalPrice::of(key) {
                Some(price) => all.extend(self.money(key, item).map(|money| (price, money))),
                None => self.unknown_key(table, key, &names(GlobalPrice::ALL, GlobalPrice::name)),
            }
        }
        all
    }

    fn regions(&mut self, item: &Item) -> BTreeMap<String, RegionPrices> {
        let mut all = BTreeMap::new();
        let Some(table) = self.as_table("regions", item) else { return all };
        for (region, item) in table {
            if let Some(table) = self.as_table(&format!("regions.{region}"), item) {
                all.insert(region.to_owned(), self.region(region, table));
            }
        }
        all
    }

    fn region(&mut self, region: &str, table: &Table) -> RegionPrices {
        let mut all = RegionPrices::default();
        for (key, item) in table {
            if let Some(price) = Price::of(key) {
                all.prices.extend(self.money(key, item).map(|money| (price, money)));
            } else if let Some(price) = InstancePrice::of(key) {
                let classes = self.as_table(&format!("regions.{region}.{key}"), item);
                for (class, item) in classes.into_iter().flatten() {
                    let money = self.money(class, item);
                    all.instances.extend(money.map(|money| ((price, class.to_owned()), money)));
                }
            } else {
                let instances = names(InstancePrice::ALL, InstancePrice::name);
                let known: Vec<&str> = names(Price::ALL, Price::name).into_iter().chain(instances).collect();
                self.unknown_key(table, key, &known);
            }
        }
        all
    }

    fn money(&mut self, key: &str, item: &Item) -> Option<Money> {
        let money = item.as_value().and_then(decimal).and_then(|text| Money::parse(&text));
        if money.is_none() {
            self.mistake_in(item, format!("`{key}` must be a price such as 0.045, with at most 12 decimals"));
        }
        money
    }
}

fn names<K: Copy>(keys: &[K], name: fn(K) -> &'static str) -> Vec<&'static str> {
    keys.iter().map(|key| name(*key)).collect()
}

fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(&decimal(value)?)
}

/// Returns a number as it is written: the shortest text that is read as the same number.
fn decimal(value: &Value) -> Option<String> {
    let float = value.as_float().map(|number| number.to_string());
    float.or_else(|| value.as_integer().map(|number| number.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(change: impl Fn(&str) -> String) -> Vec<String> {
        let usage: String = Usage::ALL.iter().map(|usage| format!("{} = [0, 1]\n", usage.name())).collect();
        let text =
            format!("date = 2025-12-31\ncurrency = \"USD\"\n[regions.r-1]\nsecret_month = 0.4\n[usage]\n{usage}");
        assert!(parse("p.toml", &text).is_ok());
        match parse("p.toml", &change(&text)) {
            Ok(prices) => panic!("no mistake: {prices:?}"),
            Err(PriceTableError::Mistakes(all)) => all.iter().map(ToString::to_string).collect(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn an_unknown_key_has_a_position_and_the_known_ones() {
        let all = mistakes(|text| text.replace("secret_month", "secret_moth"));
        assert_eq!(all, ["p.toml:4:1: unknown key `secret_moth`; known are secret_month, secret_10k_calls"]);
        let all = mistakes(|text| format!("[prices]\n{}", text.replace("date", "prices.date")));
        assert!(all.iter().any(|one| one.contains("unknown key `prices`; known are date, currency")), "{all:?}");
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let all = mistakes(|text| {
            let text = text.replace("0.4", "\"0.4\"").replace("USD", "dollars");
            text.replace("log_gb = [0, 1]", "log_gb = [2, 1]").replace("nat_gb = [0, 1]\n", "")
        });
        let starts =
            ["p.toml:2:12: `currency`", "p.toml:4:16: `secret_month`", "p.toml:5:1: `usage.nat_gb` is missing"];
        for start in starts {
            assert!(all.iter().any(|one| one.starts_with(start)), "{start}: {all:?}");
        }
        assert!(all.iter().any(|one| one.contains("`log_gb` must be a low and a high number")), "{all:?}");
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for price in ["-0.4", "nan", "inf", "1e13", "true", "{}", "[1]"] {
            let all = mistakes(|text| text.replace("= 0.4", &format!("= {price}")));
            assert_eq!(all, ["p.toml:4:16: `secret_month` must be a price such as 0.045, with at most 12 decimals"]);
        }
    }

    #[test]
    fn text_that_is_no_toml_has_a_position() {
        let all = mistakes(|text| text.replace("= 0.4", "= "));
        assert!(matches!(all.as_slice(), [one] if one.starts_with("p.toml:4:")), "{all:?}");
        let all = mistakes(|text| text.replace("date = 2025-12-31", "date = \"today\""));
        assert_eq!(all, ["p.toml:1:8: `date` must be a day without quotes, such as 2025-12-31"]);
    }

    #[test]
    fn a_table_without_a_date_is_refused() {
        let all = mistakes(|text| text.replace("date = 2025-12-31\n", ""));
        assert_eq!(all, ["p.toml:1:1: `date` is missing"]);
    }
}
