//! Endpoints that are not AWS, and URLs that lead to them.

use std::io::Write;
use std::net::TcpStream;

use super::arrange::{answer, arguments, listen};
use super::situation::{Arranged, Situation, UP_SOURCE, check};

/// Returns arguments and variables that lead to a server.
fn served(treat: fn(TcpStream)) -> Arranged {
    let key = |name: &'static str| (name, "AKIDEXAMPLE".to_owned());
    Arranged {
        arguments: format!("--endpoint-url http://{}", listen(treat)),
        variables: vec![key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")],
        ..Arranged::default()
    }
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "an endpoint that answers no HTTP",
        arrange: |_| served(|connection| answer(&connection, b"\x1b]0;owned\x07 SSH-2.0-nothing\r\n")),
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "an endpoint that closes each connection",
        arrange: |_| served(drop),
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "an endpoint that answers with a page",
        arrange: |_| {
            served(|connection| {
                answer(&connection, b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>\x1b[2J</html>\n\n\n");
            })
        },
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "an endpoint whose error controls the terminal",
        arrange: |_| {
            served(|connection| {
                let body = "<ErrorResponse><Error><Code>Evil</Code><Message>&#x1b;]0;owned&#x7;\u{202e}\nerror: pay \
                            here</Message></Error></ErrorResponse>";
                let head = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n", body.len());
                answer(&connection, (head + body).as_bytes());
            })
        },
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "an endpoint whose headers never end",
        arrange: |_| {
            served(|mut connection| {
                answer(&connection, b"HTTP/1.1 200 OK\r\n");
                while connection.write_all(b"X-More: more\r\n").is_ok() {}
            })
        },
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "an endpoint that leads to another one",
        arrange: |_| {
            served(|connection| {
                answer(
                    &connection,
                    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
                );
            })
        },
        command: "orphans",
        exits: 7,
        says: "error:",
    },
    Situation {
        name: "a URL that is none",
        arrange: |_| arguments("--endpoint-url http://user:hunter2@[::1"),
        command: "orphans",
        exits: 2,
        says: "cannot be used",
    },
    Situation {
        name: "credentials in clear text to another machine",
        arrange: |_| arguments("--endpoint-url http://aws.example.com"),
        command: "orphans",
        exits: 2,
        says: "cannot be used",
    },
];

#[test]
fn endpoints_that_are_not_aws() {
    check(UP_SOURCE, SITUATIONS);
}
