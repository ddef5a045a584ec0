//! Where in AWS something is, for making ARNs.

use crate::address::Region;
use crate::aws::partition;

/// A region of an account.
#[derive(Clone, Debug)]
pub struct Place {
    /// The region.
    pub region: Region,
    /// The account number.
    pub account: String,
}

impl Place {
    /// Makes the ARN of something in this region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", partition(&self.region), self.region, self.account)
    }

    /// Returns whether this is the region in which AWS shows what belongs to no region.
    pub fn is_home(&self) -> bool {
        self.region.as_str() == "us-east-1"
    }
}
