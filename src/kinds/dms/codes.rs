//! Error codes of DMS, and how long the temporary ones can last.

/// The resource does not exist. A description that finds nothing has this code or an empty list.
pub(super) const NOT_FOUND: &[&str] = &["ResourceNotFoundFault"];
/// Something that the resource depends on is still changing or being deleted.
pub(super) const BUSY: &[&str] = &["InvalidResourceStateFault"];
/// How long that can last, in seconds.
pub(super) const BUSY_SECONDS: u64 = 10 * 60;
/// A new role is not usable yet: "The IAM Role … is not configured properly" (AccessDeniedFault), for up to two
/// minutes.
pub(super) const ROLE: &[&str] = &["AccessDeniedFault"];
/// How long that can last, in seconds.
pub(super) const ROLE_SECONDS: u64 = 180;
