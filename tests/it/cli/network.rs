//! How the program reaches AWS from a corporate network: proxies, own certificates, profiles.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::workspace::Workspace;

/// How long a test waits for a request that must arrive.
const SOON: Duration = Duration::from_mins(1);

/// Returns the answer of STS to the question who somebody is.
fn identity(account: &str) -> (u16, String) {
    let answer = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/a</Arn>\
         <UserId>A</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    (200, answer)
}

/// Answers every request like STS, and passes on what it received.
fn answer_as_sts(stream: &mut (impl Read + Write)) -> Option<String> {
    answer(stream, |_| identity("111122223333"))
}

/// Answers a request, and passes on what it received.
fn answer(stream: &mut (impl Read + Write), to: impl Fn(&str) -> (u16, String)) -> Option<String> {
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
    let (status, answer) = to(&received);
    let head = format!("HTTP/1.1 {status} OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", answer.len());
    let stream = reader.into_inner();
    stream.write_all((head + &answer).as_bytes()).ok()?;
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

/// `aws login` stores its session in a file, which the profile refers to.
#[test]
fn a_session_of_aws_login_signs_the_calls() {
    let (port, received) = serve(|mut stream| answer_as_sts(&mut stream));
    let workspace = Workspace::new();
    let session = "arn:aws:iam::111122223333:user/me";
    let directory = workspace.path().join("sessions");
    std::fs::create_dir(&directory).expect("a directory");
    let access = json!({
        "accessKeyId": "ASIALOGIN", "secretAccessKey": "secret", "sessionToken": "token",
        "accountId": "111122223333", "expiresAt": "2099-01-01T00:00:00Z",
    });
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let token = json!({
        "accessToken": access, "tokenType": "aws_sigv4", "refreshToken": "refresh", "idToken": "id",
        "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": key,
    });
    let name: String = Sha256::digest(session).iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(directory.join(format!("{name}.json")), token.to_string()).expect("the session");
    let config = workspace.path().join("aws-config");
    std::fs::write(&config, format!("[profile me]\nlogin_session = {session}\n")).expect("the profile");
    let mut command = workspace.command(&format!("orphans --endpoint-url http://127.0.0.1:{port}"));
    command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", "me").env("AWS_LOGIN_CACHE_DIRECTORY", &directory);
    let output = workspace.format_output(&command.output().expect("the program runs"), "orphans");
    let first = received.recv_timeout(SOON).unwrap_or_else(|_| panic!("{output}"));
    assert!(first.contains("Credential=ASIALOGIN/"), "{first}");
}

/// Credentials in environment variables cannot be renewed for a process that runs.
#[test]
fn credentials_that_expire_during_the_run_are_named_before_it() {
    let (port, _received) = serve(|mut stream| answer_as_sts(&mut stream));
    let expires = |minutes| (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes)).to_string();
    for (minutes, warns) in [(5, true), (600, false)] {
        let workspace = Workspace::new();
        let mut command = workspace.command(&format!("up -y --endpoint-url http://127.0.0.1:{port}"));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_CREDENTIAL_EXPIRATION", expires(minutes));
        let text = workspace.format_output(&command.output().expect("the program runs"), "up");
        assert_eq!(text.contains("AWS_ACCESS_KEY_ID, … expire at "), warns, "{text}");
    }
}

/// The second region was found to refuse the credentials after the first one was full of resources.
#[test]
fn a_region_that_does_not_accept_the_credentials_is_found_before_the_first_call() {
    let (port, received) = serve(|mut stream| {
        answer(&mut stream, |request| match request.contains("/eu-south-1/sts/") {
            true => {
                let code = "<Error><Code>InvalidClientTokenId</Code><Message>invalid</Message></Error>";
                (403, format!("<ErrorResponse>{code}</ErrorResponse>"))
            }
            false => identity("111122223333"),
        })
    });
    let workspace = Workspace::new();
    let arguments = format!("up -y --set environments.target.region=eu-south-1 --endpoint-url http://127.0.0.1:{port}");
    let mut command = workspace.command(&arguments);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let refused = workspace.format_output(&command.output().expect("the program runs"), "up");
    assert!(refused.contains("does not accept the credentials") && refused.contains("in the region eu-south-1"));
    assert!(refused.contains("aws account enable-region --region-name eu-south-1"), "{refused}");
    let requests: Vec<String> = received.try_iter().collect();
    assert!(requests.len() >= 2, "{requests:?}");
    assert!(requests.iter().all(|request| request.contains("Action=GetCallerIdentity")), "{requests:?}");
}

#[test]
fn a_role_is_assumed_with_its_external_id() {
    let (port, received) = serve(|mut stream| {
        answer(&mut stream, |request| {
            if request.contains("Action=AssumeRole") {
                let credentials = "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                                   <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
                let result = format!("<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>");
                return (200, format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>"));
            }
            identity(if request.contains("Credential=ASIAROLE/") { "444455556666" } else { "111122223333" })
        })
    });
    let workspace = Workspace::new();
    let role = "{role_arn=\"arn:aws:iam::444455556666:role/migrate\",external_id=\"x-1\",session_name=\"payments\"}";
    let set = format!("--set environments.target.assume_role={role}");
    let mut command = workspace.command(&format!("orphans {set} --endpoint-url http://127.0.0.1:{port}"));
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let output = workspace.format_output(&command.output().expect("the program runs"), "orphans");
    let requests: Vec<String> = received.try_iter().collect();
    let has = |parts: &[&str]| requests.iter().any(|request| parts.iter().all(|part| request.contains(part)));
    let sent = ["Action=AssumeRole", "ExternalId=x-1", "RoleSessionName=payments", "Credential=test/"];
    assert!(has(&sent), "{output} {requests:?}");
    assert!(has(&["Action=GetCallerIdentity", "Credential=ASIAROLE/"]), "{output} {requests:?}");
}

#[test]
fn each_environment_has_its_profile() {
    let (port, received) = serve(|mut stream| {
        answer(&mut stream, |request| {
            identity(if request.contains("Credential=NEW/") { "444455556666" } else { "111122223333" })
        })
    });
    let workspace = Workspace::new();
    let config = workspace.path().join("aws-config");
    let profile =
        |name: &str, key: &str| format!("[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = s\n");
    std::fs::write(&config, profile("old", "OLD") + &profile("new", "NEW")).expect("the profiles");
    let sets = "--set environments.source.profile=old --set environments.target.profile=new";
    let mut command = workspace.command(&format!("orphans {sets} --endpoint-url http://127.0.0.1:{port}"));
    command.env("AWS_CONFIG_FILE", &config);
    let output = workspace.format_output(&command.output().expect("the program runs"), "orphans");
    let requests: Vec<String> = received.try_iter().collect();
    for key in ["OLD", "NEW"] {
        let parts = ["Action=GetCallerIdentity".to_owned(), format!("Credential={key}/")];
        assert!(requests.iter().any(|one| parts.iter().all(|part| one.contains(part))), "{key}: {output}");
    }
}

/// Nobody can give a process that runs other environment variables.
#[test]
fn a_run_stops_when_the_credentials_of_the_environment_have_expired() {
    let expired = "<Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired\
                   </Message></Error>";
    let (port, _received) = serve(move |mut stream| {
        answer(&mut stream, |request| match request.contains("Action=GetCallerIdentity") {
            true => identity("111122223333"),
            false => (400, format!("<Response><Errors>{expired}</Errors></Response>")),
        })
    });
    let workspace = Workspace::new();
    let mut command = workspace.command(&format!("up -y --env source --endpoint-url http://127.0.0.1:{port}"));
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let stopped = workspace.format_output(&command.output().expect("the program runs"), "up");
    assert!(!stopped.contains("[exit 0]") && stopped.contains("variables have to be exported again"), "{stopped}");
}

#[test]
fn an_endpoint_that_is_no_url_or_not_on_this_machine_was_used() {
    let workspace = Workspace::new();
    for (url, why) in [
        ("http://[::1", "it is not a URL"),
        ("http://host:port", "it is not a URL"),
        ("http://10.0.0.5:4566", "over plain HTTP to `10.0.0.5`"),
        ("https://user:hush7@127.0.0.1", "it contains a user or a password"),
    ] {
        let option = with_credentials(&workspace, url, &[]);
        assert!(option.contains("[exit 2]") && option.contains(why), "{option}");
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SERVICE_QUOTAS"] {
            let mut command = workspace.command("orphans");
            command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env(name, url);
            let output = command.output().expect("the program runs");
            let shown = workspace.format_output(&output, "orphans");
            assert!(shown.contains("[exit 2]") && shown.contains(why) && shown.contains(name), "{shown}");
            assert!(!shown.contains("hush7"), "{shown}");
        }
    }
}

#[test]
fn an_endpoint_of_a_service_in_the_profile_was_not_checked() {
    let workspace = Workspace::new();
    let of_service = |service: &str| {
        format!("[default]\nservices = ours\n[services ours]\n{service} =\n  endpoint_url = http://10.0.0.5:4566\n")
    };
    for (profile, setting) in [
        (of_service("ec2"), "`endpoint_url` of EC2 in the profile"),
        (of_service("sns"), "`endpoint_url` of SNS in the profile"),
        // The SDK for Rust joins the words of a service with a hyphen.
        (of_service("database-migration-service"), "`endpoint_url` of Database Migration Service in the profile"),
        ("[default]\nendpoint_url = http://10.0.0.5:4566\n".to_owned(), "`endpoint_url` of the profile"),
    ] {
        let file = workspace.path().join("aws-config");
        std::fs::write(&file, profile).expect("a file");
        let mut command = workspace.command("orphans");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_CONFIG_FILE", file);
        let shown = workspace.format_output(&command.output().expect("the program runs"), "orphans");
        assert!(shown.contains("[exit 2]") && shown.contains(setting), "{setting}: {shown}");
        assert!(shown.contains("over plain HTTP to `10.0.0.5`"), "{shown}");
    }
}

/// Returns what `down` of a stack without resources publishes, and its output. The topic answers with this.
fn publish(status: u16, answer_of_topic: &'static str) -> (Vec<String>, String) {
    let (port, received) = serve(move |mut stream| {
        answer(&mut stream, |request| match request.contains("Action=Publish") {
            true => (status, answer_of_topic.to_owned()),
            false => identity("111122223333"),
        })
    });
    let workspace = Workspace::new();
    let topic = "notify.topic=arn:aws:sns:eu-west-1:444455556666:payments";
    let mut command = workspace.command(&format!("down -y --endpoint-url http://127.0.0.1:{port} --set {topic}"));
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let output = workspace.format_output(&command.output().expect("the program runs"), "down");
    let published = received.try_iter().filter(|request| request.contains("Action=Publish")).collect();
    (published, output)
}

#[test]
fn a_topic_is_notified_of_the_end_of_a_run() {
    let (published, output) = publish(200, "<PublishResponse><PublishResult/></PublishResponse>");
    let [request] = &published[..] else { panic!("{published:#?}\n{output}") };
    for part in [
        "TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A444455556666%3Apayments",
        "Subject=%60down%60%20of%20payment-migration%2Fdev-001%20has",
        "%22event%22%3A%22notification%22",
        "MessageAttributes.entry.1.Name=",
        // Signed for the region of the topic.
        "/eu-west-1/sns/aws4_request",
    ] {
        assert!(request.contains(part), "{part}: {request}");
    }
    assert!(!output.contains("the topic was not notified"), "{output}");
}

#[test]
fn a_topic_that_refuses_is_a_notice() {
    let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code>\
                   <Message>Topic does not exist</Message></Error></ErrorResponse>";
    let (published, output) = publish(404, refusal);
    assert_eq!(published.len(), 1, "{output}");
    assert!(output.contains("note: the topic was not notified of `") && output.contains("does not exist"), "{output}");
}

/// Without the feature `otlp`, the program has no exporter.
#[cfg(feature = "otlp")]
mod traces {
    use super::*;

    /// Runs `up` with this collector.
    fn up(collector: &str) -> String {
        let workspace = Workspace::new();
        let mut command = workspace.command("up --env source --sandbox -y");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
        command.env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        workspace.format_output(&command.output().expect("the program runs"), "up")
    }

    #[test]
    fn a_collector_gets_the_trace_of_a_run() {
        let (port, received) = serve(|mut stream| answer(&mut stream, |_| (200, String::new())));
        let output = up(&format!("http://127.0.0.1:{port}"));
        assert!(output.contains("[exit 0]") && !output.contains("trace"), "{output}");
        let all: String = received.try_iter().collect();
        for part in ["POST /v1/traces", "create source/network/vpc", "ec2:CreateVpc", "service.version"] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn a_collector_that_does_not_answer_does_not_fail_a_run() {
        let unused =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let output = up(&format!("http://127.0.0.1:{unused}"));
        assert!(output.contains("[exit 0]") && output.contains("the collector did not take the trace"), "{output}");
    }
}
