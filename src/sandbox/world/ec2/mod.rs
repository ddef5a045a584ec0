//! EC2: networks.

mod gateways;
mod groups;
mod interfaces;
mod peerings;
mod region;
mod routing;
mod vpcs;

pub use gateways::{ElasticIp, InternetGateway, NatGateway, NatState};
pub use groups::{Peer, SecurityGroup, SecurityGroupRule};
pub use interfaces::NetworkInterface;
pub use peerings::{Peering, PeeringState, Side};
pub use region::{ClientToken, Ec2};
pub use routing::{EndpointState, RouteTable, VpcEndpoint};
pub use vpcs::{Subnet, Vpc};

pub use super::tags::Tags;
