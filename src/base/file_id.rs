//! Names from data that become the name of a file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A name that stays inside its directory: no path, no hidden file, and nothing that a shell or a terminal interprets.
///
/// It consists of 1 to [`FileId::LONGEST`] of the characters `A-Z a-z 0-9 . _ -`, and begins with a letter or a digit.
/// A value is checked where it is created or read, so a [`FileId`] can become a part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileId(String);

/// Reads a text that must be a [`FileId`]: for `#[serde(deserialize_with = …)]` on a field that stays text.
///
/// # Errors
/// It cannot be the name of a file.
pub fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    FileId::deserialize(deserializer).map(String::from)
}

/// The text is no [`FileId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be the name of a file: it must have 1 to {longest} of the characters A-Z a-z 0-9 . _ - \
     and begin with a letter or a digit",
    longest = FileId::LONGEST
)]
pub struct NoFileId(String);

impl FileId {
    /// The length of the longest name. File systems allow 255 bytes; the rest is for extensions and random suffixes.
    pub const LONGEST: usize = 200;

    /// Returns a name that sorts by its time, in milliseconds: `PREFIX-20260101T000000123Z`.
    ///
    /// `prefix` consists of letters.
    pub fn of_time(prefix: &'static str, time: jiff::Timestamp) -> Self {
        debug_assert!(prefix.bytes().all(|byte| byte.is_ascii_alphabetic()) && !prefix.is_empty());
        Self(format!("{prefix}-{}", time.strftime("%Y%m%dT%H%M%S%3fZ")))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a file in a directory: the name with an extension.
    pub fn file_in(&self, directory: &Path, extension: &str) -> PathBuf {
        directory.join(format!("{}.{extension}", self.0))
    }
}

impl TryFrom<String> for FileId {
    type Error = NoFileId;

    fn try_from(text: String) -> Result<Self, NoFileId> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_valid = text.len() <= Self::LONGEST
            && text.bytes().all(is_allowed)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if is_valid { Ok(Self(text)) } else { Err(NoFileId(text)) }
    }
}

impl TryFrom<&str> for FileId {
    type Error = NoFileId;

    fn try_from(text: &str) -> Result<Self, NoFileId> {
        Self::try_from(text.to_owned())
    }
}

impl From<FileId> for String {
    fn from(id: FileId) -> Self {
        id.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_a_state_was_an_absolute_path() {
        let long = "a".repeat(FileId::LONGEST + 1);
        let out = ["/etc/passwd", "../report", "..", ".", ".hidden", "-o", "a/b", "a\\b"];
        for text in out.into_iter().chain(["", "a b", "a\nb", "ä", "\0", &long]) {
            let read = serde_json::from_value::<FileId>(text.into()).expect_err(text);
            assert!(read.to_string().contains("cannot be the name of a file"), "{read}");
        }
    }

    #[test]
    fn an_id_survives_a_round_trip() {
        let id = FileId::of_time("cutover", "2026-01-01T00:00:00.123Z".parse().expect("a time"));
        let text = serde_json::to_string(&id).expect("it has a JSON form");
        assert_eq!(text, "\"cutover-20260101T000000123Z\"");
        assert_eq!(serde_json::from_str::<FileId>(&text).expect("it can be read"), id);
        assert_eq!(id.file_in(Path::new("reports"), "md"), Path::new("reports/cutover-20260101T000000123Z.md"));
    }
}
