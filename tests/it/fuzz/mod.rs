//! Hostile inputs for the parsers of the state, of saved plans and of sandbox scripts. The parsers of other crates have
//! such tests there.

pub mod saved_plan;
pub mod script;
pub mod state;
