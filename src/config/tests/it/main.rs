//! Tests of the configuration as its users write it.

mod shown;
mod support;
mod text;
