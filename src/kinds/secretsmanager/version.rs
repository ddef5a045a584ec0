//! Names of versions of a secret.

use sha2::{Digest, Sha256};

/// Returns a name for a version of a secret. It has 64 characters, the most that AWS accepts. The same parts give the
/// same name, so that a repeated call creates no second version.
pub(super) fn version_token(parts: &[&str]) -> String {
    Sha256::digest(parts.join("|")).iter().map(|byte| format!("{byte:02x}")).collect()
}
