//! Resolves the configuration file: merges the sections of each environment, and parses all strings.

mod config;
mod custom_gate;
mod gates;

pub(crate) use self::config::resolve;
