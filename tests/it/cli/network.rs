//! How the program reaches AWS from a corporate network: proxies, own certificates, profiles.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::workspace::Workspace;

/// How long a test waits for a request that must arrive.
const SOON: Duration = Duration::from_mins(1);

/// Answers every request like STS, and passes on what it received.
fn answer_as_sts(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut received, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        received.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    received.push_str(&String::from_utf8_lossy(&body));
    let answer = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/a</Arn>\
                  <UserId>A</UserId><Account>111122223333</Account></GetCallerIdentityResult>\
                  </GetCallerIdentityResponse>";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", answer.len());
    let stream = reader.into_inner();
    stream.write_all((head + answer).as_bytes()).ok()?;
    stream.flush().ok()?;
    Some(received)
}

/// Serves connections in the background. Returns the port, and what was received.
fn serve(handle: impl Fn(TcpStream) -> Option<String> + Send + 'static) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(received) = handle(stream)
                && sender.send(received).is_err()
            {
                return;
            }
        }
    });
    (port, receiver)
}

/// Returns the certificate of a server on this machine in PEM form, and the configuration of the server.
fn certificate() -> (String, Arc<ServerConfig>) {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private);
    (certificate.pem(), Arc::new(config.expect("a server")))
}

fn secure_server() -> (u16, Receiver<String>, String) {
    let (pem, config) = certificate();
    let (port, received) = serve(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
        answer_as_sts(&mut StreamOwned::new(connection, stream))
    });
    (port, received, pem)
}

fn with_credentials(workspace: &Workspace, url: &str, variables: &[(&str, &str)]) -> String {
    let mut command = workspace.command(&format!("orphans --endpoint-url {url}"));
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").envs(variables.iter().copied());
    workspace.format_output(&command.output().expect("the program runs"), "orphans")
}

#[test]
fn the_certificates_of_aws_ca_bundle_are_trusted() {
    let (port, received, pem) = secure_server();
    let workspace = Workspace::new();
    let url = format!("https://localhost:{port}");
    let refused = with_credentials(&workspace, &url, &[]);
    assert!(refused.contains("does not answer"), "{refused}");
    assert!(received.try_recv().is_err(), "nothing is sent to a server that is not trusted");
    let bundle = workspace.path().join("corporate.pem");
    std::fs::write(&bundle, pem).expect("the bundle");
    let bundle = bundle.display().to_string();
    let accepted = with_credentials(&workspace, &url, &[("AWS_CA_BUNDLE", bundle.as_str())]);
    let first = received.recv_timeout(SOON).unwrap_or_else(|_| panic!("{accepted}"));
    assert!(first.contains("Action=GetCallerIdentity"), "{first}");
    let missing = with_credentials(&workspace, &url, &[("AWS_CA_BUNDLE", "missing.pem")]);
    assert!(missing.contains("missing.pem, which AWS_CA_BUNDLE names"), "{missing}");
}

#[test]
fn calls_go_through_the_proxy_of_the_environment() {
    let (port, received) = serve(|stream| {
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).ok()?;
        Some(line)
    });
    let proxy = format!("http://127.0.0.1:{port}");
    let workspace = Workspace::new();
    let through = with_credentials(&workspace, "https://aws.invalid", &[("HTTPS_PROXY", proxy.as_str())]);
    let line = received.recv_timeout(SOON).unwrap_or_else(|_| panic!("{through}"));
    assert!(line.starts_with("CONNECT aws.invalid:443 "), "{line}");
    received.try_iter().for_each(drop);
    let variables = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "aws.invalid")];
    let direct = with_credentials(&workspace, "https://aws.invalid", &variables);
    assert!(direct.contains("does not answer") && received.try_recv().is_err(), "{direct}");
}

#[test]
fn a_profile_that_needs_a_device_is_explained() {
    let workspace = Workspace::new();
    let config = workspace.path().join("aws-config");
    let text = "[profile corporate]\nrole_arn = arn:aws:iam::111122223333:role/admin\nsource_profile = base\n\
                mfa_serial = arn:aws:iam::111122223333:mfa/me\n[profile base]\naws_access_key_id = a\n\
                aws_secret_access_key = b\n";
    std::fs::write(&config, text).expect("the profiles");
    let mut command = workspace.command("orphans");
    command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", "corporate");
    let refused = workspace.format_output(&command.output().expect("the program runs"), "orphans");
    assert!(refused.contains("`corporate` requires a code of an MFA device"), "{refused}");
    assert!(refused.contains("aws configure export-credentials --profile corporate"), "{refused}");
}

#[test]
fn two_partitions_and_invalid_roles_are_mistakes_of_the_configuration() {
    let workspace = Workspace::new();
    for (sets, message) in [
        ("environments.target.region=cn-north-1", "belong to two partitions of AWS"),
        ("environments.target.assume_role.role_arn=arn:aws:iam::1:role/x", "is not the ARN of a role"),
        ("iam.permissions_boundary=boundary", "is not the ARN of a policy"),
        ("iam.path=payments", "is not a path of a role"),
    ] {
        let refused = workspace.transcript(&format!("config check --set {sets}"));
        assert!(refused.contains(message), "{sets}: {refused}");
    }
}
