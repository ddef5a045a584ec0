//! Servers that do not do what a server does. Each row of [`rows`] is one situation: what the user says about TLS, what
//! the server does, and the error. In none of them the server gets the password.

use std::error::Error as _;
use std::time::{Duration, Instant};

use infra_connect::{Endpoint, open};

use self::certificates::{Identity, certificates};
use self::script::Step::{Challenge, Close, Message, Pause, Request, Send, SendForever, Tls};
use self::script::{Hostile, Step};

mod certificates;
mod script;

/// The server claims to be this one, which is not on this machine.
const HOST: &str = "db.example.com";
const PASSWORD: &str = "Gehe1m.hush7";
/// The time limit of a connection, in seconds.
const LIMIT: u64 = 2;

struct Row {
    situation: &'static str,
    /// The parameters of the URL. `CA` is a file with the authority that the user trusts.
    options: &'static str,
    script: Vec<Step>,
    /// A part of the error.
    error: &'static str,
}

fn row(situation: &'static str, options: &'static str, script: Vec<Step>, error: &'static str) -> Row {
    Row { situation, options, script, error }
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
    [&[tag], length.as_slice(), body].concat()
}

/// A message that only claims to have a length.
fn claim(tag: u8, length: i32) -> Step {
    Send([&[tag], length.to_be_bytes().as_slice(), &[0; 8]].concat())
}

fn authentication(method: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[method.to_be_bytes().as_slice(), body].concat())
}

fn ask(method: u32, body: &[u8]) -> Step {
    Send(authentication(method, body))
}

fn accept() -> Step {
    ask(0, b"")
}

fn ready() -> Step {
    Send([message(b'S', b"server_version\x0015.4\x1b[2J\0"), message(b'Z', b"I")].concat())
}

/// A message with a severity, a code and a text.
fn report(tag: u8, code: &str, text: &str) -> Vec<u8> {
    message(tag, format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0").as_bytes())
}

/// The beginning of a connection with TLS.
fn encrypted(identity: Identity, rest: &[Step]) -> Vec<Step> {
    let begin = [Request, Send(b"S".to_vec()), Tls(identity), Request];
    begin.iter().chain(rest).cloned().collect()
}

/// The beginning of a connection without TLS, which nobody has asked for.
fn bare(rest: &[Step]) -> Vec<Step> {
    [Request].iter().chain(rest).cloned().collect()
}

const NO_TLS: &str = "sslmode=disable";
const REQUIRE: &str = "sslmode=require";
const VERIFY: &str = "sslmode=verify-full&sslrootcert=CA";
const UNENCRYPTED: &str = "in clear text, and the connection is not encrypted";
const UNVERIFIED: &str = "in clear text, and its certificate is not verified";
const SILENT: &str = "no response within 2 s";
const LENGTH: &str = "a length that no such message has";
const NO_MESSAGE: &str = "its messages are not those of PostgreSQL";

/// It asks for what it must not get.
fn questions() -> Vec<Row> {
    let no = || Send(b"N".to_vec());
    let clear = || ask(3, b"");
    let md5 = || ask(5, &[1, 2, 3, 4]);
    let sasl = |mechanisms: &[u8]| ask(10, mechanisms);
    let scram = || ask(10, b"SCRAM-SHA-256\0\0");
    vec![
        row("clear text, no TLS", NO_TLS, bare(&[clear()]), UNENCRYPTED),
        row("clear text, no TLS in the end", "", bare(&[no(), Request, clear()]), UNENCRYPTED),
        row("clear text, TLS allowed", "sslmode=allow", bare(&[clear()]), UNENCRYPTED),
        row("clear text, TLS of anybody", REQUIRE, encrypted(Identity::SelfSigned, &[clear()]), UNVERIFIED),
        row("clear text, TLS preferred", "", encrypted(Identity::SelfSigned, &[clear()]), UNVERIFIED),
        row("clear text, expired TLS of anybody", REQUIRE, encrypted(Identity::Expired, &[clear()]), UNVERIFIED),
        row("clear text after SCRAM", NO_TLS, bare(&[scram(), Message, clear()]), UNENCRYPTED),
        row("clear text after the login", NO_TLS, bare(&[accept(), clear()]), UNENCRYPTED),
        row("clear text behind a notice", NO_TLS, bare(&[Send(report(b'N', "00000", "hello")), clear()]), NO_MESSAGE),
        row("a hash, no TLS", NO_TLS, bare(&[md5()]), "a hash of the password (MD5)"),
        row("a hash, no TLS in the end", "", bare(&[no(), Request, md5()]), "a hash of the password (MD5)"),
        row("Kerberos", NO_TLS, bare(&[ask(2, b"")]), "asks for Kerberos"),
        row("GSSAPI", NO_TLS, bare(&[ask(7, b"")]), "asks for GSSAPI"),
        row("SSPI", NO_TLS, bare(&[ask(9, b"")]), "asks for SSPI"),
        row("a method of the future", NO_TLS, bare(&[ask(77, b"")]), "asks for an unknown method"),
        row("mechanisms that nobody has", NO_TLS, bare(&[sasl(b"PLAIN\0\0")]), "unsupported SASL mechanism"),
        row("mechanisms without an end", NO_TLS, bare(&[sasl(&[b'x'; 1900])]), "unexpected EOF"),
        row("mechanisms that never end", NO_TLS, bare(&[claim(b'R', 1_000_000), SendForever(vec![b'x'])]), LENGTH),
        row("SCRAM of another", NO_TLS, bare(&[scram(), Message, ask(11, b"r=abc,s=AAAA,i=4096")]), "invalid nonce"),
        row("SCRAM for an hour", NO_TLS, bare(&[scram(), Challenge("4294967295")]), "iteration count exceeds"),
        row("SCRAM without a number", NO_TLS, bare(&[scram(), Challenge("-1")]), "cannot parse integer"),
        row(
            "SCRAM without knowing the password",
            NO_TLS,
            bare(&[scram(), Challenge("4096"), Message, ask(12, b"v=AAAA")]),
            "SCRAM verification error",
        ),
        row(
            "SCRAM without a proof",
            NO_TLS,
            bare(&[scram(), Challenge("4096"), Message, accept()]),
            "unexpected message",
        ),
    ]
}

/// It is not who it claims to be, or does not speak TLS.
fn identities() -> Vec<Row> {
    let answer = |bytes: &[u8]| Send(bytes.to_vec());
    vec![
        row("a certificate of its own", VERIFY, encrypted(Identity::SelfSigned, &[]), "UnknownIssuer"),
        row("a certificate for another host", VERIFY, encrypted(Identity::OtherHost, &[]), "not valid for name"),
        row("an expired certificate", VERIFY, encrypted(Identity::Expired, &[]), "Expired"),
        row("verify-ca", "sslmode=verify-ca&sslrootcert=CA", encrypted(Identity::SelfSigned, &[]), "UnknownIssuer"),
        row(
            "require verifies",
            "sslmode=require&sslrootcert=CA",
            encrypted(Identity::SelfSigned, &[]),
            "UnknownIssuer",
        ),
        row("prefer verifies, too", "sslrootcert=CA", encrypted(Identity::SelfSigned, &[]), "UnknownIssuer"),
        row("no TLS", REQUIRE, bare(&[answer(b"N")]), "does not support TLS"),
        row("no TLS to verify", VERIFY, bare(&[answer(b"N")]), "does not support TLS"),
        row("garbage in place of TLS", REQUIRE, bare(&[answer(b"S"), Pause, answer(b"garbage")]), "corrupt message"),
        row("data together with `S`", REQUIRE, bare(&[answer(b"Sgarbage")]), "in clear text before TLS begins"),
        row("a login together with `S`", VERIFY, bare(&[answer(b"SR\0\0\0\x08\0\0\0\0")]), "before TLS begins"),
        row("data after `S`", VERIFY, bare(&[answer(b"S"), Pause, answer(b"R\0\0\0\x08\0\0\0\0")]), "corrupt message"),
        row("data together with `N`", "", bare(&[answer(b"NR\0\0\0\x08\0\0\0\x03")]), "before TLS begins"),
        row("an error before TLS", REQUIRE, bare(&[Send(report(b'E', "28000", "trust me"))]), "an error before TLS"),
        row("another protocol", REQUIRE, bare(&[answer(b"HTTP/1.1 400")]), "does not answer the request for TLS"),
        row("another protocol without TLS", NO_TLS, bare(&[answer(b"HTTP/1.1 400 Bad Request\r\n")]), NO_MESSAGE),
        row("no TLS at once", "sslmode=require&sslnegotiation=direct", vec![answer(b"garbage")], "corrupt message"),
    ]
}

/// Its messages have no end, no length or no sense.
fn messages() -> Vec<Row> {
    let notice = || report(b'N', "00000", &"x".repeat(900));
    let error = || report(b'E', "53300", "sorry, too many clients already");
    let escapes = "role \u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e} is bad";
    let echo = format!("password authentication failed with {PASSWORD}");
    vec![
        row("a length of 2 GiB", NO_TLS, bare(&[claim(b'R', i32::MAX)]), LENGTH),
        row("a negative length", NO_TLS, bare(&[claim(b'R', -1)]), LENGTH),
        row("the most negative length", NO_TLS, bare(&[claim(b'E', i32::MIN)]), LENGTH),
        row("no length", NO_TLS, bare(&[claim(b'R', 0)]), LENGTH),
        row("a question without a method", NO_TLS, bare(&[claim(b'R', 4)]), LENGTH),
        row("an error of 2 GiB", REQUIRE, encrypted(Identity::SelfSigned, &[claim(b'E', i32::MAX)]), LENGTH),
        row("a length of 2 GiB after the login", NO_TLS, bare(&[accept(), claim(b'S', i32::MAX)]), LENGTH),
        row("no length after the login", NO_TLS, bare(&[accept(), claim(b'Z', 0)]), LENGTH),
        row("errors without end", NO_TLS, bare(&[SendForever(error())]), "too many clients already (SQLSTATE 53300)"),
        row("errors without end after the login", NO_TLS, bare(&[accept(), SendForever(error())]), "(SQLSTATE 53300)"),
        row("one error without end", NO_TLS, bare(&[claim(b'E', 30_001), SendForever(vec![b'x'])]), LENGTH),
        row("notices without end", NO_TLS, bare(&[accept(), SendForever(notice())]), "sends without end"),
        row(
            "parameters without end",
            NO_TLS,
            bare(&[accept(), SendForever(message(b'S', b"a\0b\0"))]),
            "sends without end",
        ),
        row("rows before a query", NO_TLS, bare(&[accept(), Send(message(b'D', &[0, 0]))]), NO_MESSAGE),
        row("noise", NO_TLS, bare(&[SendForever(vec![0xff])]), NO_MESSAGE),
        row("an error that writes on the terminal", NO_TLS, bare(&[Send(report(b'E', "28000", escapes))]), "]0;owned"),
        row("an error with an odd code", NO_TLS, bare(&[Send(report(b'E', "\u{1b}[2J", "x"))]), "SQLSTATE \\u001B[2J"),
        row(
            "an error with the password",
            NO_TLS,
            bare(&[Send(report(b'E', "28P01", &echo))]),
            "omitted because it contains the password",
        ),
    ]
}

/// It goes, or does not answer, at each step.
fn absences() -> Vec<Row> {
    let steps = || {
        let begin: [(&'static str, &'static str, Vec<Step>); 7] = [
            ("at once", NO_TLS, vec![]),
            ("after the request for TLS", REQUIRE, vec![Request]),
            ("after `S`", REQUIRE, vec![Request, Send(b"S".to_vec())]),
            ("after the start", NO_TLS, vec![Request]),
            ("in a header", NO_TLS, vec![Request, Send(b"R\0\0".to_vec())]),
            ("in a message", NO_TLS, vec![Request, Send(b"R\0\0\0\x08\0\0".to_vec())]),
            ("after the login", NO_TLS, vec![Request, accept()]),
        ];
        begin.into_iter()
    };
    let silent = steps().map(|(situation, options, script)| row(situation, options, script, SILENT));
    let closed = ["closed", "without an answer", "eof", "closed", "closed", "closed", "closed"];
    let closing = steps().zip(closed).map(|((situation, options, mut script), error)| {
        // What the client says meanwhile is read: the system would otherwise reset the connection.
        script.extend([Pause, Close]);
        row(situation, options, script, error)
    });
    silent.chain(closing).collect()
}

fn endpoint(server: &Hostile, host: &str, options: &str) -> Endpoint {
    let options = options.replace("CA", &certificates().authority.display().to_string());
    let url = format!(
        "postgres://admin:{PASSWORD}@{host}:{}/d?hostaddr=127.0.0.1&connect_timeout={LIMIT}&{options}",
        server.port
    );
    Endpoint::parse(&url).expect("a URL")
}

/// Runs all rows at once, so that those that wait for a time limit take no longer than one.
async fn run(rows: Vec<Row>) {
    let mut all = tokio::task::JoinSet::new();
    for Row { situation, options, script, error: expected } in rows {
        all.spawn(async move {
            let server = Hostile::start(script);
            let began = Instant::now();
            let opened = open(&endpoint(&server, HOST, options), "source").await;
            let elapsed = began.elapsed();
            let Err(error) = opened else { return Some(format!("{situation}: the connection is open")) };
            let text = format!("{error}: {}; {}", error.source().expect("a cause"), error.hint());
            // What the client has sent last arrives.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let wrong = [
                (!text.contains(expected), "another error"),
                (text.contains(PASSWORD) || format!("{error:?}").contains(PASSWORD), "the error has the password"),
                (text.chars().any(|char| char.is_control() || char == '\u{202e}'), "a terminal would obey the error"),
                (text.contains("trust me"), "the text of nobody in particular is shown"),
                (server.has_heard(PASSWORD), "the server has the password"),
                (elapsed > Duration::from_secs(LIMIT + 3), "it took too long"),
            ];
            let wrong: Vec<&str> = wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what).collect();
            (!wrong.is_empty()).then(|| format!("{situation}: {}: {text:?}", wrong.join(", ")))
        });
    }
    let wrong: Vec<String> = all.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_server_gets_no_password_by_asking_for_it() {
    run(questions()).await;
}

#[tokio::test]
async fn a_server_that_is_another_one_is_refused() {
    run(identities()).await;
}

#[tokio::test]
async fn messages_without_end_or_sense_are_refused() {
    run(messages()).await;
}

#[tokio::test]
async fn a_server_that_goes_or_does_not_answer_holds_nobody() {
    run(absences()).await;
}

/// Without this, the other tests would prove nothing: the server would hear the password.
#[tokio::test]
async fn a_verified_server_and_one_on_this_machine_get_the_password() {
    let rest = || [ask(3, b""), Message, accept(), ready()];
    for (host, options, script) in [
        (HOST, VERIFY, encrypted(Identity::Server, &rest())),
        (HOST, "sslmode=verify-ca&sslrootcert=CA", encrypted(Identity::OtherHost, &rest())),
        ("127.0.0.1", NO_TLS, bare(&rest())),
        ("localhost", REQUIRE, encrypted(Identity::SelfSigned, &rest())),
    ] {
        let server = Hostile::start(script);
        let opened = open(&endpoint(&server, host, options), "source").await;
        let connection = opened.unwrap_or_else(|error| panic!("{host} {options}: {error:?}"));
        assert!(server.has_heard(PASSWORD), "{host} {options}");
        assert_eq!(connection.server_version(), Some("15.4\\u001B[2J"), "a terminal does not obey it");
    }
}

/// The near end of a tunnel is on this machine. The server is not.
#[tokio::test]
async fn a_tunnel_is_not_the_server() {
    let server = Hostile::start(bare(&[ask(3, b"")]));
    let near = std::net::SocketAddr::from(([127, 0, 0, 1], server.port));
    for host in [HOST, "localhost"] {
        let endpoint = Endpoint::parse(&format!("postgres://admin:{PASSWORD}@{host}/d?sslmode=disable"));
        let error = open(&endpoint.unwrap().through(near), "source").await.unwrap_err();
        assert!(error.source().unwrap().to_string().contains(UNENCRYPTED), "{error:?}");
        assert!(error.hint().contains("sslmode=verify-full"), "{}", error.hint());
    }
    assert!(!server.has_heard(PASSWORD));
}

#[tokio::test]
async fn a_hash_of_the_password_goes_through_tls_only() {
    let rest = [ask(5, &[1, 2, 3, 4]), Message, accept(), ready()];
    let server = Hostile::start(encrypted(Identity::SelfSigned, &rest));
    open(&endpoint(&server, HOST, REQUIRE), "source").await.expect("a connection");
    assert!(server.has_heard("md5") && !server.has_heard(PASSWORD));
}

/// Notices before the connection is open change nothing.
#[tokio::test]
async fn a_notice_is_not_an_end() {
    let notice = || Send(report(b'N', "00000", "\u{1b}[2J"));
    let server = Hostile::start(bare(&[accept(), notice(), ready(), notice()]));
    let connection = open(&endpoint(&server, HOST, NO_TLS), "source").await.expect("a connection");
    assert_eq!(connection.end().cause(), None);
}
