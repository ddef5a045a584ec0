//! Processes that are killed, and processes that act at the same time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::harness::{DATABASE, MASTER, PASSWORD, Place, eventually, kill, program, supervisors};

/// Starts processes that use the server, and returns them with the port that each has found.
fn users(place: &Place, count: usize) -> (Vec<Child>, Vec<String>) {
    let start = || {
        let mut command = Command::new(program());
        command.arg("use").arg(place.server()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<Child> = (0..count).map(|_| start()).collect();
    let port = |child: &mut Child| {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    };
    let ports = children.iter_mut().map(port).collect();
    (children, ports)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_start_one_server_and_nothing_remains_after_they_are_killed() {
    let place = Place::open();
    place.create(&[]).await;
    let (children, ports) = users(&place, 6);
    let postmaster = place.postmaster();
    assert!(ports[0].parse::<u16>().is_ok() && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    let supervisors = supervisors(&place.server());
    assert_eq!(supervisors.len(), 1);
    // Ctrl-C in the terminal, which is for the process group of the commands, does not reach them.
    for pid in [postmaster, supervisors[0]] {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let group = stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned();
        assert_eq!(group, pid.to_string());
    }
    for mut child in children {
        assert_eq!(place.postmaster(), postmaster);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    place.is_idle().await;
}

/// Users come and go at about the moment at which the supervisor stops the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_arrives_while_the_server_stops_gets_it() {
    let place = Place::open();
    let server = place.create(&[]).await;
    for wait in [1950, 2050, 2150] {
        let running = server.start().await.unwrap();
        running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
        drop(running);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let running = server.start().await.unwrap();
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    client.query_one("SELECT 1", &[]).await.expect("the server still runs");
    assert_eq!(supervisors(&place.server()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_recovers_what_was_committed() {
    let place = Place::open();
    let server = place.create(&[]).await;
    let running = server.start().await.unwrap();
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    client.batch_execute("CREATE TABLE t (x int PRIMARY KEY, filler text)").await.unwrap();
    let mut last = 0;
    for round in 0..2 {
        let victim = place.postmaster();
        let writer = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
        let writing = tokio::spawn(async move {
            let mut acknowledged = last;
            loop {
                let statement = "INSERT INTO t VALUES ($1, repeat('x', 500))";
                match writer.execute(statement, &[&(acknowledged + 1)]).await {
                    Ok(_) => acknowledged += 1,
                    Err(_) => return acknowledged,
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        // In the second round also the processes that the main process has left are busy.
        if round == 1 {
            let busy = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
            tokio::spawn(async move {
                busy.batch_execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$").await.unwrap_err();
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        kill(victim);
        eventually("it runs again", Duration::from_secs(15), async || {
            place.find_postmaster().is_some_and(|pid| pid != victim) && running.is_answering().await
        })
        .await;
        let acknowledged = writing.await.unwrap();
        assert!(acknowledged > last, "payments were made");
        let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
        let row = client.query_one("SELECT count(*), max(x) FROM t", &[]).await.unwrap();
        let (count, max): (i64, i32) = (row.get(0), row.get(1));
        assert!(max == acknowledged || max == acknowledged + 1, "{max} {acknowledged}: none is lost");
        assert_eq!(count, i64::from(max), "the last one can be there without its acknowledgement");
        last = max;
    }
    assert_eq!(supervisors(&place.server()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_with_its_supervisor_and_users_recovers_with_the_next_start() {
    let place = Place::open();
    let server = place.create(&[]).await;
    let running = server.start().await.unwrap();
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    client.batch_execute("CREATE TABLE t (x int); INSERT INTO t VALUES (7)").await.unwrap();
    for supervisor in supervisors(&place.server()) {
        kill(supervisor);
    }
    kill(place.postmaster());
    drop((client, running));
    let running = server.start().await.unwrap();
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    assert_eq!(client.query_one("SELECT x FROM t", &[]).await.unwrap().get::<_, i32>(0), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_supervisor_was_killed_gets_another_one_and_keeps_running() {
    let place = Place::open();
    let server = place.create(&[]).await;
    let running = server.start().await.unwrap();
    let client = running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    let postmaster = place.postmaster();
    let first = supervisors(&place.server());

    // While it has a user, at once.
    kill(first[0]);
    let limit = Duration::from_secs(5);
    let replaced = async || supervisors(&place.server()).iter().any(|pid| !first.contains(pid));
    eventually("there is another supervisor", limit, replaced).await;
    client.query_one("SELECT 1", &[]).await.expect("the server was not restarted");

    // Without a user, by the next start.
    drop(running);
    for supervisor in supervisors(&place.server()) {
        kill(supervisor);
    }
    let running = server.start().await.unwrap();
    client.query_one("SELECT 1", &[]).await.expect("the server was adopted");
    assert_eq!(place.postmaster(), postmaster);
    drop((client, running));
    place.is_idle().await;
}

/// The number in the file of a killed server can belong to another process of the same user by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_file_of_the_main_process_is_no_obstacle() {
    let place = Place::open();
    let server = place.create(&[]).await;
    let other = Place::open();
    let other_server = other.create(&[]).await;
    let other_running = other_server.start().await.unwrap();
    let stale = format!("{}\n/nowhere\n0\n1\n\n127.0.0.1\n\nready   \n", other.postmaster());
    std::fs::write(place.data().join("postmaster.pid"), stale).unwrap();
    assert!(!server.is_answering().await);
    let running = server.start().await.unwrap();
    running.client(MASTER, PASSWORD, DATABASE).await.unwrap();
    assert_ne!(place.postmaster(), other.postmaster());
    drop(other_running);
}
