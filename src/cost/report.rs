//! The cost of a stack: by address, by environment, and in total.

use std::collections::BTreeMap;

use infra_base::address::Address;
use serde::Serialize;

use crate::bill::{Bill, Item};
use crate::model::{bills, why_free};
use crate::money::{Money, Quantity, Range};
use crate::prices::Prices;
use crate::resource::Resource;

/// How many of the most expensive resources a report lists.
const MOST_EXPENSIVE: usize = 5;

/// What a resource costs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its address.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Its region.
    pub region: String,
    /// The fixed amount of an hour.
    pub hourly: Money,
    /// The fixed amount of a month.
    pub monthly: Money,
    /// What is paid each month for what is used, in addition.
    pub usage: Range<Money>,
    /// What is paid for.
    pub items: Vec<Item>,
}

/// What several resources cost together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The fixed amount of an hour.
    pub hourly: Money,
    /// The fixed amount of a month.
    pub monthly: Money,
    /// What is paid each month for what is used, in addition.
    pub usage: Range<Money>,
    /// How many items have no known price, and are not in the amounts.
    pub unknown: usize,
}

impl Total {
    fn add(&mut self, bill: &Bill) {
        self.monthly += bill.monthly();
        self.hourly = self.monthly.monthly_as_hourly();
        self.usage = self.usage + bill.usage();
        self.unknown += bill.unknown().count();
    }
}

/// What was assumed about the usage in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The key in the table.
    pub key: &'static str,
    /// Of what it is the number.
    pub unit: &'static str,
    /// The numbers.
    #[serde(flatten)]
    pub range: Range<Quantity>,
}

/// Resources of a kind that are free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreeKind {
    /// The kind.
    pub kind: String,
    /// How many resources there are.
    pub count: usize,
    /// Why it is free.
    pub why: &'static str,
}

/// The cost of a stack.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The day of the prices.
    pub prices: String,
    /// The file with the prices.
    pub table: String,
    /// The currency.
    pub currency: String,
    /// What each resource costs that is not free, by address.
    pub resources: Vec<Row>,
    /// The resources that are free, by kind.
    pub free: Vec<FreeKind>,
    /// What each environment costs.
    pub environments: BTreeMap<String, Total>,
    /// What all of them cost: the cost while all of them exist.
    pub total: Total,
    /// The addresses of the most expensive resources, by their fixed amounts.
    pub most_expensive: Vec<Address>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
}

/// Returns what resources cost.
pub fn report<'a>(resources: impl IntoIterator<Item = Resource<'a>>, prices: &Prices) -> Report {
    let resources: Vec<Resource<'a>> = resources.into_iter().collect();
    let described: BTreeMap<&Address, (&str, &str)> =
        resources.iter().map(|one| (one.address, (one.kind, one.region))).collect();
    let mut free: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in described.values() {
        *free.entry(kind).or_default() += 1;
    }
    let free = free
        .into_iter()
        .filter_map(|(kind, count)| why_free(kind).map(|why| FreeKind { kind: kind.to_owned(), count, why }));
    let free = free.collect();
    let environments = described.keys().map(|address| (address.environment().to_owned(), Total::default()));
    let mut environments: BTreeMap<String, Total> = environments.collect();
    let (bills, assumed) = bills(resources, prices);
    let mut total = Total::default();
    let mut rows = Vec::new();
    for (address, bill) in bills.into_iter().filter(|(_, bill)| !bill.items.is_empty()) {
        let (kind, region) = described.get(address).copied().unwrap_or_default();
        total.add(&bill);
        if let Some(environment) = environments.get_mut(address.environment()) {
            environment.add(&bill);
        }
        rows.push(Row {
            address: address.clone(),
            kind: kind.to_owned(),
            region: region.to_owned(),
            hourly: bill.monthly().monthly_as_hourly(),
            monthly: bill.monthly(),
            usage: bill.usage(),
            items: bill.items,
        });
    }
    let mut by_amount: Vec<&Row> = rows.iter().filter(|row| row.monthly > Money::ZERO).collect();
    by_amount.sort_by_key(|row| std::cmp::Reverse((row.monthly, row.usage.high)));
    let most_expensive = by_amount.iter().take(MOST_EXPENSIVE).map(|row| row.address.clone()).collect();
    Report {
        prices: prices.date.clone(),
        table: prices.name.clone(),
        currency: prices.currency.clone(),
        free,
        resources: rows,
        environments,
        total,
        most_expensive,
        assumptions: assumed
            .into_iter()
            .map(|usage| Assumption { key: usage.name(), unit: usage.unit(), range: prices.usage(usage) })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn totals_are_the_sums_of_the_addresses() {
        let prices = Prices::included().expect("a table");
        let kinds = ["ec2.nat_gateway", "ec2.elastic_ip", "ec2.vpc", "route53.alarm_health_check", "s3.bucket"];
        let spec = json!({});
        let addresses: Vec<(Address, &str)> = ["source", "target"]
            .iter()
            .flat_map(|environment| kinds.map(|kind| (Address::of(environment, "a", kind), kind)))
            .collect();
        let resource = |address, kind| Resource { address, kind, region: "us-east-1", spec: &spec, needs: Vec::new() };
        let report = report(addresses.iter().map(|(address, kind)| resource(address, kind)), &prices);
        assert_eq!(report.resources.len(), 8);
        let free = FreeKind { kind: "ec2.vpc".into(), count: 2, why: "settings of a VPC are free" };
        assert_eq!(report.free, [free]);
        assert_eq!(report.total.monthly, report.resources.iter().fold(Money::ZERO, |sum, row| sum + row.monthly));
        let [source, target] = ["source", "target"].map(|environment| report.environments[environment]);
        assert_eq!(source, target);
        assert_eq!(report.total.monthly, source.monthly + target.monthly);
        assert_eq!(report.total.usage, source.usage + target.usage);
        assert_eq!((report.total.monthly.text(2), report.total.unknown), ("73.00".to_owned(), 2));
        assert_eq!(report.total.hourly.text(2), "0.10");
        let first: Vec<&str> = report.most_expensive.iter().map(Address::as_str).collect();
        assert_eq!(first[..2], ["source/a/ec2.nat_gateway", "target/a/ec2.nat_gateway"]);
        assert_eq!(first.len(), 4, "what has no fixed amount is not among them");
        let assumed: Vec<&str> = report.assumptions.iter().map(|one| one.key).collect();
        assert_eq!(assumed, ["nat_gb", "bucket_gb", "bucket_writes", "bucket_reads"]);
        let json: Value = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["total"]["hourly"], json!(0.1));
        assert_eq!(json["resources"][1]["items"][0], json!({ "what": "NAT gateway", "monthly": 32.85 }));
    }
}
