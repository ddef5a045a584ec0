//! Values of a data type, as texts that PostgreSQL reads: random ones, and numbered ones that are all different.

use std::sync::Arc;

use fastrand::Rng;

use super::condition::{Comparison, Condition};
use super::instant;
use super::pattern::Pattern;
use super::text;
use crate::catalog::{Kind, Shape};

/// The values of a column.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Bool,
    Integer {
        least: i64,
        most: i64,
    },
    /// A decimal number in units of its last digit.
    Decimal {
        least: i128,
        most: i128,
        scale: u32,
        nan: bool,
    },
    Float {
        least: f64,
        most: f64,
        nan: bool,
    },
    /// A text with a number of characters; `big` is the share of texts of 40 to 100 KB.
    Text {
        least: usize,
        most: usize,
        big: f64,
    },
    Bytes {
        big: f64,
    },
    Pattern(Pattern),
    OneOf(Arc<[String]>),
    Uuid,
    /// Days since 1970.
    Date {
        least: i64,
        most: i64,
    },
    /// Microseconds since 1970, with or without a time zone.
    Instant {
        least: i64,
        most: i64,
        zoned: bool,
    },
    Time {
        zoned: bool,
    },
    Interval,
    Json,
    Inet,
    Cidr,
    Mac {
        bytes: usize,
    },
    Bits {
        length: usize,
    },
    Array(Box<Values>),
    Range(Box<Values>),
    Multirange(Box<Values>),
    Composite(Vec<Values>),
    /// One of several sets of values, for example one for each partition.
    Choice(Vec<Values>),
    /// A type without an order: one of a few texts.
    Samples(&'static [&'static str]),
}

/// The bounds of values that nothing restricts: amounts that every calculation survives.
const WIDE: i64 = 1_000_000_000;

impl Values {
    /// Returns the values of a type that satisfy conditions. `big` is the share of large texts and bytes.
    ///
    /// # Errors
    /// Says why the type cannot be generated.
    pub(super) fn new(kind: &Kind, conditions: &[Condition], big: f64) -> Result<Self, String> {
        let mut values = match &kind.shape {
            Shape::Enum(labels) if labels.is_empty() => return Err(format!("the enum `{}` has no labels", kind.text)),
            Shape::Enum(labels) => Self::OneOf(Arc::clone(labels)),
            Shape::Array(element) => Self::Array(Box::new(Self::of_kind(element)?)),
            Shape::Range(element) => Self::Range(Box::new(Self::of_kind(element)?)),
            Shape::Multirange(element) => Self::Multirange(Box::new(Self::of_kind(element)?)),
            Shape::Composite(fields) => Self::Composite(fields.iter().map(Self::of_kind).collect::<Result<_, _>>()?),
            Shape::Base(name, modifier) => {
                Self::base(name, *modifier, big).ok_or_else(|| format!("the type `{}` is not supported", kind.text))?
            }
        };
        values.restrict_all(conditions);
        Ok(values)
    }

    /// Returns the values of a part of another value, which has the conditions of its domain only.
    fn of_kind(kind: &Kind) -> Result<Self, String> {
        let conditions: Vec<Condition> =
            kind.checks.iter().flat_map(|check| super::condition::conditions(check)).collect();
        Self::new(kind, &conditions, 0.0)
    }

    fn base(name: &str, modifier: i32, big: f64) -> Option<Self> {
        // A modifier of a character type is the length plus 4, and one of `numeric` has the precision in its upper
        // half.
        let length = usize::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
        Some(match name {
            "bool" => Self::Bool,
            "int2" => Self::Integer { least: 1, most: i64::from(i16::MAX) },
            "int4" => Self::Integer { least: 1, most: i64::from(i32::MAX) },
            "int8" => Self::Integer { least: 1, most: i64::MAX / 2 },
            "oid" | "xid8" => Self::Integer { least: 1, most: i64::from(u32::MAX) },
            "numeric" if modifier >= 4 => {
                let precision = u32::try_from((modifier - 4) >> 16 & 0xffff).unwrap_or(18);
                let scale = u32::try_from((modifier - 4) & 0x7ff).unwrap_or(0).min(30);
                Self::Decimal { least: 0, most: 10_i128.pow(precision.min(36)) - 1, scale, nan: true }
            }
            "numeric" => Self::Decimal { least: 0, most: i128::from(WIDE) * 1_000_000, scale: 6, nan: true },
            "money" => Self::Decimal { least: 0, most: i128::from(WIDE), scale: 2, nan: false },
            "float4" | "float8" => Self::Float { least: -1e6, most: 1e6, nan: true },
            "text" | "citext" => Self::Text { least: 1, most: usize::MAX, big },
            "varchar" => length.map_or(Self::Text { least: 1, most: usize::MAX, big }, |most| Self::Text {
                least: 1,
                most,
                big: 0.0,
            }),
            "bpchar" => Self::Text { least: length.unwrap_or(1), most: length.unwrap_or(1), big: 0.0 },
            "name" => Self::Text { least: 1, most: 40, big: 0.0 },
            "char" => Self::Text { least: 1, most: 1, big: 0.0 },
            "bytea" => Self::Bytes { big },
            "uuid" => Self::Uuid,
            "date" => Self::Date { least: instant::FIRST / instant::DAY, most: instant::LAST / instant::DAY - 1 },
            "timestamp" => Self::Instant { least: instant::FIRST, most: instant::LAST, zoned: false },
            "timestamptz" => Self::Instant { least: instant::FIRST, most: instant::LAST, zoned: true },
            "time" => Self::Time { zoned: false },
            "timetz" => Self::Time { zoned: true },
            "interval" => Self::Interval,
            "json" | "jsonb" => Self::Json,
            "inet" => Self::Inet,
            "cidr" => Self::Cidr,
            "macaddr" => Self::Mac { bytes: 6 },
            "macaddr8" => Self::Mac { bytes: 8 },
            // The modifier of a bit string is its length.
            "bit" => Self::Bits { length: usize::try_from(modifier).ok().filter(|length| *length > 0).unwrap_or(1) },
            "varbit" => Self::Bits { length: usize::try_from(modifier).ok().map_or(40, |most| most.clamp(1, 40)) },
            "point" => Self::Samples(&["(0,0)", "(1.5,-2.5)", "(1e10,1e-10)"]),
            "line" => Self::Samples(&["{1,-1,0}", "{0,1,5}"]),
            "lseg" => Self::Samples(&["[(0,0),(1,1)]", "[(-1,2),(3,4.5)]"]),
            "box" => Self::Samples(&["(1,1),(0,0)", "(3.5,4),(-1,-2)"]),
            "path" => Self::Samples(&["((0,0),(1,1),(2,0))", "[(0,0),(5,5)]"]),
            "polygon" => Self::Samples(&["((0,0),(1,1),(2,0))", "((0,0),(0,4),(4,4),(4,0))"]),
            "circle" => Self::Samples(&["<(0,0),1>", "<(2.5,-1),4>"]),
            "tsvector" => Self::Samples(&["'late' 'payment'", "'charge':1A 'customer':2B"]),
            "tsquery" => Self::Samples(&["'pay' & 'late'", "'refund'"]),
            "jsonpath" => Self::Samples(&["$.\"a\"", "$.\"b\"[*]"]),
            "xml" => Self::Samples(&["<payment id=\"1\"/>", "<note>paid &amp; closed</note>"]),
            "pg_lsn" => Self::Samples(&["0/16B3748", "1/0"]),
            "hstore" => Self::Samples(&["\"channel\"=>\"web\"", "\"a\"=>NULL, \"b\"=>\"2\""]),
            "ltree" => Self::Samples(&["top.payments.cards", "top"]),
            _ => return None,
        })
    }

    /// Applies conditions. A condition can move a default bound to the other side of an earlier condition, which is
    /// therefore applied again.
    pub(super) fn restrict_all(&mut self, conditions: &[Condition]) {
        for condition in conditions.iter().chain(conditions) {
            self.restrict(condition);
        }
    }

    /// Applies a condition, as far as it concerns this type.
    fn restrict(&mut self, condition: &Condition) {
        match (&mut *self, condition) {
            (Self::Decimal { nan, .. } | Self::Float { nan, .. }, Condition::Compare(_, Comparison::Not, value))
                if value == "NaN" =>
            {
                *nan = false;
            }
            (Self::Choice(choices), _) => choices.iter_mut().for_each(|choice| choice.restrict(condition)),
            (_, Condition::OneOf(_, values)) if !values.is_empty() => *self = Self::OneOf(values.clone().into()),
            (_, Condition::Compare(_, Comparison::Equal, value)) => *self = Self::OneOf(vec![value.clone()].into()),
            (Self::OneOf(values), Condition::Compare(_, Comparison::Not, value)) => {
                *values = values.iter().filter(|other| *other != value).cloned().collect();
            }
            (Self::Text { .. }, Condition::Matches(_, pattern)) => {
                if let Some(pattern) = Pattern::parse(pattern) {
                    *self = Self::Pattern(pattern);
                }
            }
            (Self::Text { least, most, big }, Condition::Length(_, how, length)) => {
                let mut bounds = (*least as i128, i128::try_from(*most).unwrap_or(i128::MAX));
                narrow(&mut bounds, *how, i128::from(*length));
                (*least, *most) = (clamped(bounds.0), clamped(bounds.1));
                *big = 0.0;
            }
            (Self::Integer { least, most }, Condition::Compare(_, how, value)) => {
                let (mut bounds, Some(value)) = ((i128::from(*least), i128::from(*most)), whole(value)) else { return };
                if value < 1 {
                    bounds.0 = bounds.0.min(value);
                }
                narrow(&mut bounds, *how, value);
                let bounds = reopened(bounds, *how);
                (*least, *most) = (saturated(bounds.0), saturated(bounds.1));
            }
            (Self::Decimal { least, most, scale, nan }, Condition::Compare(_, how, value)) => {
                let Some(value) = scaled(value, *scale) else { return };
                let mut bounds = (*least, *most);
                if value < 0 {
                    bounds.0 = bounds.0.min(value);
                }
                narrow(&mut bounds, *how, value);
                (*least, *most) = reopened(bounds, *how);
                // NaN is greater than every number ("Numeric Types"), but a check is rarely meant to let it pass.
                *nan = false;
            }
            (Self::Float { least, most, nan }, Condition::Compare(_, how, value)) => {
                let Ok(value) = value.parse::<f64>() else { return };
                match how {
                    Comparison::Less | Comparison::AtMost => {
                        *most = value - if *how == Comparison::Less { 1e-6_f64.max(value.abs() * 1e-9) } else { 0.0 };
                        *least = least.min(*most - 1000.0);
                    }
                    Comparison::More | Comparison::AtLeast => {
                        *least = value + if *how == Comparison::More { 1e-6_f64.max(value.abs() * 1e-9) } else { 0.0 };
                        *most = most.max(*least + 1.0);
                    }
                    Comparison::Equal | Comparison::Not => {}
                }
                *nan = false;
            }
            (Self::Date { least, most }, Condition::Compare(_, how, value)) => {
                if let Some(value) = instant::parse(value) {
                    (*least, *most) = moved((*least, *most), *how, value / instant::DAY, 730);
                }
            }
            (Self::Instant { least, most, .. }, Condition::Compare(_, how, value)) => {
                if let Some(value) = instant::parse(value) {
                    (*least, *most) = moved((*least, *most), *how, value, 730 * instant::DAY);
                }
            }
            _ => {}
        }
    }

    /// Raises the smallest value above an existing one, so that numbered values are new.
    pub(super) fn raise(&mut self, existing: &str) {
        let condition = Condition::Compare(String::new(), Comparison::More, existing.to_owned());
        match self {
            Self::Integer { .. } | Self::Decimal { .. } | Self::Date { .. } | Self::Instant { .. } => {
                self.restrict(&condition);
            }
            _ => {}
        }
    }

    /// Returns whether [`Values::raise`] has an effect, so that the largest existing value is worth a query.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Self::Integer { .. } | Self::Decimal { .. } | Self::Date { .. } | Self::Instant { .. })
    }

    /// Returns the number of different values that [`Values::nth`] has.
    pub(super) fn capacity(&self) -> u128 {
        let between = |least: i128, most: i128| u128::try_from(most - least + 1).unwrap_or_default();
        match self {
            Self::Bool => 2,
            Self::Integer { least, most } | Self::Date { least, most } => between((*least).into(), (*most).into()),
            Self::Instant { least, most, .. } => between(0, i128::from((*most - *least) / instant::MILLISECOND)),
            Self::Decimal { least, most, .. } => between(*least, *most),
            Self::Float { least, most, .. } => {
                // Whole numbers are enough: a check rarely leaves fewer than the rows need.
                u128::from((most - least).clamp(0.0, 1e9).round().to_string().parse::<u32>().unwrap_or(0))
            }
            Self::Text { most, .. } => 36_u128.checked_pow(u32::try_from(*most).unwrap_or(24).min(24)).unwrap_or(0),
            Self::Pattern(pattern) => pattern.capacity(),
            Self::OneOf(values) => values.len() as u128,
            Self::Samples(values) => values.len() as u128,
            Self::Bits { length } => 1_u128 << (*length).min(60),
            Self::Uuid | Self::Json | Self::Bytes { .. } => 1 << 60,
            Self::Time { .. } => 86_400_000,
            Self::Inet | Self::Cidr => 1 << 24,
            Self::Mac { .. } | Self::Interval => 1 << 40,
            Self::Array(element) | Self::Range(element) | Self::Multirange(element) => element.capacity(),
            Self::Composite(fields) => fields.iter().map(Self::capacity).max().unwrap_or(1),
            Self::Choice(choices) => {
                choices.iter().map(Self::capacity).min().unwrap_or_default() * choices.len() as u128
            }
        }
    }

    /// Returns the value with a number below the capacity. Values with different numbers are different. `salt`
    /// separates the values of one run of the program from those of another, where there is room for it.
    pub(super) fn nth(&self, number: u64, salt: &str, rng: &mut Rng) -> String {
        let signed = i64::try_from(number).unwrap_or(i64::MAX);
        match self {
            Self::Bool => (number % 2 == 1).to_string(),
            Self::Integer { least, .. } => least.saturating_add(signed).to_string(),
            Self::Decimal { least, scale, .. } => text::decimal(least + i128::from(number), *scale),
            Self::Float { least, .. } => {
                (least.ceil() + f64::from(u32::try_from(number).unwrap_or(u32::MAX))).to_string()
            }
            Self::Text { least, most, .. } => text::numbered(number, salt, *least, *most),
            Self::Bytes { .. } => format!("\\x{}{number:016x}", text::hex(salt.as_bytes())),
            Self::Pattern(pattern) => pattern.nth(number),
            Self::OneOf(values) => values[usize::try_from(number).unwrap_or_default() % values.len()].clone(),
            Self::Samples(values) => values[usize::try_from(number).unwrap_or_default() % values.len()].to_owned(),
            Self::Uuid => text::uuid(rng.u64(..), number ^ text::mix(salt)),
            Self::Date { least, .. } => instant::date(least.saturating_add(signed)),
            Self::Instant { least, zoned, .. } => {
                instant::text(least.saturating_add(signed.saturating_mul(instant::MILLISECOND)), *zoned)
            }
            Self::Time { .. } => instant::time(signed.saturating_mul(instant::MILLISECOND)),
            Self::Interval => format!("{number} seconds"),
            Self::Json => format!("{{\"number\": {number}, \"run\": \"{salt}\"}}"),
            Self::Inet => {
                let [_, a, b, c] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
                format!("10.{a}.{b}.{c}")
            }
            Self::Cidr => {
                let [_, a, b, c] = u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
                format!("10.{a}.{b}.{c}/32")
            }
            Self::Mac { bytes } => text::mac(number, *bytes),
            Self::Bits { length } => format!("{number:0length$b}"),
            Self::Array(element) => text::array([Some(element.nth(number, salt, rng))]),
            Self::Range(element) => format!("[\"{0}\",\"{0}\"]", element.nth(number, salt, rng)),
            Self::Multirange(element) => format!("{{[\"{0}\",\"{0}\"]}}", element.nth(number, salt, rng)),
            Self::Composite(fields) => {
                let widest = fields.iter().map(Self::capacity).max().unwrap_or_default();
                let position = fields.iter().position(|field| field.capacity() == widest);
                text::composite(fields.iter().enumerate().map(|(at, field)| match position == Some(at) {
                    true => field.nth(number, salt, rng),
                    false => field.random(rng),
                }))
            }
            Self::Choice(choices) => {
                let count = choices.len() as u64;
                let choice = &choices[usize::try_from(number % count).unwrap_or_default()];
                choice.nth(number / count, salt, rng)
            }
        }
    }

    /// Returns a random value.
    pub(super) fn random(&self, rng: &mut Rng) -> String {
        match self {
            Self::Bool => rng.bool().to_string(),
            // Most numbers of an application are small.
            Self::Integer { least, most } if rng.u8(..) > 0 => {
                rng.i64(*least..=(*most).min(least.saturating_add(10_000))).to_string()
            }
            Self::Integer { least, most } => rng.i64(*least..=*most).to_string(),
            Self::Decimal { nan: true, .. } if rng.u8(..) < 3 => "NaN".to_owned(),
            Self::Decimal { least, most, scale, .. } => {
                let usual = least.saturating_add(10_000 * 10_i128.pow(*scale));
                text::decimal(rng.i128(*least..=(*most).min(usual)), *scale)
            }
            Self::Float { nan: true, .. } if rng.u8(..) < 5 => {
                ["NaN", "Infinity", "-Infinity", "-0"][rng.usize(..4)].to_owned()
            }
            // Few digits keep the value the same in both sizes.
            Self::Float { least, most, .. } => {
                (least + (most - least) * f64::from(rng.u16(..)) / 65_536.0).clamp(*least, *most).to_string()
            }
            Self::Text { most: usize::MAX, big, .. } if *big > 0.0 && rng.f64() < *big => text::big(rng),
            Self::Text { least, most, .. } => text::random(*least, *most, rng),
            Self::Bytes { big } => {
                let length = if *big > 0.0 && rng.f64() < *big { rng.usize(40_000..100_000) } else { rng.usize(0..40) };
                text::bytes(length, rng)
            }
            Self::Pattern(pattern) => pattern.random(rng),
            Self::OneOf(values) => values[rng.usize(..values.len())].clone(),
            Self::Samples(values) => values[rng.usize(..values.len())].to_owned(),
            Self::Uuid => text::uuid(rng.u64(..), rng.u64(..)),
            Self::Date { least, most } => instant::date(rng.i64(*least..=*most)),
            Self::Instant { least, most, zoned } => instant::random(*least, *most, *zoned, rng),
            Self::Time { zoned } => {
                instant::time(rng.i64(0..instant::DAY))
                    + if *zoned { ["+00", "+02", "-05:30"][rng.usize(..3)] } else { "" }
            }
            Self::Interval => format!("{} months {} days {} seconds", rng.u8(..20), rng.u8(..40), rng.u32(..90_000)),
            Self::Json => text::json(rng),
            Self::Inet | Self::Cidr | Self::Mac { .. } => self.nth(rng.u64(..1 << 24), "", rng),
            Self::Bits { length } => (0..*length).map(|_| if rng.bool() { '1' } else { '0' }).collect(),
            Self::Array(element) => {
                let count = rng.usize(0..4);
                text::array((0..count).map(|_| (rng.u8(..) > 10).then(|| element.random(rng))).collect::<Vec<_>>())
            }
            Self::Range(element) => range(element, rng),
            Self::Multirange(element) => format!("{{{}}}", range(element, rng)),
            Self::Composite(fields) => text::composite(fields.iter().map(|field| field.random(rng))),
            Self::Choice(choices) => choices[rng.usize(..choices.len())].random(rng),
        }
    }
}

/// Returns a range that starts at a random value.
fn range(element: &Values, rng: &mut Rng) -> String {
    match element {
        Values::Integer { least, most } => {
            let from = rng.i64(*least..=(*most).min(least + 10_000));
            format!("[{from},{})", from.saturating_add(rng.i64(1..100)).min(*most))
        }
        Values::Date { least, most } => {
            let from = rng.i64(*least..*most);
            format!("[{},{})", instant::date(from), instant::date(from + 1))
        }
        Values::Instant { least, most, zoned } => {
            let from = rng.i64(*least..*most);
            let to = instant::text(from + rng.i64(1..instant::DAY), *zoned);
            format!("[\"{}\",\"{to}\")", instant::text(from, *zoned))
        }
        Values::Decimal { least, scale, .. } => {
            let from = rng.i128(*least..=least + 10_000);
            format!("[{},{}]", text::decimal(from, *scale), text::decimal(from + 17, *scale))
        }
        other => {
            let value = other.random(rng).replace('\\', "\\\\").replace('"', "\\\"");
            format!("[\"{value}\",\"{value}\"]")
        }
    }
}

fn narrow(bounds: &mut (i128, i128), how: Comparison, value: i128) {
    match how {
        Comparison::Less => bounds.1 = bounds.1.min(value - 1),
        Comparison::AtMost => bounds.1 = bounds.1.min(value),
        Comparison::Equal => *bounds = (value, value),
        Comparison::AtLeast => bounds.0 = bounds.0.max(value),
        Comparison::More => bounds.0 = bounds.0.max(value + 1),
        Comparison::Not => {
            if bounds.0 == value {
                bounds.0 += 1;
            }
        }
    }
}

/// Moves the default bound out of the way of the one that a condition sets.
fn reopened((least, most): (i128, i128), how: Comparison) -> (i128, i128) {
    match how {
        _ if least <= most => (least, most),
        Comparison::Less | Comparison::AtMost => (most - 1000, most),
        _ => (least, least + 1000),
    }
}

/// Narrows the bounds of a time; a bound outside of them moves both.
fn moved((least, most): (i64, i64), how: Comparison, value: i64, width: i64) -> (i64, i64) {
    let mut bounds = (i128::from(least), i128::from(most));
    narrow(&mut bounds, how, value.into());
    let (least, most) = (saturated(bounds.0), saturated(bounds.1));
    match how {
        _ if least <= most => (least, most),
        Comparison::Less | Comparison::AtMost => (most.saturating_sub(width), most),
        _ => (least, least.saturating_add(width)),
    }
}

fn clamped(value: i128) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX)
}

fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn whole(value: &str) -> Option<i128> {
    value.split('.').next()?.parse().ok()
}

/// Returns a decimal number in units of its last digit.
fn scaled(value: &str, scale: u32) -> Option<i128> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = usize::try_from(scale).ok()?;
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(digits).collect();
    format!("{whole}{fraction}").parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbered_values_are_different() {
        let all = [
            Values::Integer { least: -3, most: 9999 },
            Values::Decimal { least: -10, most: 100_000, scale: 2, nan: true },
            Values::Text { least: 1, most: 4, big: 0.0 },
            Values::Text { least: 1, most: usize::MAX, big: 0.0 },
            Values::Uuid,
            Values::Instant { least: instant::FIRST, most: instant::LAST, zoned: true },
            Values::Mac { bytes: 6 },
            Values::Bits { length: 12 },
            Values::Inet,
            Values::Choice(vec![Values::Integer { least: 0, most: 999 }, Values::Integer { least: 1000, most: 1999 }]),
        ];
        for values in all {
            let mut rng = Rng::with_seed(1);
            let texts: BTreeSet<String> = (0..1500).map(|number| values.nth(number, "r4", &mut rng)).collect();
            assert_eq!(texts.len(), 1500, "{values:?}");
            assert!(values.capacity() >= 1500, "{values:?}");
        }
    }

    #[test]
    fn conditions_narrow_the_values() {
        let mut amount = Values::Decimal { least: 0, most: 99_999_999, scale: 2, nan: true };
        amount.restrict_all(&super::super::condition::conditions("CHECK (((x > 1.5) AND (x <= 2)))"));
        let mut rng = Rng::with_seed(2);
        for _ in 0..200 {
            let value: f64 = amount.random(&mut rng).parse().unwrap();
            assert!(value > 1.5 && value <= 2.0, "{value}");
        }
        for (from, to) in [("2021-01-01", "2021-02-01"), ("2031-01-01", "2031-02-01"), ("2024-12-30", "2025-01-02")] {
            let mut day = Values::Date { least: instant::FIRST / instant::DAY, most: instant::LAST / instant::DAY };
            let checks = format!("CHECK (((d >= '{from}'::date) AND (d < '{to}'::date)))");
            day.restrict_all(&super::super::condition::conditions(&checks));
            for text in (0..50).map(|_| day.random(&mut rng)) {
                assert!(*from <= *text && *text < *to, "{text}");
            }
        }
    }
}
