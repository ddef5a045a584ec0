//! Tests of the application. Most use two databases of a real server.

mod batch;
mod conflicts;
mod convergence;
mod errors;
mod faults;
mod keys;
mod lobs;
mod net;
mod pair;
mod policy;
mod resume;
mod statement;
mod truncation;
