//! PostgreSQL servers that are none, or not the right one. What they can do to a connection in detail is in the table
//! of `infra-connect` (`hostile`).

use std::net::TcpStream;

use super::arrange::{answer, listen};
use super::situation::{Arranged, PASSWORD, Situation, check};

/// Returns variables that lead to a server.
fn databases(treat: fn(TcpStream), options: &str) -> Arranged {
    let url = format!("postgres://payments:{PASSWORD}@{}/payments{options}", listen(treat));
    Arranged {
        variables: vec![("MIGRATE_INFRA_SOURCE_URL", url.clone()), ("MIGRATE_INFRA_TARGET_URL", url)],
        ..Arranged::default()
    }
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "a server that closes each connection",
        arrange: |_| databases(drop, ""),
        command: "replication check --sandbox",
        exits: 1,
        says: "could not connect to the source database",
    },
    Situation {
        name: "a server that is none",
        arrange: |_| databases(|connection| answer(&connection, b"HTTP/1.1 400 \x1b[2J\r\n\r\n"), ""),
        command: "replication check --sandbox",
        exits: 1,
        says: "could not connect to the source database",
    },
    Situation {
        name: "a server without the TLS that is required",
        arrange: |_| databases(|connection| answer(&connection, b"N"), "?sslmode=require"),
        command: "replication check --sandbox",
        exits: 1,
        says: "could not connect to the source database",
    },
    Situation {
        name: "a server whose error controls the terminal",
        arrange: |_| {
            databases(
                |connection| {
                    let text = b"SFATAL\0C28000\0M\x1b]0;owned\x07\nerror: pay here\0\0";
                    let length = u32::try_from(text.len() + 4).expect("it is short").to_be_bytes();
                    answer(&connection, &[b"E", &length[..], text].concat());
                },
                "?sslmode=disable",
            )
        },
        command: "replication check --sandbox",
        exits: 1,
        says: "could not connect to the source database",
    },
];

#[test]
fn servers_that_are_none_or_not_the_right_one() {
    check("up --sandbox --sandbox-timing instant -y", SITUATIONS);
}
