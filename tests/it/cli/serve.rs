//! `serve`: the page of the newest run, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::workspace::{Workspace, signal};
use crate::schemas::check;

struct Served {
    process: Child,
    host: String,
    path: String,
}

impl Served {
    fn start(workspace: &Workspace) -> Self {
        let mut command = workspace.command("serve --sandbox --output json");
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("the address");
        let value: Value = serde_json::from_str(&line).expect("JSON");
        check("serve", &value);
        let url = value["url"].as_str().expect("text");
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
        Self { process, host: host.to_owned(), path: format!("/{path}") }
    }

    fn connect(&self, page: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a limit");
        let (host, path) = (&self.host, &self.path);
        let request = format!("GET {path}{page} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it is sent");
        stream
    }

    fn get(&self, page: &str) -> String {
        let mut text = String::new();
        self.connect(page).read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        body.to_owned()
    }

    fn view(&self) -> Value {
        serde_json::from_str(&self.get("view")).expect("JSON")
    }

    /// Waits for a view that fulfils a condition.
    fn view_with(&self, is_there: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let view = self.view();
            if is_there(&view) {
                return view;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{view}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(mut self) {
        signal(&self.process, "INT");
        assert_eq!(self.process.wait().expect("it ends").code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // After a failed assertion.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(view: &Value) -> &str {
    view["status"].as_str().expect("text")
}

#[test]
fn the_page_follows_the_newest_run() {
    let workspace = Workspace::new();
    let served = Served::start(&workspace);
    assert!(served.get("").contains("No run is stored yet"));
    let mut events = BufReader::new(served.connect("events"));
    let mut event = || {
        let mut line = String::new();
        while !line.starts_with("event: changed") {
            line.clear();
            assert_ne!(events.read_line(&mut line).expect("an event"), 0, "the connection stays open");
        }
    };
    event();
    assert!(workspace.run("up --env source --sandbox -y").status.success());
    event();
    let view = served.view_with(|view| status(view) == "The run has ended: done. The next one appears here.");
    let content = view["content"].as_str().expect("text");
    assert!(content.contains("id=\"chart\"") && content.contains("source/<wbr>network/<wbr>vpc"), "{content}");
    assert!(view["title"].as_str().is_some_and(|title| title.starts_with("up payment-migration/dev-001: run-")));
    // The next one takes its place.
    assert!(workspace.run("down --env source --sandbox -y").status.success());
    served.view_with(|view| view["title"].as_str().is_some_and(|title| title.starts_with("down ")));
    served.stop();
}

#[test]
fn a_run_is_under_way_until_it_is_killed() {
    let workspace = Workspace::new();
    let served = Served::start(&workspace);
    let mut command = workspace.command("up --env source --sandbox --sandbox-timing real -y");
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let view = served.view_with(|view| status(view) == "The run is under way." && view.to_string().contains("running"));
    assert!(view["content"].as_str().is_some_and(|text| text.contains("<strong>under way</strong>")), "{view}");
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    let view = served.view_with(|view| status(view).starts_with("The run was killed."));
    assert!(!view.to_string().contains("<strong>running</strong>"), "{view}");
    served.stop();
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let workspace = Workspace::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let refused = workspace.transcript(&format!("serve --sandbox --port {port}"));
    assert!(refused.contains("[exit 1]"), "{refused}");
    assert!(refused.contains(&format!("cannot listen on port {port} of 127.0.0.1")), "{refused}");
    assert!(refused.contains("hint: without `--port`, a free port is taken"), "{refused}");
}
