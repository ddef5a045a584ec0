//! The file for a bug report: a zip archive of JSON documents.

use std::io::{Cursor, Write};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The documents of the file.
#[derive(Default)]
pub(super) struct Bundle(Vec<(&'static str, &'static str, String)>);

impl Bundle {
    /// Adds a document, with a description of its content.
    pub(super) fn add(&mut self, name: &'static str, what: &'static str, value: &Value) {
        self.0.push((name, what, serde_json::to_string_pretty(value).unwrap_or_default() + "\n"));
    }

    /// Returns names and descriptions.
    pub(super) fn contents(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(name, what, _)| (*name, *what))
    }

    /// Returns the bytes of the archive.
    ///
    /// # Errors
    /// The archive cannot be written, which does not happen in memory.
    pub(super) fn zip(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        // Nobody has to unpack it to see what is in it.
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o600);
        for (name, _, text) in &self.0 {
            archive.start_file(*name, options)?;
            archive.write_all(text.as_bytes())?;
        }
        Ok(archive.finish()?.into_inner())
    }
}
