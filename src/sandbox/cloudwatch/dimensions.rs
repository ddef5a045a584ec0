//! Dimensions of metrics.

use aws_sdk_cloudwatch::types::Dimension;

use crate::registry::{Rejection, refuse};

/// "Dimensions: Array Members: Maximum number of 30 items"; no name and no value may be empty.
pub(super) fn dimensions(dimensions: &[Dimension]) -> Result<Vec<(String, String)>, Rejection> {
    let read = |dimension: &Dimension| {
        (dimension.name().unwrap_or_default().to_owned(), dimension.value().unwrap_or_default().to_owned())
    };
    let read: Vec<(String, String)> = dimensions.iter().map(read).collect();
    if read.len() > 30 || read.iter().any(|(name, value)| name.is_empty() || value.is_empty()) {
        return refuse("ValidationError", "Value at 'dimensions' failed to satisfy constraint");
    }
    Ok(read)
}
