//! Tests of `policy`: what is derived allows every call of whole runs, and nothing that is not needed.

pub mod derived;
pub mod enforced;
pub mod evaluator;
pub mod requests;
