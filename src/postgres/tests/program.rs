//! The program of this crate's tests: it supervises a server, uses one until it is killed, or searches for programs.

use std::path::Path;
use std::process::ExitCode;

use infra_postgres::{Launcher, Programs, Server, supervise};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["supervise", directory] => supervise(Path::new(directory)),
        ["use", directory] => use_server(Path::new(directory)),
        ["programs"] => {
            for server in Programs::all().servers() {
                println!("{} {}", server.version, server.directory.display());
            }
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}

/// Starts the server, prints the number of its port, and uses it for ever.
fn use_server(directory: &Path) -> ExitCode {
    let program = std::env::current_exe().expect("this program has a path");
    let launcher = Launcher { program, arguments: vec!["supervise".into()] };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = Server::open(directory, launcher).expect("the test has created the server");
        let running = server.start().await.expect("the server starts");
        let port = running.connection("nobody", "", "postgres").expect("the port is known").port;
        println!("{port}");
        std::future::pending::<()>().await;
        drop(running);
    });
    ExitCode::SUCCESS
}
