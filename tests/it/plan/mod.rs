//! Tests of plans: what they contain, how they are shown, saved and limited, and the rules that they must fulfil.

pub mod changes;
pub mod graph_drawing;
pub mod policies;
pub mod saved_plans;
pub mod targets;
