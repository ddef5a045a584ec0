//! Rehearsals: whole migrations on real databases, with writers and a ledger.

mod carriers;
mod commands;
mod fallback;
mod forecast;
mod harness;
mod load;
mod password_change;
mod phases;
mod stack;
mod switchover;
mod todays_procedure;
mod tunnels;
mod validated;
