//! Conversion between the types of the model and those of the SDK.

use aws_sdk_databasemigration::types::Tag;
use aws_smithy_types::DateTime;

use crate::world::tags::Tags;

pub(super) fn date(at: u64) -> DateTime {
    DateTime::from_millis(i64::try_from(at).unwrap_or(i64::MAX))
}

pub(super) fn tags_from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}
