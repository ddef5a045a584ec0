//! Amounts of money and quantities, as exact decimal numbers.

use std::ops::{Add, AddAssign, Neg, Sub};

use serde::{Serialize, Serializer};

/// Hours of a month: "730 hours in a month" (AWS Pricing Calculator, assumptions).
pub const HOURS_PER_MONTH: i64 = 730;

/// Decimals of an amount of money. The smallest prices, of a second of a function, have ten.
const MONEY_DECIMALS: usize = 12;

/// Decimals of a quantity.
const QUANTITY_DECIMALS: usize = 6;

const QUANTITY_UNIT: i128 = 1_000_000;

/// The largest integer part that a price or a quantity in a table can have. Products of two stay far below the limit.
const LARGEST: i128 = 1_000_000_000_000;

/// An amount of money, in 10⁻¹² of the currency. Sums stop at the limits of the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal number such as `0.045`. Nothing if it is negative, too large, too exact, or no number.
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text, MONEY_DECIMALS).map(Self)
    }

    /// Returns the price of a quantity, if this is the price of one.
    #[must_use]
    pub fn times(self, quantity: Quantity) -> Self {
        Self(divided(self.0.saturating_mul(quantity.0), QUANTITY_UNIT))
    }

    /// Returns what an amount an hour is a month.
    #[must_use]
    pub fn hourly_as_monthly(self) -> Self {
        Self(self.0.saturating_mul(HOURS_PER_MONTH.into()))
    }

    /// Returns what an amount a month is an hour.
    #[must_use]
    pub fn monthly_as_hourly(self) -> Self {
        Self(divided(self.0, HOURS_PER_MONTH.into()))
    }

    /// Returns the amount as text with so many decimals, rounded, without a currency: `1,234.50`.
    pub fn text(self, decimals: usize) -> String {
        let decimals = decimals.min(MONEY_DECIMALS);
        let unit = power(MONEY_DECIMALS - decimals);
        let rounded = divided(self.0, unit);
        let (whole, fraction) = (rounded.abs() / power(decimals), rounded.abs() % power(decimals));
        let sign = if rounded < 0 { "-" } else { "" };
        let whole = grouped(&whole.to_string());
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction:0decimals$}") }
    }

    /// Returns whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Returns how many percent of a whole it is, rounded. Nothing if the whole is nothing.
    pub fn percent_of(self, whole: Self) -> Option<i128> {
        (whole.0 > 0).then(|| divided(self.0.saturating_mul(100), whole.0))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// As a number with at most six decimals.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.text(QUANTITY_DECIMALS).replace(',', "");
        serializer.serialize_f64(text.parse().unwrap_or_default())
    }
}

/// A number of something that has a price, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    /// One.
    pub const ONE: Self = Self(QUANTITY_UNIT);

    /// A whole number. What is negative counts as nothing.
    pub fn whole(number: i64) -> Self {
        Self(i128::from(number.max(0)) * QUANTITY_UNIT)
    }

    /// A part of a whole number: `fraction(512, 1024)` is one half.
    pub fn fraction(number: i64, of: i64) -> Self {
        Self(divided(Self::whole(number).0, i128::from(of.max(1))))
    }

    /// Reads a decimal number such as `0.5`. Nothing if it is negative, too large, too exact, or no number.
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text, QUANTITY_DECIMALS).map(Self)
    }

    /// Returns so many of this.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self(divided(self.0.saturating_mul(other.0), QUANTITY_UNIT))
    }

    /// Returns it as text: `1,000` or `0.5`.
    pub fn text(self) -> String {
        let (whole, fraction) = (self.0 / QUANTITY_UNIT, self.0 % QUANTITY_UNIT);
        let whole = grouped(&whole.to_string());
        let fraction = format!("{fraction:06}");
        match fraction.trim_end_matches('0') {
            "" => whole,
            fraction => format!("{whole}.{fraction}"),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.text().replace(',', "").parse().unwrap_or_default())
    }
}

/// From a low to a high value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// The low value.
    pub low: T,
    /// The high value.
    pub high: T,
}

impl<T: Copy> Range<T> {
    /// Returns a range with both values changed.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Range<U> {
        Range { low: change(self.low), high: change(self.high) }
    }
}

impl<T: Copy + Add<Output = T>> Add for Range<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }
}

impl<T: Copy + Sub<Output = T>> Sub for Range<T> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { low: self.low - other.low, high: self.high - other.high }
    }
}

fn power(exponent: usize) -> i128 {
    (0..exponent).fold(1, |power, _| power * 10)
}

/// Divides and rounds to the nearest number, halves away from zero.
fn divided(number: i128, by: i128) -> i128 {
    let (whole, rest) = (number / by, number % by);
    if rest.abs() >= by - rest.abs() { whole + number.signum() } else { whole }
}

fn decimal(text: &str, decimals: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > decimals {
        return None;
    }
    let whole: i128 = whole.parse().ok().filter(|whole| *whole <= LARGEST)?;
    let fraction: i128 = format!("{fraction:0<decimals$}").parse().ok()?;
    Some(whole * power(decimals) + fraction)
}

/// Separates the thousands of a number.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).expect("an amount")
    }

    #[test]
    fn an_hour_and_a_month_are_exact() {
        let hour = money("0.045");
        assert_eq!(hour.hourly_as_monthly(), money("32.85"));
        assert_eq!(hour.hourly_as_monthly().monthly_as_hourly(), hour);
        assert_eq!(money("0.1") + money("0.2"), money("0.3"), "no binary fractions");
    }

    #[test]
    fn the_smallest_price_keeps_its_digits() {
        let second = money("0.0000166667");
        assert_eq!(second.times(Quantity::whole(1_000_000)), money("16.6667"));
        assert_eq!(second.times(Quantity::fraction(1, 8)).text(12), "0.000002083338");
    }

    #[test]
    fn text_is_rounded_and_grouped() {
        assert_eq!(money("1234567.005").text(2), "1,234,567.01");
        assert_eq!(money("0.994").text(0), "1");
        assert_eq!((-money("3.5")).text(2), "-3.50");
        assert_eq!((Money::ZERO - money("0.001")).text(2), "0.00", "there is no negative nothing");
        assert_eq!(Quantity::parse("1000.5").map(Quantity::text).as_deref(), Some("1,000.5"));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".5", "-1", "1e3", "inf", "NaN", "0.1234567890123", "1000000000001", "1.2.3", "1,5"] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let much = money("1000000000000");
        let sum = much.times(Quantity::parse("1000000000000").expect("a quantity")) + much.hourly_as_monthly();
        assert!(sum > much);
        assert_eq!(Quantity::whole(-1), Quantity::default());
    }

    #[test]
    fn json_has_plain_numbers() {
        let text = serde_json::to_string(&[money("0.1") + money("0.2"), money("1234.5")]).expect("JSON");
        assert_eq!(text, "[0.3,1234.5]");
    }
}
