//! Hostile texts of a slot, and hostile positions.

use infra_fuzz::{Syntax, Target};

use super::printer::print;
use crate::capture::{Message, StartPosition, StopPosition, parse};
use crate::checkpoint::Boundary;
use crate::model::Lsn;

const CHANGES: &[&str] = &[
    "BEGIN 735",
    "COMMIT 735 (at 2026-01-02 03:04:05.123456+00)",
    "COMMIT 7 (at 2026-01-02 08:34:05.123456+05:30)",
    "message: transactional: 1 prefix: p, sz: 3 content:BEGIN",
    "table public.data: INSERT: id[integer]:1 data[text]:'1'",
    "table public.data: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 big[text]:unchanged-toast-datum",
    "table public.data: DELETE: (no-tuple-data)",
    "table public.data: DELETE: id[bigint]:9223372036854775807",
    "table public.a, \"s p\".\"b.\"\"c\": TRUNCATE: restart_seqs cascade",
    "table public.a: TRUNCATE: (no-flags)",
    "table \"S\".\"we]ird\": INSERT: \"a b\"[public.\"t[y\"\"p]e\"[]]:'{\"it''s\"}' \
     bits[bit varying]:B'0101' n[text]:null",
    "table public.t: INSERT: at[timestamp with time zone]:'2026-01-02 03:04:05+00' x[double precision]:-Infinity",
];

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "BEGIN ", "COMMIT ", " (at ", ")", "table ", "message: transactional: ", "public", ".", ", ", ": ", "INSERT:",
    "UPDATE:", "DELETE:", "TRUNCATE:", " old-key:", " new-tuple:", " (no-tuple-data)", " (no-flags)", " restart_seqs",
    " cascade", " id", "[integer]", "[text]", "[text[]]", ":'", "'", "''", "\"", "\"\"", ":B'", ":null",
    ":unchanged-toast-datum", "2026-01-02 03:04:05.123456+00", "-infinity", "294276-12-31", "+99:99", "/", "#",
    "checkpoint:V1#1#", "server_time:", "commit_time:", "T", "Z",
];

fn inputs(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn changes() {
    let run = |input: &[u8]| match parse(&String::from_utf8_lossy(input)) {
        Ok(Message::Change(change)) => {
            // What is read is what is written; the server may write it in another way.
            assert_eq!(parse(&print(&change)), Ok(Message::Change(change)));
            true
        }
        Ok(_) => true,
        Err(error) => {
            assert!(error.at <= String::from_utf8_lossy(input).len() && !error.to_string().contains(char::is_control));
            false
        }
    };
    let corpus = inputs(CHANGES);
    Target { test: "capture::tests::fuzz::changes", syntax: Syntax::Text, corpus, tokens: TOKENS, run }.check();
}

#[test]
fn positions() {
    let corpus = inputs(&[
        "16/B374D848",
        "checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0",
        "server_time:2018-02-09T12:12:12",
        "commit_time: 2018-02-09 12:12:12Z",
        "10:20:10,14,15",
        "4294967296:4294967299:4294967297",
    ]);
    let run = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let lsn = text.parse::<Lsn>();
        if let Ok(lsn) = lsn {
            assert_eq!(lsn.to_string().parse(), Ok(lsn));
        }
        let start = StartPosition::new(Some(&text), false, Some("slot"));
        let stop = StopPosition::parse(&text);
        let messages = [lsn.as_ref().err().map(ToString::to_string), stop.as_ref().err().map(ToString::to_string)];
        for message in messages.into_iter().flatten().chain(start.as_ref().err().map(ToString::to_string)) {
            assert!(!message.contains(char::is_control), "{message:?}");
        }
        let boundary = Boundary::parse(&text);
        for xid in [0, 1, u64::from(u32::MAX), u64::MAX] {
            boundary.as_ref().map(|boundary| boundary.contains(xid));
        }
        start.is_ok() || stop.is_ok() || boundary.is_some()
    };
    Target { test: "capture::tests::fuzz::positions", syntax: Syntax::Text, corpus, tokens: TOKENS, run }.check();
}
