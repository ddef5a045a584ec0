//! Rehearsals: whole migrations on real databases, with writers and a ledger.

mod commands;
mod harness;
mod load;
mod password_change;
mod todays_procedure;
