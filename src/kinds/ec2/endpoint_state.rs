//! The state of a VPC endpoint.

use aws_sdk_ec2::types::VpcEndpoint;

/// Returns whether an endpoint is being deleted. EC2 writes its states with and without a capital letter.
pub(super) fn is_deleting(endpoint: &VpcEndpoint) -> bool {
    endpoint.state().is_some_and(|state| state.as_str().to_lowercase().starts_with("delet"))
}
