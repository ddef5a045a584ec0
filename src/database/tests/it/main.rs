//! What the crate does on two real servers. See `server.rs` for the versions that are tested.

mod changes;
mod check;
mod drain;
mod guard;
mod identity;
mod marker;
mod repeated;
mod schema;
mod sequences;
mod server;
mod slots;
