//! From a piece that differs to the rows that do: divide it, go on with the parts that differ, until few rows are left.

use std::sync::{Mutex, PoisonError};

use futures::future::try_join;
use tokio_postgres::Row;

use super::database::Database;
use super::error::Side;
use super::findings::RowFindings;
use super::leaf::sort;
use super::range::{Key, Range};
use super::reason::Trouble;
use super::sql::Shape;
use super::tally::Tally;

/// Rows of a piece that is looked at one by one.
const FEW: u64 = 2_000;
/// Parts into which a piece is divided: each level of the search is one query a side for all of them.
const PARTS: u64 = 32;
/// Pieces of one table that are looked at one by one. It bounds the work on a table in which everything differs.
const LOOKS: u64 = 200;

/// What is wrong, and on which side.
pub(super) type Failure = (Side, Trouble);

/// One table on both sides.
pub(super) struct Both<'a> {
    pub(super) source: (&'a Database, &'a Shape),
    pub(super) target: (&'a Database, &'a Shape),
    /// Rows of each sort that are looked for.
    pub(super) most: usize,
}

/// The search through one table, shared by its pieces.
pub(super) struct Search {
    pub(super) found: Mutex<RowFindings>,
    looks: Mutex<u64>,
}

impl Search {
    pub(super) fn new(found: RowFindings) -> Self {
        Self { found: Mutex::new(found), looks: Mutex::new(0) }
    }

    /// Changes what was found.
    pub(super) fn note(&self, change: impl FnOnce(&mut RowFindings)) {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns whether a piece can still add something that was asked for.
    fn wants(&self, piece: &Piece, most: usize) -> bool {
        let looks = *self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |count: u64| count >= most as u64;
        let lacking = match piece.source.cmp(&piece.target) {
            std::cmp::Ordering::Greater => !full(found.missing),
            std::cmp::Ordering::Less => !full(found.additional),
            // Most often the same rows with other values; else one of each.
            std::cmp::Ordering::Equal => !full(found.differing),
        };
        looks < LOOKS && lacking
    }

    fn looked(&self) {
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

/// A range that differs, and its rows on each side.
pub(super) struct Piece {
    pub(super) range: Range,
    pub(super) source: u64,
    pub(super) target: u64,
}

impl Both<'_> {
    /// Adds up a range on both sides, for each part that the cuts make of it.
    pub(super) async fn measure(&self, range: &Range, cuts: &[Key]) -> Result<Vec<(Tally, Tally)>, Failure> {
        let (source, target) = try_join(measure(self.source, range, cuts), measure(self.target, range, cuts)).await?;
        Ok(source.into_iter().zip(target).collect())
    }

    /// Looks for the rows that make a piece differ.
    pub(super) async fn narrow(&self, search: &Search, piece: Piece) -> Result<(), Failure> {
        let mut pieces = vec![piece];
        while let Some(piece) = pieces.pop() {
            if !search.wants(&piece, self.most) {
                search.note(|found| found.more = true);
                continue;
            }
            let cuts = if piece.source.max(piece.target) > FEW { self.cuts(&piece).await? } else { Vec::new() };
            if cuts.is_empty() {
                search.looked();
                self.look(search, &piece).await?;
                continue;
            }
            let tallies = self.measure(&piece.range, &cuts).await?;
            let parts = piece.range.divided(&cuts).into_iter().zip(tallies);
            let differing = parts.filter(|(_, (source, target))| source != target);
            let differing: Vec<_> = differing.map(|(range, (source, target))| Piece { range, source: source.rows, target: target.rows }).collect();
            // The last one is taken next: low keys first.
            pieces.extend(differing.into_iter().rev());
        }
        Ok(())
    }

    /// Where to divide a piece: at keys of the side that has more rows, so that its parts are smaller.
    async fn cuts(&self, piece: &Piece) -> Result<Vec<Key>, Failure> {
        let (database, shape) = if piece.source >= piece.target { self.source } else { self.target };
        let step = piece.source.max(piece.target).div_ceil(PARTS);
        let rows = database.rows(&shape.cuts(&piece.range, step)).await.map_err(|trouble| (database.side(), trouble))?;
        let mut cuts: Vec<Key> = rows.iter().map(|row| key(row, shape)).collect();
        cuts.dedup();
        // At the upper end there is nothing behind the cut.
        cuts.retain(|cut| Some(cut) != piece.range.upto.as_ref());
        Ok(cuts)
    }

    /// Looks at the rows of a small piece, or of one that cannot be divided because its rows have all the same key.
    async fn look(&self, search: &Search, piece: &Piece) -> Result<(), Failure> {
        let (source, target) = try_join(rows(self.source, &piece.range), rows(self.target, &piece.range)).await?;
        let cut_off = piece.source.max(piece.target) > FEW;
        search.note(|found| {
            found.add(sort(source, target), self.most);
            found.more |= cut_off;
        });
        Ok(())
    }
}

/// Adds up the parts of a range on one side.
async fn measure((database, shape): (&Database, &Shape), range: &Range, cuts: &[Key]) -> Result<Vec<Tally>, Failure> {
    let failed = |trouble| (database.side(), trouble);
    let mut tallies = vec![Tally::default(); cuts.len() + 1];
    for row in &database.rows(&shape.measure(range, cuts)).await.map_err(failed)? {
        let part: i32 = row.get(0);
        if let Some(tally) = usize::try_from(part).ok().and_then(|part| tallies.get_mut(part)) {
            *tally = Tally::read(row, 1).map_err(failed)?;
        }
    }
    Ok(tallies)
}

/// Keys and hashes of the first rows of a range on one side.
async fn rows((database, shape): (&Database, &Shape), range: &Range) -> Result<Vec<(Key, String)>, Failure> {
    let rows = database.rows(&shape.rows(range, FEW)).await.map_err(|trouble| (database.side(), trouble))?;
    Ok(rows.iter().map(|row| (key(row, shape), row.get(shape.key.len()))).collect())
}

/// Reads the key that stands first in a row.
pub(super) fn key(row: &Row, shape: &Shape) -> Key {
    // A key without a value has none of its rows in a range; where it is asked for all the same, it is shown as nothing.
    (0..shape.key.len()).map(|at| row.get::<_, Option<String>>(at).unwrap_or_default()).collect()
}
