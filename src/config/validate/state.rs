//! Validates `[state]`.

use super::validator::Validator;
use crate::model::{BackendKind, Config};
use crate::naming::Names;

impl Validator<'_> {
    /// Validates the state backend.
    pub(super) fn state(&mut self, config: &Config) {
        let state = &config.state;
        if state.backend == BackendKind::S3 && state.bucket.is_empty() {
            self.report(
                &["state", "bucket"],
                "the state backend is `s3`, but no bucket is configured",
                "set the name of an existing bucket",
            );
        } else if !state.bucket.is_empty() && !is_bucket_name(&state.bucket) {
            let message = format!("`{}` is not a valid bucket name", state.bucket);
            self.report(&["state", "bucket"], message, "use 3 to 63 lower-case letters, digits, hyphens and dots");
        }
        // `down` would delete the state that it needs.
        let mut own = config.environments.iter().flat_map(|environment| {
            let names = Names::new(&environment.name, &config.stack.suffix);
            environment.buckets.iter().map(move |role| names.bucket(role))
        });
        // Account and region are not known yet. The text before them identifies the stack.
        if own.any(|bucket| bucket.split_once('{').is_some_and(|(prefix, _)| state.bucket.starts_with(prefix))) {
            self.report(
                &["state", "bucket"],
                format!("`{}` is a bucket of this stack, which `down` deletes", state.bucket),
                "use another bucket",
            );
        }
        if !state.region.is_empty() {
            self.region(&["state", "region"], &state.region);
        }
        let owner = &state.bucket_owner;
        let is_account = owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
        if !owner.is_empty() && !is_account {
            let message = format!("`{owner}` is not an account");
            self.report(&["state", "bucket_owner"], message, "use 12 digits in quotes, for example \"111122223333\"");
        }
        let prefix = &state.prefix;
        if prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains("//") {
            self.report(
                &["state", "prefix"],
                format!("`{prefix}` is not a valid prefix"),
                "use words separated by single slashes, for example team/migrate-infra",
            );
        }
        let key = &state.kms_key_arn;
        let is_key = key.starts_with("arn:") && key.contains(":kms:") && key.contains(":key/");
        if !key.is_empty() && !is_key {
            let help = "for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-…";
            self.report(&["state", "kms_key_arn"], format!("`{key}` is not the ARN of a KMS key"), help);
        }
    }
}

/// Returns whether a name follows "Bucket naming rules" (Amazon S3 user guide), as far as this can be checked here.
fn is_bucket_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len())
        && name.bytes().all(is_allowed)
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix))
}
