//! Stores the world between commands.

use std::fs;
use std::path::{Path, PathBuf};

use super::world::World;
use super::world::real_data::DataSource;
use infra_base::file::{self, Access, Partial};
use infra_base::locked_file::LockedFile;

/// The file in which the world is stored.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    /// One process at a time: two would overwrite each other's world.
    _lock: LockedFile,
}

/// Why the world cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Another process uses it.
    #[error("the sandbox in {} is in use by another command", .0.display())]
    InUse(PathBuf),
    /// It cannot be read or written.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It does not contain a world.
    #[error("{} is not a sandbox world that this version supports", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

impl Disk {
    /// Opens the world in `directory`, or creates one.
    ///
    /// # Errors
    /// If another command uses it, or if it cannot be read.
    pub fn open(directory: &Path) -> Result<(Self, World), DiskError> {
        let path = directory.join("world.json");
        let io = |source| DiskError::Io { path: path.clone(), source };
        file::create_directory(directory).map_err(io)?;
        let options = fs::OpenOptions::new().create(true).truncate(false).write(true).clone();
        let lock = file::open(&directory.join("world.lock"), &options).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => DiskError::InUse(directory.to_owned()),
            fs::TryLockError::Error(source) => io(source),
        })?;
        let lock = LockedFile::of(lock);
        // What a killed command was writing. The lock says that nobody is.
        file::remove_partials(&path).map_err(io)?;
        let world = match file::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| DiskError::Damaged { path: path.clone(), source })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => World::new(),
            Err(source) => return Err(io(source)),
        };
        Ok((Self { path, _lock: lock }, world))
    }

    /// Returns where the data of the databases is, without opening the world. A directory without a world has none.
    pub fn data_source(directory: &Path) -> DataSource {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Header {
            data: DataSource,
        }
        let bytes = file::read(&directory.join("world.json")).unwrap_or_default();
        // A damaged world is reported when it is opened.
        serde_json::from_slice::<Header>(&bytes).unwrap_or_default().data
    }

    /// Returns the stored world, without opening it: another command may be changing it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(directory: &Path) -> Result<World, DiskError> {
        let path = directory.join("world.json");
        let bytes = file::read(&path).map_err(|source| DiskError::Io { path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|source| DiskError::Damaged { path, source })
    }

    /// Writes the world, so that the effects of calls survive a killed process. Only one thread at a time may do so:
    /// the one that has the lock of the world.
    ///
    /// # Errors
    /// If it cannot be written; the file is then unchanged.
    pub fn save(&self, world: &World) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(world)?;
        // It is written with every call, so it is not flushed: a simulation that a power failure has ended can be lost.
        let mut new = Partial::create(&self.path, Access::Owner)?;
        new.write(&bytes)?;
        new.rename().map(drop)
    }
}
