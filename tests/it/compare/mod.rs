//! Tests of the comparison of two databases.

pub mod access;
pub mod commands;
pub mod concurrency;
pub mod schemas;
pub mod two_databases;
