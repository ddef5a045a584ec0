//! Changes of an input as a sequence of bytes.

use std::ops::Range;

use fastrand::Rng;

use crate::interesting::{CHARACTERS, DEEP, DEPTHS, LEVELS, NOT_UTF8, NUMBERS};

/// The longest input.
pub(crate) const LONGEST: usize = 1 << 16;

/// Changes an input once. `others` are inputs that parts are taken from.
pub(crate) fn change(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>], tokens: &[&str]) {
    match rng.u8(0..17) {
        0 => flip(rng, input),
        1 => {
            let at = range(rng, input.len(), 1);
            input.splice(at, [rng.u8(..)]);
        }
        2 => drop(input.drain(range(rng, input.len(), 64))),
        3 => input.truncate(rng.usize(0..=input.len())),
        4 => {
            let part = input[range(rng, input.len(), 64)].to_vec();
            let times = rng.usize(1..4);
            insert(rng, input, &part.repeat(times));
        }
        5..=7 => {
            let word = token(rng, tokens);
            insert(rng, input, word.as_bytes());
        }
        8 => {
            let at = range(rng, input.len(), 16);
            input.splice(at, token(rng, tokens).bytes());
        }
        9 => {
            // A part of another input, from here to its end.
            if let Some(other) = rng.choice(others) {
                input.truncate(rng.usize(0..=input.len()));
                input.extend_from_slice(&other[rng.usize(0..=other.len())..]);
            }
        }
        10 => {
            if let Some(other) = rng.choice(others) {
                let part = &other[range(rng, other.len(), 200)];
                insert(rng, input, part);
            }
        }
        11 => nest(rng, input),
        12 => number(rng, input),
        13 => {
            let bad = rng.choice(NOT_UTF8).copied().unwrap_or_default();
            insert(rng, input, bad);
        }
        14 => {
            let character = rng.choice(CHARACTERS).copied().unwrap_or_default();
            insert(rng, input, character.as_bytes());
        }
        15 => {
            let Some(byte) = rng.choice(input.iter()).copied() else { return };
            let times = 1_usize << rng.u8(1..14);
            insert(rng, input, &vec![byte; times]);
        }
        _ => lines(rng, input),
    }
    input.truncate(LONGEST);
}

/// Returns a word of the language, a number or a character.
pub(crate) fn token<'a>(rng: &mut Rng, tokens: &[&'a str]) -> &'a str {
    let from = match rng.u8(0..8) {
        0 => NUMBERS,
        1 => CHARACTERS,
        _ if tokens.is_empty() => NUMBERS,
        _ => tokens,
    };
    rng.choice(from).copied().unwrap_or_default()
}

/// Changes a text once; what is not UTF-8 afterwards is replaced.
pub(crate) fn change_text(rng: &mut Rng, text: &str, tokens: &[&str]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    change(rng, &mut bytes, &[], tokens);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a random part of at most `longest` bytes.
fn range(rng: &mut Rng, length: usize, longest: usize) -> Range<usize> {
    let start = rng.usize(0..=length);
    start..length.min(start + rng.usize(0..=longest))
}

fn flip(rng: &mut Rng, input: &mut [u8]) {
    if let Some(byte) = rng.choice(input) {
        *byte ^= 1 << rng.u8(0..8);
    }
}

fn insert(rng: &mut Rng, input: &mut Vec<u8>, part: &[u8]) {
    let at = rng.usize(0..=input.len());
    input.splice(at..at, part.iter().copied());
}

/// Puts a part between many levels; sometimes nothing closes them.
fn nest(rng: &mut Rng, input: &mut Vec<u8>) {
    let (open, close) = rng.choice(LEVELS).copied().unwrap_or_default();
    let depth = if rng.u8(0..200) == 0 { DEEP } else { rng.choice(DEPTHS).copied().unwrap_or_default() };
    let at = range(rng, input.len(), 32);
    let close = if rng.u8(0..4) == 0 { "" } else { close };
    let inner = &input[at.clone()];
    let nested = [open.repeat(depth).as_bytes(), inner, close.repeat(depth).as_bytes()].concat();
    input.splice(at, nested);
}

/// Replaces a number.
fn number(rng: &mut Rng, input: &mut Vec<u8>) {
    let from = rng.usize(0..=input.len());
    let Some(start) = input[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
    let length = input[start..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(input.len() - start);
    let new = rng.choice(NUMBERS).copied().unwrap_or_default();
    input.splice(start..start + length, new.bytes());
}

/// Removes, repeats or moves a line.
fn lines(rng: &mut Rng, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let line = lines.remove(rng.usize(0..lines.len()));
    match rng.u8(0..3) {
        0 => {}
        1 => lines.insert(rng.usize(0..=lines.len()), line),
        _ => {
            lines.insert(rng.usize(0..=lines.len()), line.clone());
            lines.insert(rng.usize(0..=lines.len()), line);
        }
    }
    *input = lines.concat();
}
