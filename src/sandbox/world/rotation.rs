//! Rotations in progress: what the rotation function of the stack does (`lambda/rotation/lambda_function.py`).

use serde_json::Value;

use super::secretsmanager::{Rotation, Secret};
use super::state::World;

/// The tag that the function obeys.
const HOLD_TAG: &str = "migrate-infra:hold-rotation";

impl World {
    /// Advances the rotations in progress.
    pub(super) fn advance_rotations(&mut self) {
        let now = self.now;
        let all = self.regions.values().flat_map(|region| region.secretsmanager.secrets.values());
        let due = |secret: &&Secret| secret.rotation.as_ref().is_some_and(|rotation| rotation.value_at <= now);
        let due: Vec<String> = all.filter(due).map(|secret| secret.arn.clone()).collect();
        for arn in due {
            let password = self.random_hex()[..32].to_owned();
            let Some(secret) = self.secret_mut(&arn) else { continue };
            let Some(rotation) = secret.rotation.clone() else { continue };
            if secret.versions.get(&rotation.token).is_some_and(|version| version.value.is_empty()) {
                create_secret(secret, &rotation, &password);
            }
            if rotation.current_at <= now
                && let Some((host, password)) = finish_secret(secret)
            {
                let instances = self.regions.values_mut().flat_map(|region| region.rds.instances.values_mut());
                for instance in instances.filter(|instance| instance.host == host) {
                    instance.settings.master_password.clone_from(&password);
                }
            }
        }
    }

    fn secret_mut(&mut self, arn: &str) -> Option<&mut Secret> {
        let mut all = self.regions.values_mut().flat_map(|region| region.secretsmanager.secrets.values_mut());
        all.find(|secret| secret.arn == arn)
    }
}

/// Gives the version a value with a new password. A secret that is held is refused, and its label stays.
fn create_secret(secret: &mut Secret, rotation: &Rotation, password: &str) {
    let current = secret.version("AWSCURRENT").map(|(_, version)| version.value.clone());
    let value = current.and_then(|value| serde_json::from_str::<Value>(&value).ok());
    let (Some(Value::Object(mut value)), false) = (value, secret.tags.contains_key(HOLD_TAG)) else {
        secret.rotation = None;
        return;
    };
    value.insert("password".to_owned(), password.into());
    if let Some(version) = secret.versions.get_mut(&rotation.token) {
        version.value = Value::Object(value).to_string();
    }
}

/// Makes the version the current one. Returns the host of the database and its new password.
fn finish_secret(secret: &mut Secret) -> Option<(String, String)> {
    let rotation = secret.rotation.take()?;
    for version in secret.versions.values_mut() {
        version.stages.remove("AWSPREVIOUS");
        if version.stages.remove("AWSCURRENT") {
            version.stages.insert("AWSPREVIOUS".to_owned());
        }
    }
    let version = secret.versions.get_mut(&rotation.token)?;
    version.stages.insert("AWSCURRENT".to_owned());
    let value: Value = serde_json::from_str(&version.value).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("host")?, text("password")?))
}
