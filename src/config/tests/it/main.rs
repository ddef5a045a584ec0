//! Tests of the configuration as its users write it.

mod fuzz;
mod rules_of_aws;
mod shown;
mod support;
mod text;
