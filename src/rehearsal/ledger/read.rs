//! Reads a ledger, one entry at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use infra_base::file;

use super::entry::{Entry, RecordedTable, VERSION};
use crate::error::Error;

/// A ledger that is being read.
pub(crate) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = file::open(path, OpenOptions::new().read(true)).map_err(|source| Error::File {
            what: "read the ledger",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(1 << 20, file), line: Vec::new(), number: 0 })
    }

    /// Returns the next entry. An incomplete last line is no entry: a process can be writing it.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, Error> {
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line);
        read.map_err(|source| Error::File { what: "read the ledger", path: self.path.clone(), source })?;
        self.number += 1;
        let Some(line) = self.line.strip_suffix(b"\n") else { return Ok(None) };
        let damaged = |reason: String| Error::Ledger { path: self.path.clone(), line: self.number, reason };
        match serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))? {
            Entry::Run { version, .. } if version != VERSION => {
                Err(damaged(format!("its format has the version {version}, this program reads {VERSION}")))
            }
            entry => Ok(Some(entry)),
        }
    }
}

/// The tables of a ledger. Each run numbers them on its own.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) all: Vec<RecordedTable>,
    numbers: Vec<usize>,
}

impl Tables {
    /// Takes note of a declaration.
    pub(crate) fn declare(&mut self, n: u16, table: &RecordedTable) {
        // A table that has other columns in a later run is another one: its fingerprints have other lengths.
        let at = self.all.iter().position(|other| other == table).unwrap_or_else(|| {
            self.all.push(table.clone());
            self.all.len() - 1
        });
        let n = usize::from(n);
        if self.numbers.len() <= n {
            self.numbers.resize(n + 1, at);
        }
        self.numbers[n] = at;
    }

    /// Returns the position in `all` of the table with a number in the current run.
    pub(crate) fn position(&self, n: u16) -> Option<usize> {
        self.numbers.get(usize::from(n)).copied()
    }
}
