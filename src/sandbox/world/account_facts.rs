//! What a script says of the account, where it differs from a new one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the script says of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFacts {
    /// Its regions, by name.
    pub regions: BTreeMap<String, RegionFacts>,
    /// Its quotas, by the keys of [`super::quotas`].
    pub quotas: BTreeMap<String, usize>,
    /// Its certificates, by ARN. What the script says nothing of can be used and is not shown.
    pub certificates: BTreeMap<String, CertificateFacts>,
}

/// What the script says of a certificate of AWS Certificate Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateFacts {
    /// Its status.
    pub status: CertificateStatus,
    /// The names that it is for.
    pub names: Vec<String>,
    /// In how many days it expires.
    pub days_left: u32,
}

impl Default for CertificateFacts {
    fn default() -> Self {
        // Less than what authorities may give: 200 days since March 2026 (CA/Browser Forum, ballot SC-081v3).
        Self { status: CertificateStatus::Issued, names: Vec::new(), days_left: 198 }
    }
}

/// The status of a certificate (`CertificateDetail`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each is the status of AWS of the same name")]
pub enum CertificateStatus {
    PendingValidation,
    Issued,
    Inactive,
    Expired,
    ValidationTimedOut,
    Revoked,
    Failed,
}

impl CertificateStatus {
    /// Returns the name that AWS gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingValidation => "PENDING_VALIDATION",
            Self::Issued => "ISSUED",
            Self::Inactive => "INACTIVE",
            Self::Expired => "EXPIRED",
            Self::ValidationTimedOut => "VALIDATION_TIMED_OUT",
            Self::Revoked => "REVOKED",
            Self::Failed => "FAILED",
        }
    }
}

/// What the script says of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegionFacts {
    /// Whether the account has enabled it. Without it, all regions are enabled that need not be.
    pub enabled: Option<bool>,
    /// The letters of its zones.
    pub zones: Option<Vec<String>>,
    /// Patterns of instance classes that a zone does not offer, by its letter.
    pub not_offered: BTreeMap<String, Vec<String>>,
}
