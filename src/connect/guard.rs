//! What a server may say before a connection is open, and what it may ask for.
//!
//! The client library answers every question of a server, also one for the password in clear text. The guard reads the
//! messages first. It keeps at most one message and refuses longer ones, so that a server cannot fill the memory.
//! The limits are those of libpq (`PQconnectPoll` in `fe-connect.c`).

use super::refusal::Refusal;

/// The longest message about authentication, with its length and without its tag.
const LONGEST_AUTHENTICATION: usize = 2000;
/// The longest other message before the connection is open.
const LONGEST_MESSAGE: usize = 30_000;
/// All that a server may say before the connection is open. An honest one says less than 2 KiB.
const LONGEST_START: usize = 1 << 20;
/// The tag and the length of a message.
const HEADER: usize = 5;

/// What protects the connection to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protection {
    /// TLS encrypts the connection.
    pub(super) is_encrypted: bool,
    /// The certificate of the server was verified.
    pub(super) is_verified: bool,
    /// The server is on this machine, and is not the near end of a tunnel.
    pub(super) is_local: bool,
}

/// Lets messages of a server pass if they are allowed at this time.
#[derive(Debug)]
pub(super) struct Guard {
    protection: Protection,
    phase: Phase,
    received: usize,
    /// The beginning of a message.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server has not accepted the user.
    Login,
    /// The server tells its parameters.
    Start,
    /// Statements and their answers.
    Open,
}

impl Guard {
    pub(super) fn new(protection: Protection) -> Self {
        Self { protection, phase: Phase::Login, received: 0, pending: Vec::new() }
    }

    /// Returns whether the connection is open: everything passes.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Takes what the server has sent, and appends what may pass.
    ///
    /// # Errors
    /// A message is not allowed. Nothing of what follows may pass.
    pub(super) fn admit(&mut self, bytes: &[u8], admitted: &mut Vec<u8>) -> Result<(), Refusal> {
        self.received = self.received.saturating_add(bytes.len());
        if self.received > LONGEST_START {
            return Err(Refusal::protocol("it sends without end and does not open the connection"));
        }
        self.pending.extend_from_slice(bytes);
        while let Some(length) = self.next()? {
            admitted.extend(self.pending.drain(..length));
            if self.is_open() {
                admitted.append(&mut self.pending);
                break;
            }
        }
        Ok(())
    }

    /// Judges the first pending message, and returns its length. `None` if it is not complete.
    fn next(&mut self) -> Result<Option<usize>, Refusal> {
        let Some(&tag) = self.pending.first() else { return Ok(None) };
        let known: &[u8] = if self.phase == Phase::Login { b"REv" } else { b"RENSKZA" };
        if !known.contains(&tag) {
            return Err(Refusal::protocol("its messages are not those of PostgreSQL"));
        }
        let Some(header) = self.pending.first_chunk::<HEADER>() else { return Ok(None) };
        let [_, length @ ..] = *header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let (shortest, longest) = if tag == b'R' { (8, LONGEST_AUTHENTICATION) } else { (4, LONGEST_MESSAGE) };
        if !(shortest..=longest).contains(&length) {
            return Err(Refusal::protocol("it sends a message with a length that no such message has"));
        }
        let Some(body) = self.pending.get(HEADER..=length) else { return Ok(None) };
        match (tag, body) {
            (b'R', &[a, b, c, d, ..]) => match u32::from_be_bytes([a, b, c, d]) {
                0 => self.phase = Phase::Start,
                method => may_ask(method, self.protection)?,
            },
            (b'Z', _) => self.phase = Phase::Open,
            _ => {}
        }
        Ok(Some(length + 1))
    }
}

/// Judges a request of authentication ("Message Formats", PostgreSQL documentation, `Authentication…`).
fn may_ask(method: u32, protection: Protection) -> Result<(), Refusal> {
    let Protection { is_encrypted, is_verified, is_local } = protection;
    match method {
        3 if is_local || (is_encrypted && is_verified) => Ok(()),
        3 if is_encrypted => Err(Refusal::ClearText("its certificate is not verified")),
        3 => Err(Refusal::ClearText("the connection is not encrypted")),
        // Whoever reads the hash can try passwords, and log in elsewhere with the same salt.
        5 if is_local || is_encrypted => Ok(()),
        5 => Err(Refusal::Md5),
        // SCRAM: the server gets a proof that it can only compare with what it has, and must prove that it has it.
        10..=12 => Ok(()),
        2 => Err(Refusal::Method("Kerberos")),
        7 | 8 => Err(Refusal::Method("GSSAPI")),
        9 => Err(Refusal::Method("SSPI")),
        _ => Err(Refusal::Method("an unknown method")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Protection = Protection { is_encrypted: false, is_verified: false, is_local: false };
    const ENCRYPTED: Protection = Protection { is_encrypted: true, ..BARE };
    const VERIFIED: Protection = Protection { is_verified: true, ..ENCRYPTED };
    const LOCAL: Protection = Protection { is_local: true, ..BARE };

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag], length.as_slice(), body].concat()
    }

    fn request(method: u32) -> Vec<u8> {
        message(b'R', &[method.to_be_bytes(), [1, 2, 3, 4]].concat())
    }

    fn admit(guard: &mut Guard, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut admitted = Vec::new();
        guard.admit(bytes, &mut admitted).map(|()| admitted).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_password_is_given_only_to_whom_it_may_be_given() {
        let rows: [(u32, Protection, Option<&str>); 14] = [
            (3, BARE, Some("in clear text, and the connection is not encrypted")),
            (3, ENCRYPTED, Some("in clear text, and its certificate is not verified")),
            (3, VERIFIED, None),
            (3, LOCAL, None),
            (3, Protection { is_verified: true, ..BARE }, Some("the connection is not encrypted")),
            (5, BARE, Some("hash of the password")),
            (5, ENCRYPTED, None),
            (5, VERIFIED, None),
            (5, LOCAL, None),
            (10, BARE, None),
            (10, ENCRYPTED, None),
            (7, VERIFIED, Some("GSSAPI")),
            (2, LOCAL, Some("Kerberos")),
            (99, LOCAL, Some("an unknown method")),
        ];
        for (method, protection, refusal) in rows {
            let bytes = request(method);
            let answer = admit(&mut Guard::new(protection), &bytes);
            match (answer, refusal) {
                (Ok(admitted), None) => assert_eq!(admitted, bytes, "{method} {protection:?}"),
                (Err(text), Some(part)) => assert!(text.contains(part), "{method} {protection:?}: {text}"),
                (answer, _) => panic!("{method} {protection:?}: {answer:?}"),
            }
        }
    }

    /// A server can hide its question in pieces, or behind another message.
    #[test]
    fn a_question_in_pieces_is_the_same_question() {
        for size in 1..9 {
            let bytes = [message(b'R', &[0; 4]), message(b'S', b"a\0b\0"), request(3)].concat();
            let mut guard = Guard::new(ENCRYPTED);
            let mut passed = Vec::new();
            let refused = bytes.chunks(size).any(|piece| guard.admit(piece, &mut passed).is_err());
            assert!(refused, "pieces of {size}");
            assert_eq!(passed, bytes[..bytes.len() - 13], "pieces of {size}");
        }
    }

    #[test]
    fn an_open_connection_is_not_read() {
        let mut guard = Guard::new(BARE);
        let rest = [0xff; 100];
        let start = [message(b'R', &[0; 4]), message(b'K', &[0; 8]), message(b'Z', b"I")].concat();
        let all = [start.as_slice(), &rest].concat();
        assert_eq!(admit(&mut guard, &all), Ok(all));
        assert!(guard.is_open() && guard.pending.is_empty());
    }

    #[test]
    fn no_more_is_kept_than_one_message() {
        let mut guard = Guard::new(BARE);
        assert_eq!(admit(&mut guard, &message(b'R', &[0; 4])).map(|passed| passed.len()), Ok(9));
        let notice = message(b'N', &vec![b'x'; 20_000]);
        let mut count = 0;
        let refused = loop {
            match admit(&mut guard, &notice) {
                Ok(_) => count += 1,
                Err(text) => break text,
            }
            assert!(guard.pending.len() <= LONGEST_MESSAGE);
        };
        assert!(refused.contains("without end") && count == 52, "{count}: {refused}");
        for length in [0, 3, 30_001, i32::MAX as u32, 0x8000_0000, u32::MAX] {
            let header = [b"E".as_slice(), &length.to_be_bytes()].concat();
            let refused = admit(&mut Guard::new(BARE), &header).unwrap_err();
            assert!(refused.contains("a length that no such message has"), "{length}: {refused}");
        }
    }
}
