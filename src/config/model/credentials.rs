//! `assume_role` of an environment or of the routing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role that is assumed for the calls to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: String,
    /// External id, if the trust policy of the role requires one. It is not a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Name of the session, which CloudTrail shows.
    #[serde(default = "session_name")]
    pub session_name: String,
}

fn session_name() -> String {
    "migrate-infra".to_owned()
}

/// The credentials of an account, as the configuration names them. The default is the standard chain of AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Credentials {
    /// Profile of the AWS configuration files. Empty: the default credentials, or those of `AWS_PROFILE`.
    pub profile: String,
    /// Role to assume with the credentials of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
}

/// The credentials of accounts, by account number.
pub type Accounts = BTreeMap<String, Credentials>;
