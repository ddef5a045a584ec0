//! The structure of the source: no module cycles, one-way layers, lines that fit, allowed dependencies.

pub mod decisions;
pub mod dependencies;
mod distribution;
pub mod documented_behaviour;
mod documented_commands;
pub mod iam_actions;
pub mod layers;
pub mod module_cycles;
