//! Single values for the requests of the built-in payment system.

use fastrand::Rng;

use super::instant as time;
use super::text;

/// Returns a UUID.
pub(crate) fn uuid(rng: &mut Rng) -> String {
    text::uuid(rng.u64(..), rng.u64(..))
}

/// Returns a text of up to 40 characters.
pub(crate) fn short_text(rng: &mut Rng) -> String {
    text::random(1, 40, rng)
}

/// Returns a text of 40 to 100 KB.
pub(crate) fn long_text(rng: &mut Rng) -> String {
    text::big(rng)
}

/// Returns random bytes.
pub(crate) fn bytes(length: usize, rng: &mut Rng) -> String {
    text::bytes(length, rng)
}

/// Returns an array of words.
pub(crate) fn words(rng: &mut Rng) -> String {
    let count = rng.usize(0..3);
    text::array((0..count).map(|_| Some(text::random(1, 12, rng))).collect::<Vec<_>>())
}

/// Returns a JSON document.
pub(crate) fn document(rng: &mut Rng) -> String {
    text::json(rng)
}

/// Returns a time without a zone; some are within a change of the clock.
pub(crate) fn wall_clock(rng: &mut Rng) -> String {
    time::random(time::FIRST, time::LAST - 1, false, rng)
}

/// Returns an instant that no other request has, except by chance.
pub(crate) fn instant(rng: &mut Rng) -> String {
    time::text(rng.i64(time::FIRST..time::LAST), true)
}
