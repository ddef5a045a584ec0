//! A server on this machine that follows a script, and keeps what the client says.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::{Identity, certificates};

/// What the server does next.
#[derive(Clone)]
pub enum Step {
    /// Reads the request for TLS, or the start message: a length and a body.
    Request,
    /// Reads a message: a tag, a length and a body.
    Message,
    /// Reads the first message of SCRAM, and answers with its nonce, with a salt, and with this iteration count.
    Challenge(&'static str),
    Send(Vec<u8>),
    /// Sends the same until the client has gone.
    SendForever(Vec<u8>),
    /// Continues with TLS and this certificate.
    Tls(Identity),
    /// Lets the client wait for a moment, so that it reads what came before by itself.
    Pause,
    /// Closes the connection. A script without it ends with listening until the client has gone.
    Close,
}

/// A server with a script. Every connection gets the same.
pub struct Hostile {
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

/// How long the server listens to a client that neither speaks nor goes.
const PATIENCE: Duration = Duration::from_secs(20);

impl Hostile {
    /// Starts it. Its threads end with the process.
    pub fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (script, kept) = (script.clone(), Arc::clone(&kept));
                // The client may go at any time.
                std::thread::spawn(move || drop(serve(socket, &script, &kept)));
            }
        });
        Self { port, heard }
    }

    /// Returns whether the client has said something, in clear text or through TLS.
    pub fn has_heard(&self, text: &str) -> bool {
        let heard = self.heard.lock().expect("no thread has panicked");
        heard.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn serve(mut socket: TcpStream, script: &[Step], heard: &Mutex<Vec<u8>>) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream: Box<dyn Stream> = Box::new(socket.try_clone()?);
    for step in script {
        match step {
            Step::Request => drop(read(&mut stream, false, heard)?),
            Step::Message => drop(read(&mut stream, true, heard)?),
            Step::Challenge(iterations) => {
                let first = read(&mut stream, true, heard)?;
                let first = String::from_utf8_lossy(&first);
                // The nonce itself can have `r=`, but no comma ("SCRAM Attributes", RFC 5802).
                let (_, nonce) = first.split_once(",r=").unwrap_or_default();
                let answer = format!("r={nonce}evil,s=c2FsdHNhbHQ=,i={iterations}");
                stream.write_all(&super::authentication(11, answer.as_bytes()))?;
            }
            Step::Send(bytes) => stream.write_all(bytes)?,
            Step::SendForever(bytes) => {
                let many = bytes.repeat(64 * 1024 / bytes.len());
                loop {
                    stream.write_all(&many)?;
                }
            }
            Step::Tls(identity) => {
                let connection = ServerConnection::new(Arc::new(config(*identity))).map_err(io::Error::other)?;
                stream = Box::new(StreamOwned::new(connection, socket.try_clone()?));
            }
            Step::Pause => std::thread::sleep(Duration::from_millis(150)),
            Step::Close => {
                socket.set_nonblocking(true)?;
                let mut rest = [0; 1024];
                while socket.read(&mut rest)? > 0 {}
                return Ok(());
            }
        }
        stream.flush()?;
    }
    let mut rest = [0; 1024];
    loop {
        match stream.read(&mut rest)? {
            0 => return Ok(()),
            count => heard.lock().expect("no thread has panicked").extend(&rest[..count]),
        }
    }
}

/// Reads one message, and returns its body.
fn read(stream: &mut impl Read, has_tag: bool, heard: &Mutex<Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut header = vec![0; if has_tag { 5 } else { 4 }];
    stream.read_exact(&mut header)?;
    let length = header.last_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length));
    let mut body = vec![0; usize::try_from(length).unwrap_or(0).saturating_sub(4)];
    stream.read_exact(&mut body)?;
    heard.lock().expect("no thread has panicked").extend(&body);
    Ok(body)
}

fn config(identity: Identity) -> ServerConfig {
    let (certificate, key) = certificates().of(identity);
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions of TLS").with_no_client_auth();
    builder.with_single_cert(vec![certificate.clone()], key).expect("a certificate with its key")
}
