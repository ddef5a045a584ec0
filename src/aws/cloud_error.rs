//! Why AWS cannot be used at all.

use super::error::AwsError;
use super::http::CaBundleError;
use infra_base::address::{AccountId, Region};
use infra_base::endpoint_url::EndpointUrlError;

/// The reason why the cloud cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// There are no usable credentials.
    #[error("there are no valid AWS credentials for {who}")]
    Credentials {
        /// What they are for, and where they come from.
        who: String,
        /// The region that was asked.
        region: Region,
        /// The command that renews them.
        login: String,
        /// The error.
        source: AwsError,
    },
    /// The credentials are accepted in one region, but not in another one.
    #[error("AWS does not accept the credentials of {who} in the region {region}")]
    Region {
        /// What they are for, and where they come from.
        who: String,
        /// The region that refuses them.
        region: Region,
        /// The command that renews them.
        login: String,
        /// The error.
        source: AwsError,
    },
    /// The profile requires a code of an MFA device, which the SDK cannot ask for.
    #[error(
        "the profile `{profile}` requires a code of an MFA device (`mfa_serial`), which the AWS SDK does not support"
    )]
    Mfa {
        /// The profile.
        profile: String,
    },
    /// Two environments have different credentials of one account.
    #[error("{first} and {second} have different credentials of the same account {account}")]
    TwoSources {
        /// The account.
        account: AccountId,
        /// What the first credentials are for, and where they come from.
        first: String,
        /// What the second credentials are for, and where they come from.
        second: String,
    },
    /// The credentials of an account belong to another one.
    #[error("the credentials for {who} belong to the account {account}, not to {expected}")]
    OtherAccount {
        /// What they are for, and where they come from.
        who: String,
        /// The account that they belong to.
        account: AccountId,
        /// The account of the configuration.
        expected: AccountId,
    },
    /// The certificates of `AWS_CA_BUNDLE` cannot be used.
    #[error(transparent)]
    CaBundle(#[from] CaBundleError),
    /// An account that an emergency does not need has not answered soon enough.
    #[error("the account of {who} has not answered within {seconds} s")]
    Late {
        /// The tenant and its credentials.
        who: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Calls cannot be sent to a URL. It is not repeated: it can contain a password.
    #[error("the URL in {setting} cannot be used")]
    EndpointUrl {
        /// What contains the URL.
        setting: String,
        /// The reason.
        source: EndpointUrlError,
    },
    /// The endpoint does not answer.
    #[error("{endpoint} does not answer")]
    Unreachable {
        /// The URL, or a description of AWS.
        endpoint: String,
        /// The error of the connection.
        #[source]
        source: AwsError,
    },
    /// The answer does not contain the account.
    #[error("AWS did not report the account of the credentials of {who}")]
    Account {
        /// What they are for, and where they come from.
        who: String,
        /// The error.
        source: AwsError,
    },
}
