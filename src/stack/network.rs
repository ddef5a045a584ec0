//! The network of an environment.

use super::build::Builder;
use crate::resources::ec2::{Subnet, Vpc};

/// Adds the network.
pub(super) fn add(builder: &mut Builder<'_>) {
    let vpc = builder.add("network", "vpc", &Vpc { cidr: builder.config.vpc_cidr.to_string() });
    let spec = Subnet { vpc: vpc.id(), cidr: builder.config.vpc_cidr.to_string(), zone: 0, public_addresses: true };
    builder.add("network", "public-1", &spec);
}
