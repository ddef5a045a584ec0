//! Files that hold what must not be lost, and that other users of the machine can neither read nor redirect.
//!
//! * A file is replaced by renaming a temporary file with a random name, so it is complete at any time. File and
//!   directory are flushed, so it outlives a power failure.
//! * Only regular files are read or replaced. A FIFO, a device or a directory is refused, and nothing waits for a
//!   writer. A symbolic link is never replaced or written through.
//! * New files can be read by their owner only (mode 0600), and new directories entered by their owner only (0700).

mod directory;
mod open;
mod replace;

pub use directory::{create_directory, sync_directory};
pub use open::{open, read, read_input, read_to_string, refuse_irregular};
pub use replace::{Access, Partial, create_new, keep, remove_partials, replace};
