//! The end of a migration in both databases.

use infra_database::slots::{self, Dropped, Leftover, LeftoverKind};
use infra_database::{Database, guard, identity, marker};

use super::error::Error;
use super::guards::Service;

/// What happens to the guard of the old database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldGuard {
    /// It stays: a client or a job may still reach the old database.
    Keep,
    /// It goes. Nothing of the service can reach the old database any more.
    Remove,
}

/// What the finish removes.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a> {
    /// The service.
    pub service: Service<'a>,
    /// The slots of the migration, on both sides. Other slots are left alone.
    pub slots: &'a [&'a str],
    /// What happens to the guard of the old database.
    pub old_guard: OldGuard,
}

/// What the finish did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// What was removed, with the label of its database.
    pub removed: Vec<(String, Leftover)>,
    /// Slots that are not of the migration, with the label of their database.
    pub others: Vec<(String, Leftover)>,
    /// Identity columns that refuse values again, with the label of their database.
    pub identities: Vec<(String, String)>,
}

/// Removes everything of the migration from both databases, and verifies that it is absent. Stop the fallback first.
///
/// *Killed*: Some of it is removed. Repeat it.
///
/// # Errors
/// The new database is not the primary, a slot is being read, or something is still there.
pub async fn finish(old: Database<'_>, new: Database<'_>, order: Finish<'_>) -> Result<Finished, Error> {
    order.service.must_not_be_guarded(new).await?;
    let mut finished = Finished::default();
    for database in [old, new] {
        clean(database, order.slots, &mut finished).await?;
    }
    let service = order.service;
    if order.old_guard == OldGuard::Remove {
        guard::open(old, service.role, service.excluded_applications).await?;
        service.must_not_be_guarded(old).await?;
    }
    Ok(finished)
}

async fn clean(database: Database<'_>, ours: &[&str], finished: &mut Finished) -> Result<(), Error> {
    let side = || database.label().to_owned();
    for name in ours {
        match slots::drop(database, name).await? {
            Dropped::Absent => {}
            Dropped::Dropped => {
                let slot = Leftover { kind: LeftoverKind::Slot, name: (*name).to_owned() };
                finished.removed.push((side(), slot));
            }
            Dropped::Active => return Err(Error::SlotInUse { slot: (*name).to_owned(), side: side() }),
        }
    }
    // Nothing replicates into it any more.
    let restored = identity::restore(database).await?;
    finished.identities.extend(restored.into_iter().map(|column| (side(), column)));
    let removed = slots::remove_leftovers(database).await?;
    finished.removed.extend(removed.into_iter().map(|one| (side(), one)));
    marker::remove(database).await?;
    let is_foreign = |one: &Leftover| one.kind == LeftoverKind::Slot && !ours.contains(&one.name.as_str());
    let (others, left): (Vec<_>, Vec<_>) = slots::verify_clean(database).await?.into_iter().partition(is_foreign);
    finished.others.extend(others.into_iter().map(|one| (side(), one)));
    if left.is_empty() { Ok(()) } else { Err(Error::Left { side: side(), what: left }) }
}
