//! A page for browsers on this machine, which changes while it is shown: HTTP with server-sent events.
//!
//! *Guarantees*: It listens on 127.0.0.1 only. Every path begins with a random token, so that other users of the
//! machine and other pages in the browser can read nothing. Nothing can be changed. A server never holds up whoever
//! sends views.
//!
//! *Must never know* files, AWS, kinds, or a command-line option.

mod answer;
mod events;
mod server;
mod token;

#[cfg(test)]
mod tests;

pub use server::Server;
