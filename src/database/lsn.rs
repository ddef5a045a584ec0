//! A position in the write-ahead log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A position in the write-ahead log of one server. Positions of two servers cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lsn(u64);

impl Lsn {
    /// Returns the number of bytes from an earlier position to this one; 0 if it is later.
    pub fn bytes_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The text is not two hexadecimal numbers of at most 32 bits with a `/` between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position in the write-ahead log")]
pub struct NotAnLsn;

impl FromStr for Lsn {
    type Err = NotAnLsn;

    /// "two hexadecimal numbers of up to 8 digits each, separated by a slash; for example, 16/B374D848" ("pg_lsn Type",
    /// PostgreSQL documentation).
    fn from_str(text: &str) -> Result<Self, NotAnLsn> {
        let part = |digits: &str| {
            let is_valid = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            if is_valid { u64::from_str_radix(digits, 16).map_err(|_| NotAnLsn) } else { Err(NotAnLsn) }
        };
        let (high, low) = text.split_once('/').ok_or(NotAnLsn)?;
        Ok(Self((part(high)? << 32) | part(low)?))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl TryFrom<String> for Lsn {
    type Error = NotAnLsn;

    fn try_from(text: String) -> Result<Self, NotAnLsn> {
        text.parse()
    }
}

impl From<Lsn> for String {
    fn from(lsn: Lsn) -> Self {
        lsn.to_string()
    }
}

impl<'a> tokio_postgres::types::FromSql<'a> for Lsn {
    fn from_sql(
        kind: &tokio_postgres::types::Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        tokio_postgres::types::PgLsn::from_sql(kind, raw).map(|lsn| Self(lsn.into()))
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        *kind == tokio_postgres::types::Type::PG_LSN
    }
}

#[cfg(test)]
mod tests {
    use super::Lsn;

    #[test]
    fn a_position_is_read_and_written_as_the_server_does_it() {
        let lsn: Lsn = "16/B374D848".parse().expect("a position");
        assert_eq!(lsn.to_string(), "16/B374D848");
        assert_eq!("17/0".parse::<Lsn>().expect("a position").bytes_since(lsn), 0x4C8B_27B8);
        for text in ["", "/", "1", "1/", "G/0", "1/123456789", "+1/0"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
    }
}
