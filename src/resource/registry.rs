//! Every resource kind, one line each.

use super::kind::{Erased, Kind};
use crate::resources::ec2;

const KINDS: &[&dyn Kind] = &[&Erased::<ec2::Vpc>::NEW, &Erased::<ec2::Subnet>::NEW];

/// Returns every kind.
pub fn kinds() -> &'static [&'static dyn Kind] {
    KINDS
}

/// Returns the kind with this name.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().find(|kind| kind.name() == name).copied()
}
