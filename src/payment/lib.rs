//! A payment environment: builds the graph of its resources from a configuration, and checks the graph against the
//! policy rules.
//!
//! *May depend on* the configuration, the core and the kinds.
//! *Must never know* AWS calls, how state is stored, or a command.

pub mod policy;
pub mod stack;
