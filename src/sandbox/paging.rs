//! Pagination of the Describe calls of Amazon RDS and AWS DMS.

use std::ops::RangeInclusive;

use crate::registry::{Rejection, refuse};

/// The code of a refusal by Amazon RDS.
pub(crate) const RDS: &str = "InvalidParameterValue";
/// The code of a refusal by AWS DMS.
pub(crate) const DMS: &str = "InvalidParameterValueException";

/// Returns the page that a marker names, and the marker of the next page if there is one. The default size is 100.
pub(crate) fn page<T>(
    found: Vec<T>,
    marker: Option<&str>,
    max: Option<i32>,
    sizes: RangeInclusive<i32>,
    code: &'static str,
) -> Result<(Vec<T>, Option<String>), Rejection> {
    let size = max.unwrap_or(100);
    if !sizes.contains(&size) {
        return refuse(code, format!("MaxRecords must be between {} and {}", sizes.start(), sizes.end()));
    }
    let Ok(start) = marker.unwrap_or("0").parse::<usize>() else {
        return refuse(code, "The marker is not valid");
    };
    let end = start.saturating_add(usize::try_from(size).unwrap_or_default());
    let next = (found.len() > end).then(|| end.to_string());
    Ok((found.into_iter().skip(start).take(end - start).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<i32> = (0..45).collect();
        let (first, marker) = page(all.clone(), None, Some(20), 20..=100, DMS).unwrap();
        let (second, next) = page(all.clone(), marker.as_deref(), Some(20), 20..=100, DMS).unwrap();
        let (third, end) = page(all.clone(), next.as_deref(), Some(20), 20..=100, DMS).unwrap();
        assert_eq!([first, second, third].concat(), all);
        assert_eq!(end, None);
        assert!(
            page(all.clone(), None, Some(19), 20..=100, DMS).is_err()
                && page(all, Some("x"), None, 20..=100, DMS).is_err()
        );
    }
}
