//! What the rows of several tables arrange.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::situation::Arranged;
use crate::harness::workspace::Workspace;

/// Puts a FIFO in place of a file of the state.
pub(super) fn fifo(workspace: &Workspace, name: &str) -> Arranged {
    let path = workspace.state().join(name);
    let _ = fs::remove_file(&path);
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    Arranged::default()
}

/// Puts a symbolic link in place of a file of the state, to the same content elsewhere.
pub(super) fn link(workspace: &Workspace, name: &str) -> Arranged {
    let (path, elsewhere) = (workspace.state().join(name), workspace.path().join("elsewhere"));
    fs::rename(&path, &elsewhere).expect("it exists");
    symlink(&elsewhere, &path).expect("a link");
    Arranged::default()
}

/// Puts a symbolic link to a device in place of a file of the state.
pub(super) fn device(workspace: &Workspace, name: &str) -> Arranged {
    let path = workspace.state().join(name);
    let _ = fs::remove_file(&path);
    symlink("/dev/zero", &path).expect("a link");
    Arranged::default()
}

/// Puts a directory in place of a file of the state.
pub(super) fn directory(workspace: &Workspace, name: &str) -> Arranged {
    let path = workspace.state().join(name);
    let _ = fs::remove_file(&path);
    fs::create_dir(&path).expect("a directory");
    Arranged::default()
}

/// Writes a file of the state.
pub(super) fn content(workspace: &Workspace, name: &str, bytes: &[u8]) -> Arranged {
    fs::write(workspace.state().join(name), bytes).expect("a file");
    Arranged::default()
}

/// Appends to a file of the state.
pub(super) fn append(workspace: &Workspace, name: &str, bytes: &[u8]) -> Arranged {
    let path = workspace.state().join(name);
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(bytes).expect("it can be written");
    Arranged::default()
}

/// Edits the snapshot of the state.
pub(super) fn snapshot(workspace: &Workspace, edit: impl FnOnce(&mut Value)) -> Arranged {
    let path = workspace.state().join("state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).expect("the state")).expect("it is JSON");
    edit(&mut state);
    fs::write(&path, state.to_string()).expect("the state");
    Arranged::default()
}

/// Adds arguments.
pub(super) fn arguments(arguments: impl Into<String>) -> Arranged {
    Arranged { arguments: arguments.into(), ..Arranged::default() }
}

/// Writes to a device that is full.
pub(super) fn full_output(_workspace: &Workspace) -> Arranged {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("the device exists");
    Arranged { output: Some(full), ..Arranged::default() }
}

/// Starts a server that treats each connection so, and ends with the test process. Returns its address.
pub(super) fn listen(treat: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || treat(connection));
        }
    });
    address
}

/// Answers whatever arrives with these bytes.
pub(super) fn answer(mut connection: &TcpStream, bytes: &[u8]) {
    let mut request = vec![0; 65_536];
    // The answer does not depend on the request.
    drop(connection.read(&mut request));
    drop(connection.write_all(bytes));
}
