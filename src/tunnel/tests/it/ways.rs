//! A way leads to the database, or says why there is none.

use std::sync::Mutex;
use std::time::Duration;

use infra_tunnel::{Place, Tunnels};

use crate::server::{ask, endpoint, place, script, server};

/// A proxy: it listens on a free port, and forwards to a given port.
const PROXY: &str = r#"
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print("Starting session with SessionId: user-0a1b2c3d")
print(f"Port {listener.getsockname()[1]} opened for sessionId user-0a1b2c3d.", flush=True)
def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.close()
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"#;

#[tokio::test]
async fn a_command_that_forwards_leads_to_the_database() {
    let command = ["python3", "-c", PROXY, &server().port.to_string()].map(str::to_owned).to_vec();
    let tunnels = Tunnels::new(command, std::env::vars_os().collect(), Duration::from_secs(20), |_| ());
    let address = tunnels.to(&place()).await.expect("it listens");
    assert_ne!(address.port(), server().port);
    assert_eq!(ask(&endpoint().through(address)).await, "postgres");
    // It is used again.
    assert_eq!(tunnels.to(&place()).await, Ok(address));
    assert_eq!(ask(&endpoint().through(address)).await, "postgres");
}

#[tokio::test]
async fn the_command_knows_the_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("known");
    let text = format!(
        "echo \"$0 $1 $MIGRATE_INFRA_DATABASE_HOST $MIGRATE_INFRA_DATABASE_PORT $MIGRATE_INFRA_DATABASE_REGION \
         $MIGRATE_INFRA_DATABASE_ENVIRONMENT\" > {}; echo 127.0.0.1:{}; sleep 60",
        file.display(),
        server().port
    );
    let tunnels = script(&text, &["{host}", "{environment}/{port}"]);
    let address = tunnels.to(&place()).await.expect("it listens");
    assert_eq!(ask(&endpoint().through(address)).await, "postgres");
    let known = std::fs::read_to_string(file).expect("a file");
    assert_eq!(known.trim(), "db.source.invalid source/5432 db.source.invalid 5432 us-east-1 source");
}

#[tokio::test]
async fn the_command_got_the_whole_environment() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("environment");
    let text = format!("env > {}; echo 127.0.0.1:5432; sleep 60", file.display());
    let command = ["sh", "-c", &text].map(str::to_owned).to_vec();
    let given = [("PATH", "/usr/bin:/bin"), ("AWS_PROFILE", "tunnel")];
    let environment = given.map(|(name, value)| (name.into(), value.into())).to_vec();
    let tunnels = Tunnels::new(command, environment, Duration::from_secs(20), |_| ());
    tunnels.to(&place()).await.expect("it listens");
    let known = std::fs::read_to_string(file).expect("a file");
    assert!(known.contains("AWS_PROFILE=tunnel") && known.contains("MIGRATE_INFRA_DATABASE_PORT=5432"), "{known}");
    // Cargo sets it for the tests.
    assert!(!known.contains("CARGO_MANIFEST_DIR"), "{known}");
}

#[tokio::test]
async fn each_database_has_its_own_way() {
    let tunnels = script("echo 127.0.0.1:$1; sleep 60", &["-", "{port}"]);
    let other = Place { port: 5433, ..place() };
    let (one, two) = (tunnels.to(&place()).await.expect("a way"), tunnels.to(&other).await.expect("a way"));
    assert_eq!((one.port(), two.port()), (5432, 5433));
}

#[tokio::test]
async fn a_way_that_is_closed_is_reported_and_opened_again() {
    static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!(
        "echo $$ > {}; echo 'password=hush7 the session timed out' >&2; echo 127.0.0.1:{}; sleep 60",
        directory.path().join("pid").display(),
        server().port
    );
    let command = ["sh", "-c", &text].map(str::to_owned).to_vec();
    let notice = |text: &str| NOTICES.lock().expect("a list").push(text.to_owned());
    let tunnels = Tunnels::new(command, std::env::vars_os().collect(), Duration::from_secs(5), notice);
    tunnels.to(&place()).await.expect("a way");
    let pid = std::fs::read_to_string(directory.path().join("pid")).expect("a file");
    let killed = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs");
    assert!(killed.success());
    crate::server::until("it has ended", || !crate::server::is_running(&pid));
    let address = tunnels.to(&place()).await.expect("a new way");
    assert_ne!(std::fs::read_to_string(directory.path().join("pid")).expect("a file"), pid);
    assert_eq!(ask(&endpoint().through(address)).await, "postgres");
    let notices = NOTICES.lock().expect("a list").clone();
    let [notice] = notices.as_slice() else { panic!("{notices:?}") };
    assert!(notice.contains("db.source.invalid is closed") && notice.contains("the session timed out"), "{notice}");
    assert!(!notice.contains("hush7"), "{notice}");
}

#[tokio::test]
async fn what_is_of_no_use_is_refused_with_the_reason() {
    for (text, expected) in [
        ("exit 3", "ended with exit status: 3, and did not say where it listens"),
        ("echo ready; echo 'TargetNotConnected: token hush7' >&2; exit 1", "TargetNotConnected: token ***"),
        ("echo 127.0.0.1:99999; sleep 60", "names no port between 1 and 65535"),
        ("echo 0.0.0.0:5432; sleep 60", "is no address to connect to"),
        ("exec >&-; sleep 60", "closed its output"),
    ] {
        let error = script(text, &[]).to(&place()).await.expect_err("it is refused").to_string();
        assert!(error.contains(expected) && !error.contains("hush7"), "{text}: {error}");
    }
    let slow = ["sh", "-c", "echo waiting; sleep 60"].map(str::to_owned).to_vec();
    let slow = Tunnels::new(slow, std::env::vars_os().collect(), Duration::from_millis(200), |_| ());
    let error = slow.to(&place()).await.expect_err("it is too slow").to_string();
    assert!(error.contains("has not printed within the time limit"), "{error}");
    let missing = Tunnels::new(vec!["/no/such/program".to_owned()], Vec::new(), Duration::from_secs(1), |_| ());
    let error = missing.to(&place()).await.expect_err("there is none").to_string();
    assert!(error.contains("`/no/such/program` cannot be started"), "{error}");
    // A failure is not kept.
    let directory = tempfile::tempdir().expect("a directory");
    let flag = directory.path().join("flag");
    let text = format!("[ -e {0} ] && echo 127.0.0.1:5432 && sleep 60; touch {0}; exit 1", flag.display());
    let tunnels = script(&text, &[]);
    tunnels.to(&place()).await.expect_err("not yet");
    tunnels.to(&place()).await.expect("now");
}
