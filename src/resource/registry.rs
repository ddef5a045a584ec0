//! Every resource kind, one line each.

use super::kind::{Erased, Kind};
use crate::resources::{cloudwatch, ec2, iam, logs, s3};

const KINDS: &[&dyn Kind] = &[
    &Erased::<ec2::Vpc>::NEW,
    &Erased::<ec2::Subnet>::NEW,
    &Erased::<iam::Role>::NEW,
    &Erased::<iam::RolePolicy>::NEW,
    &Erased::<iam::RolePolicyAttachment>::NEW,
    &Erased::<s3::Bucket>::NEW,
    &Erased::<logs::LogGroup>::NEW,
    &Erased::<cloudwatch::Dashboard>::NEW,
    &Erased::<cloudwatch::Alarm>::NEW,
];

/// Returns every kind.
pub fn kinds() -> &'static [&'static dyn Kind] {
    KINDS
}

/// Returns the kind with this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().find(|kind| kind.name() == name).copied()
}
