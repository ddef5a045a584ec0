//! AWS managed keys: the keys with which services encrypt by default.

/// Returns the key with which a service encrypts a resource by default. AWS reports its ARN, as for any other key.
pub(super) fn default_key(of: &str) -> String {
    let parts: Vec<&str> = of.split(':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    format!("arn:{}:kms:{}:{}:key/0a0a0a0a-0000-4000-8000-0000000000{:02x}", part(1), part(3), part(4), part(2).len())
}
