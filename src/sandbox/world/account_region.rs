//! An account and a region: the key of a region's state, and ARNs.

use infra_base::address::{Arn, Region};

/// The account of the default credentials.
pub const MAIN_ACCOUNT: &str = "111122223333";

/// A region of an account.
#[derive(Clone, Debug)]
pub struct AccountRegion {
    /// The region.
    pub region: Region,
    /// The account number.
    pub account: String,
}

impl AccountRegion {
    /// Returns the account and the region of the key of a region's state.
    pub fn of_key(key: &str) -> Self {
        let (account, region) = key.split_once('/').unwrap_or((MAIN_ACCOUNT, key));
        Self { region: region.into(), account: account.to_owned() }
    }

    /// Returns the account and the region in an ARN.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(3);
        Some(Self { region: parts.next()?.into(), account: parts.next()?.to_owned() })
    }

    /// Returns the key of the region's state: the name of the region, after the account if it is another one.
    pub fn key(&self) -> String {
        match self.account.as_str() {
            MAIN_ACCOUNT => self.region.to_string(),
            account => format!("{account}/{}", self.region),
        }
    }

    /// Returns the ARN of a resource in this region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        Arn::regional(&self.region, &self.account, service, resource).into()
    }

    /// Returns whether this is the region in which AWS lists global resources.
    pub fn lists_global_resources(&self) -> bool {
        self.region.as_str() == "us-east-1"
    }
}
