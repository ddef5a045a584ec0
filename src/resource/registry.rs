//! Every resource kind, one line each.

use super::kind::{Erased, Kind};
use crate::resources::{ec2, lambda, rds, secretsmanager};

const KINDS: &[&dyn Kind] = &[
    &Erased::<ec2::Vpc>::NEW,
    &Erased::<ec2::Subnet>::NEW,
    &Erased::<lambda::Function>::NEW,
    &Erased::<lambda::Permission>::NEW,
    &Erased::<rds::DbInstance>::NEW,
    &Erased::<rds::DbParameterGroup>::NEW,
    &Erased::<rds::DbSubnetGroup>::NEW,
    &Erased::<secretsmanager::Secret>::NEW,
    &Erased::<secretsmanager::SecretContent>::NEW,
    &Erased::<secretsmanager::SecretRotation>::NEW,
];

/// Returns every kind.
pub fn kinds() -> &'static [&'static dyn Kind] {
    KINDS
}

/// Returns the kind with this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().find(|kind| kind.name() == name).copied()
}
