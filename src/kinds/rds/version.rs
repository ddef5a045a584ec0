//! Versions of the engine: which are the same, and which changes are refused.

use std::cmp::Ordering;

/// Returns whether AWS shows the configured version: `16.8` matches `16`, too.
pub(super) fn same_version(current: &str, wanted: &str) -> bool {
    current == wanted || current.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns why a change of the major version is refused. RDS requires that logical replication slots are dropped first,
/// and the only way back is to restore a snapshot from before the upgrade (RDS User Guide, "How to perform a major
/// version upgrade for RDS for PostgreSQL").
pub(super) fn major_change(is: &str, wanted: &str) -> Option<String> {
    let number = |version: &str| major(version).parse::<u32>().unwrap_or(0);
    match number(is).cmp(&number(wanted)) {
        Ordering::Equal => None,
        Ordering::Greater => Some(format!(
            "the database has PostgreSQL {is}, and RDS cannot downgrade it to {wanted}; set `database.engine_version` \
             to {}, or, if it was upgraded outside of this tool, list its `engine_version` in `drift.ignore`",
            major(is)
        )),
        Ordering::Less => Some(format!(
            "the database has PostgreSQL {is}, and another major version, {wanted}, requires a separate migration: it \
             ends every replication and cannot be reverted; set `database.engine_version` to {}",
            major(is)
        )),
    }
}

/// Returns why a downgrade of the minor version is refused ("Upgrading the minor engine version": only to a later one).
pub(super) fn older_minor(is: &str, wanted: &str) -> Option<String> {
    let minor = |version: &str| version.split_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok());
    (minor(wanted)? < minor(is)?).then(|| {
        format!(
            "the database has PostgreSQL {is}, and RDS cannot downgrade it to {wanted}; set \
             `database.engine_version` to {is} or a later one"
        )
    })
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_version_has_the_same_major_version() {
        assert_eq!(major("16.8"), "16");
        assert_eq!(major("16"), "16");
    }

    #[test]
    fn a_version_without_a_minor_part_stands_for_all_minor_versions() {
        assert!(same_version("16.8", "16") && same_version("16.8", "16.8"));
        assert!(!same_version("16.8", "16.9") && !same_version("160.1", "16"));
    }

    #[test]
    fn a_way_back_to_an_older_major_version_was_called_an_upgrade() {
        assert!(major_change("17.4", "16").is_some_and(|why| why.contains("cannot downgrade it to 16")));
        assert!(major_change("15.8", "16").is_some_and(|why| why.contains("requires a separate migration")));
        assert_eq!(major_change("16.8", "16"), None);
    }

    #[test]
    fn a_way_back_to_an_older_minor_version_was_planned() {
        assert!(older_minor("16.11", "16.4").is_some_and(|why| why.contains("cannot downgrade it to 16.4")));
        assert!(
            older_minor("16.4", "16.11").is_none()
                && older_minor("16.11", "16.11").is_none()
                && older_minor("16.11", "16").is_none()
        );
    }
}
