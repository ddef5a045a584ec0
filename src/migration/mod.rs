//! The migration itself: what is done between two environments that stand.

pub mod compare;
