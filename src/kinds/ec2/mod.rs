//! Amazon EC2 and VPC.

pub(super) mod blockers;
mod default_security_group;
mod elastic_ip;
mod find;
mod gateway_endpoint;
mod internet_gateway;
mod nat_gateway;
mod route;
mod route_table;
mod route_table_association;
mod rules;
mod security_group;
mod security_group_rule;
mod stack_lists;
mod subnet;
mod tagging;
mod vpc;
mod vpc_peering_acceptance;
mod vpc_peering_connection;
mod vpc_peering_dns;

pub use default_security_group::DefaultSecurityGroup;
pub use elastic_ip::ElasticIp;
pub use gateway_endpoint::GatewayEndpoint;
pub use internet_gateway::InternetGateway;
pub use nat_gateway::NatGateway;
pub use route::{Route, RouteTarget};
pub use route_table::RouteTable;
pub use route_table_association::RouteTableAssociation;
pub use rules::Direction;
pub use security_group::SecurityGroup;
pub use security_group_rule::{Peer, SecurityGroupRule};
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_peering_acceptance::VpcPeeringAcceptance;
pub use vpc_peering_connection::VpcPeeringConnection;
pub use vpc_peering_dns::{PeeringSide, VpcPeeringDns};
