//! Validates what a schema cannot express: values that do not fit together, or that AWS does not allow.

mod config;
mod credentials;
mod cutover;
mod database;
mod database_access;
mod drift;
mod engine;
mod environment;
mod gates;
mod network;
mod notify;
mod policy;
mod regions;
mod replication;
mod routing;
mod service;
mod stack;
mod state;
mod storage;
mod validator;

pub(crate) use self::config::validate;
