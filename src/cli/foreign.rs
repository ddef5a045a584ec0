//! What to do about something that has the place of a resource and does not carry its marks.

use super::again::again;
use super::args::{Chosen, Globals};
use crate::address::Address;

/// Says how to go on. What the state knows has to be dropped from it before it can be adopted.
pub(super) fn way_out(globals: &Globals, address: &Address, id: &str, is_known: bool) -> String {
    let command = |verb: String| again(globals, &verb, &Chosen::default());
    let (forget, adopt) = (command(format!("forget {address}")), command(format!("adopt {address} {id}")));
    match is_known {
        true => format!("if `{id}` has only lost its tags, `{forget}` and then `{adopt}` give them back; else delete or rename it"),
        false => format!("choose another --suffix, delete or rename `{id}`, which this stack did not make, or take it over with `{adopt}`"),
    }
}
