//! Recognizes the format of a dump by its first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// The format of a dump ("pg_dump", PostgreSQL documentation, option `--format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// `custom`: one file.
    Custom,
    /// `directory`: a directory with `toc.dat`.
    Directory,
    /// `tar`.
    Tar,
    /// `plain`: SQL.
    Plain,
}

/// The start of the table of contents of each format but `plain`.
const MAGIC: &[u8] = b"PGDMP";

/// Returns the format of a dump.
///
/// # Errors
/// It cannot be read, or no program of PostgreSQL restores it.
pub fn dump_format(path: &Path) -> Result<DumpFormat, Error> {
    let not_a_dump = |reason| Err(Error::NotADump { path: path.to_owned(), reason });
    if path.is_dir() {
        let start = read_start(&path.join("toc.dat"));
        return match start {
            Ok(start) if start.starts_with(MAGIC) => Ok(DumpFormat::Directory),
            _ => not_a_dump("the directory has no table of contents `toc.dat`"),
        };
    }
    let start =
        read_start(path).map_err(|source| Error::File { what: "read the dump", path: path.to_owned(), source })?;
    // "POSIX ustar" archives have their magic at 257 ("tar", POSIX pax format).
    let is_tar = start.get(257..262) == Some(b"ustar");
    match start.as_slice() {
        [] => not_a_dump("the file is empty"),
        start if start.starts_with(MAGIC) => Ok(DumpFormat::Custom),
        start if is_tar && start.starts_with(b"toc.dat") => Ok(DumpFormat::Tar),
        _ if is_tar => not_a_dump("the archive does not start with `toc.dat`; unpack it first"),
        [0x1f, 0x8b, ..] => not_a_dump("it is compressed with gzip; decompress it first"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => not_a_dump("it is compressed with zstd; decompress it first"),
        [0x04, 0x22, 0x4d, 0x18, ..] => not_a_dump("it is compressed with lz4; decompress it first"),
        start if start.contains(&0) => not_a_dump("it is a binary file of another format"),
        _ => Ok(DumpFormat::Plain),
    }
}

fn read_start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut start)?;
    Ok(start)
}
