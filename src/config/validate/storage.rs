//! Validates `[storage]`, `[monitoring]` and `[encryption]`.

use super::validator::Validator;
use crate::model::EnvironmentConfig;

impl Validator<'_> {
    /// Validates the settings of buckets, alarms and keys.
    pub(super) fn storage(&mut self, environment: &EnvironmentConfig) {
        let storage = &environment.storage;
        if storage.noncurrent_to_glacier_days >= storage.noncurrent_expire_days {
            let message = format!(
                "noncurrent versions would be moved to Glacier after {} days, but deleted after {} days",
                storage.noncurrent_to_glacier_days, storage.noncurrent_expire_days
            );
            self.section(
                environment,
                "storage",
                "noncurrent_to_glacier_days",
                message,
                "use a value that is less than noncurrent_expire_days",
            );
        }
        // An alarm can only notify topics in its own region ("PutMetricAlarm", AlarmActions), and a key can only be
        // used in its own region.
        let region = environment.region.as_str();
        let prefix = |service: &str| format!("arn:{}:{service}:{region}:", environment.region.partition());
        let topic = &environment.monitoring.alarm_topic_arn;
        if !topic.is_empty() && !topic.starts_with(&prefix("sns")) {
            let help = format!("for example {}111122223333:alarms", prefix("sns"));
            self.section(
                environment,
                "monitoring",
                "alarm_topic_arn",
                format!("`{topic}` is not the ARN of an SNS topic in {region}"),
                help,
            );
        }
        let key = &environment.encryption.kms_key_arn;
        let fits = key.is_empty() || (key.starts_with(&prefix("kms")) && key.contains(":key/"));
        if !fits {
            let help = format!("for example {}111122223333:key/1234abcd-…", prefix("kms"));
            self.section(
                environment,
                "encryption",
                "kms_key_arn",
                format!("`{key}` is not the ARN of a KMS key in {region}"),
                help,
            );
        }
    }
}
