//! Hostile and broken surroundings of the real program: one table of situations.
//!
//! To add a situation, add a row to the table that fits: what to arrange, the command, its exit code, and what it says.
//! Every row also checks that the program neither panics nor hangs, that its
//! output cannot control a terminal, and that what is refused changes nothing.

mod arrange;
mod endpoints;
mod files;
mod inputs;
mod servers;
mod signals;
mod situation;
mod states;
