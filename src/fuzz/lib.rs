//! Feeds damaged and hostile inputs to parsers.
//!
//! A [`Target`] is one parser with a corpus of valid inputs. [`Target::check`] derives inputs from the corpus and runs
//! the parser on each of them: in a child process with a bound on its memory, on a thread with the stack of a worker,
//! and with a time limit for each input. So a panic, a broken property, an exhausted stack, an exhausted memory and a
//! hang are all found, and the input that caused them is reported in a short form.
//!
//! *Guarantees*: An input follows from the seed and its number alone. The same seed gives the same inputs, and an input
//! can be repeated without those before it. A generator whose inputs are all accepted, or all refused, fails.
//!
//! *Why not a library*: `cargo-fuzz`, `afl` and `honggfuzz` require an instrumented compiler, and a `proptest` or a
//! `bolero` without it runs in the process of the test, which an exhausted stack ends.
//!
//! *Must never know* what is parsed. Only tests depend on it.

mod bytes;
mod check;
mod child;
mod driver;
mod generator;
mod interesting;
mod shrink;
mod target;
mod tree;

pub use target::{Syntax, Target};
