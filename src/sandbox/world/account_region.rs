//! An account and a region, for building ARNs.

use infra_base::address::Region;

/// A region of an account.
#[derive(Clone, Debug)]
pub struct AccountRegion {
    /// The region.
    pub region: Region,
    /// The account number.
    pub account: String,
}

impl AccountRegion {
    /// Returns the ARN of a resource in this region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.region.partition(), self.region, self.account)
    }

    /// Returns whether this is the region in which AWS lists global resources.
    pub fn lists_global_resources(&self) -> bool {
        self.region.as_str() == "us-east-1"
    }
}
