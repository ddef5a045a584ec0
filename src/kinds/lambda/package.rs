//! The code of the functions that are part of this tool.

use std::io::{Cursor, Write};

use aws_smithy_types::base64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use infra_core::resource::{Error, Result};

/// The code of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Package {
    /// Rotates the master password of a database. It requires the environment variable `DB_INSTANCE_IDENTIFIER`, or the
    /// host of the instance in the secret.
    DbSecretRotation,
}

impl Package {
    /// The code. Its lines end in the same way on every platform on which this program is built.
    fn source(self) -> String {
        let source = match self {
            Self::DbSecretRotation => include_str!("rotation/lambda_function.py"),
        };
        source.replace("\r\n", "\n")
    }

    /// The handler: file and function.
    pub(super) fn handler(self) -> &'static str {
        match self {
            Self::DbSecretRotation => "lambda_function.lambda_handler",
        }
    }

    /// Builds the archive. The same source gives the same bytes, so that a second `up` finds the code unchanged.
    ///
    /// # Errors
    /// The archive cannot be written, which does not happen in memory.
    pub(super) fn zip(self) -> Result<Vec<u8>> {
        let broken = |error: zip::result::ZipError| {
            Error::Refused(format!("the code of the function could not be packed: {error}"))
        };
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        archive.start_file("lambda_function.py", options).map_err(broken)?;
        archive.write_all(self.source().as_bytes()).map_err(|error| broken(error.into()))?;
        Ok(archive.finish().map_err(broken)?.into_inner())
    }
}

/// Returns the checksum of an archive as Lambda shows it.
pub(super) fn checksum(zip: &[u8]) -> String {
    base64::encode(Sha256::digest(zip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_always_the_same() {
        let one = Package::DbSecretRotation.zip().unwrap();
        assert_eq!(one, Package::DbSecretRotation.zip().unwrap());
        assert_eq!(checksum(&one).len(), 44);
        // 1980-01-01, the first day that the format supports.
        assert_eq!(one[10..14], [0, 0, 0x21, 0]);
    }
}
