//! Which database accepts writes of the service.

use infra_database::{Database, guard};

use super::error::Error;

/// The role of the service, which guards are about.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// The role that logs in.
    pub role: &'a str,
    /// Applications of this role that are no service, by their exact names. They are not guarded.
    pub excluded_applications: &'a [&'a str],
}

impl Service<'_> {
    pub(super) async fn must_be_guarded(self, database: Database<'_>) -> Result<(), Error> {
        if guard::is_guarded(database, self.role).await? {
            return Ok(());
        }
        Err(Error::NotGuarded { side: database.label().to_owned(), role: self.role.to_owned() })
    }

    pub(super) async fn must_not_be_guarded(self, database: Database<'_>) -> Result<(), Error> {
        if guard::is_guarded(database, self.role).await? {
            return Err(Error::Guarded { side: database.label().to_owned(), role: self.role.to_owned() });
        }
        Ok(())
    }

    /// Lets one database accept writes, if the other refuses them.
    async fn open(self, one: Database<'_>, other: Database<'_>) -> Result<(), Error> {
        self.must_be_guarded(other).await?;
        // A session that keeps the read-only default can do no harm; its pool replaces it.
        guard::open(one, self.role, self.excluded_applications).await?;
        Ok(())
    }
}

/// For row `Open`: lets the new database accept writes. It refuses if the old database accepts them.
///
/// Sessions of the service that began before are ended, because they would not write; a pool opens new ones.
///
/// *Killed*: Repeat it. It ends sessions of the service again, also those that can write already: their clients see an
/// error for what they have not committed.
///
/// # Errors
/// The old database is not guarded, or a statement failed.
pub async fn open_new(old: Database<'_>, new: Database<'_>, service: Service<'_>) -> Result<(), Error> {
    service.open(new, old).await
}

/// Undoes row `Drain`: lets the old database accept writes again. It refuses if the new database accepts them.
///
/// # Errors
/// The new database is not guarded, or a statement failed.
pub async fn reopen_old(old: Database<'_>, new: Database<'_>, service: Service<'_>) -> Result<(), Error> {
    service.open(old, new).await
}
