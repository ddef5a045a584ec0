//! Costs, for people.

use infra_base::address::Address;
use infra_cost::{Amount, Change, Money, Prices, Range, Report, Row, Total};

/// Decimals of an amount an hour, and of one a month.
const HOURLY: usize = 4;
const MONTHLY: usize = 2;

/// One line of the table: a name, an amount an hour, one a month, and the usage a month.
type Cells = [String; 4];

/// Returns the lines of a report.
pub(in crate::cli) fn cost_report(report: &Report, prices: &Prices) -> Vec<String> {
    let mut table: Vec<Cells> = vec![["address", "an hour", "a month", "usage a month"].map(str::to_owned)];
    for (environment, total) in &report.environments {
        let inside = report.resources.iter().filter(|row| row.address.environment() == environment);
        table.extend(inside.flat_map(|row| row_cells(row, prices)));
        table.extend(total_cells(environment, total, prices));
        table.push(Cells::default());
    }
    let has_both = ["source", "target"].iter().all(|side| report.environments.contains_key(*side));
    let all = if has_both { "while both environments exist" } else { "total" };
    table.extend(total_cells(all, &report.total, prices));
    let mut lines = aligned(&table);
    lines.extend(most_expensive(report, prices));
    lines.extend(unknown(report));
    lines.extend(assumptions(report));
    let free: usize = report.free.iter().map(|kind| kind.count).sum();
    lines.push(String::new());
    lines.push(format!("prices of {} ({}), on demand; a month has 730 hours", report.prices, report.table));
    lines.push(format!("not included: free tiers, discounts, taxes, support; {free} resources are free"));
    lines
}

fn row_cells(row: &Row, prices: &Prices) -> Vec<Cells> {
    let has = |of: fn(&Amount) -> bool| row.items.iter().any(|item| of(&item.amount));
    let is_fixed = has(|amount| matches!(amount, Amount::Monthly(_)));
    let is_used = has(|amount| matches!(amount, Amount::Usage(_)));
    let is_unknown = has(|amount| matches!(amount, Amount::Unknown(_)));
    let (hourly, monthly) = match is_fixed {
        true => (prices.amount(row.hourly, HOURLY), prices.amount(row.monthly, MONTHLY)),
        false => {
            let text = if is_unknown && !is_used { "unknown" } else { "-" };
            (text.to_owned(), text.to_owned())
        }
    };
    let usage = if is_used { range(row.usage, prices) } else { String::new() };
    let note = (is_unknown && (is_fixed || is_used)).then(|| note("+ unknown"));
    [[row.address.to_string(), hourly, monthly, usage]].into_iter().chain(note).collect()
}

fn total_cells(name: &str, total: &Total, prices: &Prices) -> Vec<Cells> {
    let usage = if total.usage == Range::default() { String::new() } else { range(total.usage, prices) };
    let [hourly, monthly] = [(total.hourly, HOURLY), (total.monthly, MONTHLY)].map(|(of, to)| prices.amount(of, to));
    let note = (total.unknown > 0).then(|| note(&format!("+ {} unknown", total.unknown)));
    [[name.to_owned(), hourly, monthly, usage]].into_iter().chain(note).collect()
}

/// Returns a line below the one that it is about. Beside it, the table would be too wide.
fn note(text: &str) -> Cells {
    [format!("  {text}"), String::new(), String::new(), String::new()]
}

fn range(range: Range<Money>, prices: &Prices) -> String {
    format!("{} to {}", prices.amount(range.low, MONTHLY), prices.amount(range.high, MONTHLY))
}

/// Aligns names to the left, and amounts to the right.
fn aligned(table: &[Cells]) -> Vec<String> {
    let width = |column: usize| table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let [name, hourly, monthly, usage] = [0, 1, 2, 3].map(width);
    let line = |[a, b, c, d]: &Cells| format!("{a:name$}  {b:>hourly$}  {c:>monthly$}  {d:>usage$}");
    table.iter().map(|cells| line(cells).trim_end().to_owned()).collect()
}

fn most_expensive(report: &Report, prices: &Prices) -> Vec<String> {
    let cells = |row: &Row| {
        let share = row.monthly.percent_of(report.total.monthly).unwrap_or_default();
        [format!("  {}", row.address), prices.amount(row.monthly, MONTHLY), format!("{share} %"), String::new()]
    };
    let of = |address: &Address| report.resources.iter().find(|row| row.address == *address);
    let table: Vec<Cells> = report.most_expensive.iter().filter_map(of).map(cells).collect();
    if table.is_empty() {
        return Vec::new();
    }
    let title = "the most expensive, a month without usage, and the share of the total:";
    [String::new(), title.to_owned()].into_iter().chain(aligned(&table)).collect()
}

fn unknown(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &report.resources {
        for item in &row.items {
            if let Amount::Unknown(reason) = &item.amount {
                lines.push(format!("  {}, {}: {reason}", row.address, item.what));
            }
        }
    }
    if !lines.is_empty() {
        lines.splice(0..0, [String::new(), "unknown, and not in the totals:".to_owned()]);
    }
    lines
}

fn assumptions(report: &Report) -> Vec<String> {
    let lines = report.assumptions.iter().map(|one| {
        let Range { low, high } = one.range;
        format!("  {} to {} {}", low.text(), high.text(), one.unit)
    });
    let title = "usage is assumed to be, in a month (`[usage]` in the price table):";
    let title = (!report.assumptions.is_empty()).then(|| [String::new(), title.to_owned()]);
    title.into_iter().flatten().chain(lines).collect()
}

/// Returns how a plan changes the cost, in one line.
pub(in crate::cli) fn cost_change(change: &Change, prices: &Prices) -> String {
    let signed = |money: Money| {
        let sign = if money > Money::ZERO { "+" } else { "" };
        format!("{sign}{}", prices.amount(money, MONTHLY))
    };
    let mut parts = Vec::new();
    if change.monthly != Money::ZERO {
        parts.push(signed(change.monthly));
    }
    if change.usage != Range::default() {
        parts.push(format!("usage {} to {}", signed(change.usage.low), signed(change.usage.high)));
    }
    match change.unknown {
        0 => {}
        1 => parts.push("one resource has no known price".to_owned()),
        many => parts.push(format!("{many} resources have no known price")),
    }
    let parts = if parts.is_empty() { "unchanged".to_owned() } else { parts.join(", ") };
    format!("monthly cost: {parts} (prices of {})", change.prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(monthly: i64, low: i64, high: i64, unknown: usize) -> String {
        let prices = Prices::included().expect("a table");
        let money = |number: i64| {
            let amount = Money::parse(&number.abs().to_string()).expect("an amount");
            if number < 0 { -amount } else { amount }
        };
        let (prices_of, currency) = (prices.date.clone(), prices.currency.clone());
        let usage = Range { low: money(low), high: money(high) };
        let change = Change { prices: prices_of, currency, monthly: money(monthly), usage, unknown };
        cost_change(&change, &prices)
    }

    #[test]
    fn a_change_has_its_direction() {
        assert_eq!(change(0, 0, 0, 0), "monthly cost: unchanged (prices of 2025-12-01)");
        assert_eq!(
            change(1200, 1, 20, 1),
            "monthly cost: +$1,200.00, usage +$1.00 to +$20.00, one resource has no known price (prices of 2025-12-01)"
        );
        assert_eq!(change(-5, 0, 0, 0), "monthly cost: -$5.00 (prices of 2025-12-01)");
        let unknown = change(0, 0, 0, 2);
        assert_eq!(unknown, "monthly cost: 2 resources have no known price (prices of 2025-12-01)");
    }
}
