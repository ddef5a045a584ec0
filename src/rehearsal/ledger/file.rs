//! The file of a ledger. A line is written before the acknowledgement counts, so that it survives `kill -9` of this
//! program: the operating system keeps what a process has written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use infra_base::file;

use super::entry::{Entry, RecordedTable, VERSION};
use crate::error::Error;

/// A ledger that is open for writing. Only one process can have it open.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    torn: Option<PathBuf>,
    file: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    line: Vec<u8>,
    last: u64,
}

/// Returns the time in microseconds since 1970, which is how ledgers and reports count.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

impl Ledger {
    /// Creates a ledger, or continues the one of an earlier process.
    ///
    /// # Errors
    /// The file cannot be written, or another process has it open.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |what, source| Error::File { what, path: path.to_owned(), source };
        let open = file::open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false));
        let mut file = open.map_err(|error| failed("open the ledger", error))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                failed("lock the ledger, which another process has open,", io::ErrorKind::WouldBlock.into())
            }
            std::fs::TryLockError::Error(error) => failed("lock the ledger", error),
        })?;
        let end = end_of_last_line(&mut file).map_err(|error| failed("read the ledger", error))?;
        let torn = cut_torn_line(path, &mut file, end).map_err(|error| failed("repair the ledger", error))?;
        let ledger = Self { path: path.to_owned(), torn, file: Mutex::new(Open { file, line: Vec::new(), last: 0 }) };
        ledger.append(|at| Entry::Run { version: VERSION, at })?;
        Ok(ledger)
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file with the torn line that an earlier process has left, if it has.
    pub fn torn(&self) -> Option<&Path> {
        self.torn.as_deref()
    }

    /// Declares the tables to which entries refer by their position.
    pub(crate) fn declare(&self, tables: &[RecordedTable]) -> Result<(), Error> {
        for (n, table) in (0..).zip(tables) {
            self.append(|_| Entry::Table { n, table: table.clone() })?;
        }
        Ok(())
    }

    /// Appends an entry, which gets the time of its line. Times never decrease.
    pub(crate) fn append<'a>(&self, entry: impl FnOnce(u64) -> Entry<'a>) -> Result<(), Error> {
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { file, line, last } = &mut *open;
        *last = now().max(*last);
        line.clear();
        let written = serde_json::to_writer(&mut *line, &entry(*last)).map_err(io::Error::from).and_then(|()| {
            line.push(b'\n');
            // One call for one line.
            file.write_all(line)
        });
        written.map_err(|source| Error::File { what: "write the ledger", path: self.path.clone(), source })
    }
}

/// Cuts off what follows the last complete line, and returns the file in which it is kept. A process that was killed
/// while it wrote leaves a part of a line, which acknowledged nothing.
fn cut_torn_line(path: &Path, file: &mut File, end: u64) -> io::Result<Option<PathBuf>> {
    file.seek(SeekFrom::Start(end))?;
    let mut torn = Vec::new();
    file.read_to_end(&mut torn)?;
    let kept = match torn.as_slice() {
        [] => None,
        torn => {
            let mut prefix = path.file_name().unwrap_or_default().to_owned();
            prefix.push(".torn-");
            let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
            Some(file::keep(directory.unwrap_or(Path::new(".")), &prefix, torn)?)
        }
    };
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok(kept)
}

/// Returns the position after the last complete line.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; 64 * 1024];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = usize::try_from(end - start).unwrap_or_default();
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(at) = block[..length].iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
