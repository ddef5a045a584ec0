//! A real server, and a client that writes its requests itself.

use std::time::Duration;

use infra_timeline::html::View;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Server;

struct Running {
    host: String,
    path: String,
    views: watch::Sender<View>,
}

fn view(content: &str) -> View {
    View { title: "up demo".into(), status: "The run is under way.".into(), content: content.into() }
}

async fn start() -> Running {
    let (views, receiver) = watch::channel(view("<main id=\"main\">one</main>"));
    let server = Server::listen(0, receiver).await.expect("a free port");
    let url = server.url();
    tokio::spawn(server.run());
    let rest = url.strip_prefix("http://").expect("an address").to_owned();
    let (host, path) = rest.split_once('/').expect("a path");
    Running { host: host.to_owned(), path: format!("/{path}"), views }
}

impl Running {
    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        stream
    }

    /// Returns the answer to a request, as text.
    async fn ask(&self, method: &str, path: &str, host: &str) -> String {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut text = String::new();
        self.send(&request).await.read_to_string(&mut text).await.expect("an answer");
        text
    }

    async fn get(&self, path: &str) -> String {
        self.ask("GET", &format!("{}{path}", self.path), &self.host).await
    }
}

#[tokio::test]
async fn the_page_its_script_and_its_view_are_delivered() {
    let server = start().await;
    let page = server.get("").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<main id=\"main\">one</main>"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{page}");
    assert!(page.contains("cache-control: no-store") && page.contains("referrer-policy: no-referrer"), "{page}");
    assert!(server.get("live.js").await.contains("new EventSource(\"events\")"));
    server.views.send(view("two")).expect("the server listens");
    let json = server.get("view").await;
    assert!(json.ends_with(r#"{"title":"up demo","status":"The run is under way.","content":"two"}"#), "{json}");
    let head = server.ask("HEAD", &server.path, &server.host).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let without = server.ask("GET", server.path.trim_end_matches('/'), &server.host).await;
    assert!(without.contains(&format!("location: {}\r\n", server.path)), "{without}");
}

#[tokio::test]
async fn others_can_read_and_change_nothing() {
    let server = start().await;
    let status = |answer: String| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    for path in ["/", "/view", "/00000000000000000000000000000000/view", "/../etc/passwd"] {
        let answer = server.ask("GET", path, &server.host).await;
        assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains(&server.path), "{path}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(status(server.ask(method, &server.path, &server.host).await), "405", "{method}");
    }
    for host in ["attacker.example", "127.0.0.1", ""] {
        assert_eq!(status(server.ask("GET", &server.path, host).await), "421", "{host}");
    }
    assert_eq!(status(server.get("nothing").await), "404");
}

#[tokio::test]
async fn each_change_is_an_event_also_after_a_lost_connection() {
    let server = start().await;
    let request = format!("GET {}events HTTP/1.1\r\nHost: {}\r\n\r\n", server.path, server.host);
    for round in 0..2 {
        let mut stream = server.send(&request).await;
        let mut text = String::new();
        // The first event comes at once, the second one after the change.
        for count in [1, 2] {
            while text.matches("event: changed\ndata: 1\n\n").count() < count {
                let mut bytes = [0; 1024];
                let read = timeout(Duration::from_secs(20), stream.read(&mut bytes));
                let length = read.await.expect("an event in time").expect("it can be read");
                assert_ne!(length, 0, "the connection stays open: {text}");
                text.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
            if count == 1 {
                server.views.send(view(&format!("round {round}"))).expect("the server listens");
            }
        }
        assert!(text.contains("content-type: text/event-stream"), "{text}");
    }
}
