//! What a stack costs on AWS, from a dated table of prices, without a call.
//!
//! What exists costs a fixed amount each hour. What is used (transfer, requests, logs) costs between a low and a high
//! amount, which follow from assumptions. Whatever has no price in the table is *unknown*, never zero.
//!
//! *May depend on* `infra-base` and `infra-core`.
//! *Never knows* configurations, calls, or commands.

mod bill;
mod change;
mod model;
mod money;
mod prices;
mod report;
mod resource;

pub use bill::{Amount, Item};
pub use change::{Change, change};
pub use money::{HOURS_PER_MONTH, Money, Quantity, Range};
pub use prices::{GlobalPrice, InstancePrice, Mistake, Price, PriceTableError, Prices, Usage};
pub use report::{Assumption, FreeKind, Report, Row, Total, report};
pub use resource::Resource;
