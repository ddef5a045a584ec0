//! Refusals of a plan, before anything is changed.

use infra_base::address::Address;
use infra_core::plan::{DependencyCycle, ExternalUsers, Missing};

use crate::selection::{Request, Selection};

/// Why a plan is not computed or not executed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanRefusal {
    /// The selection depends on resources outside of it that do not exist yet.
    #[error("{missing}")]
    MissingDependencies {
        /// What is missing.
        missing: Missing,
        /// The selection.
        selection: Selection,
    },
    /// The secret of a database in another account is encrypted with a key that other accounts cannot use.
    #[error(
        "the database of `{to}` is replicated from `{from}` in another account, whose secret is encrypted with the key \
         of AWS; another account cannot use that key"
    )]
    SharedSecretWithoutKey {
        /// The environment with the secret.
        from: String,
        /// The environment that reads it.
        to: String,
        /// The setting that names a customer managed key.
        key: String,
    },
    /// The requested changes depend on each other.
    #[error("{0}")]
    DependencyCycle(DependencyCycle),
    /// Resources that are to be deleted are used by resources that stay.
    #[error("{users}")]
    StillInUse {
        /// What uses what.
        users: ExternalUsers,
        /// Whether the users cannot be deleted first, because they receive traffic.
        receives_traffic: bool,
        /// The selection.
        selection: Selection,
    },
    /// Resources outside of the deletion use an orphan.
    #[error("{0}")]
    OrphanInUse(ExternalUsers),
    /// The configuration protects resources that would be deleted.
    #[error("{}", summary(.resources, "is protected and would be deleted", "are protected and would be deleted"))]
    Protected {
        /// The resources, each with the configuration key that protects it.
        resources: Vec<(Address, String)>,
    },
    /// A rollback would delete protected resources.
    #[error("{}", summary(.resources, "is protected and would be deleted", "are protected and would be deleted"))]
    RollbackOfProtected {
        /// The resources, each with the configuration key that protects it.
        resources: Vec<(Address, String)>,
        /// Whether single resources can be skipped.
        can_skip: bool,
    },
    /// AWS deletion protection is on for resources that would be deleted.
    #[error("{} {}", join(.addresses), if *.configured {
        "is protected from deletion by the configuration"
    } else {
        "is protected from deletion, and the configuration no longer contains it"
    })]
    DeletionProtection {
        /// The resources.
        addresses: Vec<Address>,
        /// Whether the configuration still contains them.
        configured: bool,
    },
    /// AWS would refuse the changes.
    #[error("{}", summary(.changes, "cannot be changed as configured", "cannot be changed as configured"))]
    UnsupportedChange {
        /// The resources, each with the reason.
        changes: Vec<(Address, String)>,
        /// Whether a replacement would lose data.
        holds_data: bool,
        /// The request.
        request: Request,
    },
    /// Drift that `up` cannot correct.
    #[error("{}, and `up` cannot correct that", drifted(.0))]
    ManualActionRequired(Vec<ManualStep>),
    /// Data would be lost without consent.
    #[error("{}", data_loss(.losses))]
    DataLoss {
        /// The resources.
        losses: Vec<DataLoss>,
        /// The request.
        request: Request,
    },
    /// A record that receives traffic would be deleted.
    #[error("{address} receives {percent} % of the traffic, and would be deleted")]
    ReceivesTraffic {
        /// The record.
        address: Address,
        /// Its share of the traffic.
        percent: u8,
        /// Why it would be deleted.
        reason: String,
        /// The request.
        request: Request,
    },
    /// Resources outside the plan use what would be replaced or deleted.
    #[error("resources outside of this plan use what is to be replaced or deleted")]
    UsedOutsidePlan {
        /// What uses what.
        users: ExternalUsers,
        /// Whether the environments of the users can be selected by name: the configuration contains them.
        selectable: bool,
        /// The request.
        request: Request,
    },
    /// The rollback has a dependency cycle.
    #[error("cannot roll back: {0}")]
    RollbackCycle(DependencyCycle),
    /// Resources cannot be read, so drift is unknown.
    #[error("{} resources cannot be read", .0.len())]
    Unreadable(Vec<(Address, String)>),
    /// The plan under the lock differs from the approved one.
    #[error("the plan changed after you approved it")]
    ChangedAfterApproval,
}

/// A resource that requires manual action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualStep {
    /// The resource.
    pub address: Address,
    /// Why.
    pub reason: String,
    /// The id of the foreign resource that took its place.
    pub foreign_id: Option<String>,
}

/// A resource whose data would be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataLoss {
    /// The resource.
    pub address: Address,
    /// Why the plan deletes or replaces it.
    pub reason: String,
    /// Whether it is replaced by an empty one.
    pub replaced: bool,
}

fn summary<T>(resources: &[(Address, T)], one: &str, many: &str) -> String {
    match resources {
        [(address, _)] => format!("{address} {one}"),
        all => format!("{} resources {many}", all.len()),
    }
}

fn drifted(steps: &[ManualStep]) -> String {
    match steps {
        [one] => format!("{} differs from what was last applied", one.address),
        many => format!("{} resources differ from what was last applied", many.len()),
    }
}

fn data_loss(losses: &[DataLoss]) -> String {
    let (replaced, deleted) = (losses.iter().any(|loss| loss.replaced), losses.iter().any(|loss| !loss.replaced));
    match losses {
        [one] if one.replaced => format!("{} holds data and would be replaced by an empty one", one.address),
        [one] => format!("{} holds data and would be deleted", one.address),
        many => {
            let fate = match (replaced, deleted) {
                (true, false) => "replaced by empty ones",
                (true, true) => "deleted, or replaced by empty ones",
                (false, _) => "deleted",
            };
            format!("{} resources hold data and would be {fate}", many.len())
        }
    }
}

fn join(addresses: &[Address]) -> String {
    addresses.iter().map(Address::as_str).collect::<Vec<_>>().join(" and ")
}
