//! `assume_role` of an environment or of the routing.

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// A profile of the AWS configuration files; empty: the standard chain.
    pub profile: String,
    /// A role to assume with them.
    pub assume_role: Option<AssumeRole>,
}
