//! For row `Open`: the replication from the old database ends for good.

use infra_database::Database;
use infra_database::slots::{self, Dropped};

use super::error::Error;
use super::guards::Service;

/// Makes sure that a replication carries nothing from the old database any more, whatever its task does: its reader is
/// ended, and its slots are dropped. Slots that do not exist are no error.
///
/// A task that is still stopping could otherwise connect again, and apply a second time what the new primary has
/// changed since.
///
/// *Killed*: Some slots exist. Repeat it.
///
/// # Errors
/// The user must not do that, or a reader connects again each time.
pub async fn cut_off(old: Database<'_>, slots: &[impl AsRef<str> + Sync]) -> Result<(), Error> {
    for name in slots {
        let name = name.as_ref();
        if slots::force_drop(old, name).await? == Dropped::Active {
            return Err(Error::SlotInUse { slot: name.to_owned(), side: old.label().to_owned() });
        }
    }
    Ok(())
}

/// Lets the fallback begin at the end of the log of the new database, if that still refuses writes of the service: what
/// the old replication has written there does not go back. Call it after [`cut_off`].
///
/// # Errors
/// The slot is in use, or a statement failed.
pub async fn advance_fallback(new: Database<'_>, service: Service<'_>, slot: &str) -> Result<(), Error> {
    if infra_database::guard::is_guarded(new, service.role).await? {
        slots::advance(new, slot).await?;
    }
    Ok(())
}
