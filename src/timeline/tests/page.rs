//! The page of a run.

use std::fmt::Write as _;

use super::{cutover, timeline, up};
use crate::html::{View, live_page, page};

/// Elements without an end.
const VOID: [&str; 4] = ["!DOCTYPE", "meta", "wbr", "br"];

/// Checks that each element is closed in its place, and that each reference inside the page leads somewhere.
fn check(page: &str) {
    let body = page
        .split_once("<style>")
        .and_then(|(head, rest)| rest.split_once("</style>").map(|(_, rest)| format!("{head}{rest}")));
    let body = body.expect("a style sheet");
    let mut open: Vec<&str> = Vec::new();
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("a tag without an end: {tag}"));
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        match tag {
            _ if VOID.contains(&name) || tag.ends_with('/') => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "</{name}>"),
            _ => open.push(name),
        }
        let quotes = tag.matches('"').count();
        assert_eq!(quotes % 2, 0, "quotes: {tag}");
    }
    assert_eq!(open, Vec::<&str>::new());
    for reference in body.split("href=\"#").skip(1) {
        let id = reference.split('"').next().unwrap_or_default();
        assert!(body.contains(&format!("id=\"{id}\"")), "#{id}");
    }
    let ids: Vec<&str> = body.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "each id once");
    for forbidden in ["http://", "https://", "<script", "<link", "<img", "@import", "url(", "javascript:", " on"] {
        let found = match forbidden {
            " on" => body.split('<').any(|tag| tag.split('>').next().unwrap_or_default().contains(" on")),
            text => page.contains(text),
        };
        assert!(!found, "{forbidden}");
    }
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    for (timeline, parts) in [
        (up(), vec!["summary", "errors", "path", "chart", "graph", "estimates", "calls", "notices"]),
        (cutover(), vec!["summary", "traffic", "lag", "gates", "switchover", "notices"]),
    ] {
        let page = page(&timeline);
        check(&page);
        for part in parts {
            assert!(page.contains(&format!("<section id=\"{part}\"")), "{part}");
        }
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    }
    let cutover = page(&cutover());
    assert!(cutover.contains("Clients could not write for <strong>1&nbsp;min&nbsp;15&nbsp;s</strong>"), "{cutover}");
    let up = page(&up());
    let expected = "7&nbsp;min&nbsp;38&nbsp;s, usually 5&nbsp;min&nbsp;8&nbsp;s to 15&nbsp;min&nbsp;8&nbsp;s";
    assert!(up.contains(expected), "{up}");
}

#[test]
fn the_text_of_others_is_only_text() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\u{1b}";
    let json = serde_json::to_string(hostile).expect("text");
    let inner = &json[1..json.len() - 1];
    let texts = |text: &str| text.replace("source/", inner).replace("the database", inner).replace("demo", inner);
    let run = texts(include_str!("runs/up.json"));
    for events in [include_str!("runs/up.jsonl"), include_str!("runs/cutover.jsonl")] {
        let events = texts(events).replace("replication_lag", &format!("lag {inner}")).replace("completed", inner);
        let page = page(&timeline(&run, &events));
        check(&page.replace("onerror=alert", ""));
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
        assert!(page.contains("&lt;script&gt;alert(1)"));
    }
}

#[test]
fn a_run_under_way_has_steps_that_run() {
    let run = include_str!("runs/up.json");
    let record: serde_json::Value = serde_json::from_str(run).expect("a run");
    let mut record = record.as_object().expect("an object").clone();
    for end in ["ended", "outcome", "exit_code", "error", "seconds"] {
        record.remove(end);
    }
    let run = serde_json::to_string(&record).expect("text");
    // The database is created, and not ready yet.
    let events: Vec<&str> = include_str!("runs/up.jsonl").lines().collect();
    let waits = events.iter().position(|line| line.contains("step_waiting")).expect("a wait");
    let events = events[..=waits].join("\n");
    let killed = View::of(&timeline(&run, &events));
    assert!(killed.status.starts_with("The run was killed."), "{killed:?}");
    assert!(killed.content.contains("<strong>interrupted</strong>"), "{killed:?}");
    let view = View::of(&timeline(&run, &events).under_way());
    assert_eq!(view.status, "The run is under way.");
    for part in ["<strong>under way</strong>", "<strong>running</strong>", "&nbsp;s left", " to begin"] {
        assert!(view.content.contains(part), "{part}: {view:?}");
    }
    let page = live_page(&view);
    let script = "<script type=\"module\" src=\"live.js\"></script>";
    assert!(page.contains(script) && page.contains(&view.content), "{page}");
    check(&page.replace(script, "").replace("<link rel=\"icon\" href=\"data:,\">", ""));
    check(
        &live_page(&View::without_run("demo/<1>"))
            .replace(script, "")
            .replace("<link rel=\"icon\" href=\"data:,\">", ""),
    );
}

/// Returns a run with this many resources, each with waits, retries and three needs.
fn large(count: usize) -> String {
    let mut events = String::new();
    let mut steps = Vec::new();
    for index in 0..count {
        let address = format!("source/a-long-part-of-the-address-{}/resource-{index}", index % 10);
        let at = index * 7;
        let on = |back: usize| {
            let other = index.checked_sub(back)?;
            let address = format!("source/a-long-part-of-the-address-{}/resource-{other}", other % 10);
            Some(serde_json::json!({ "on": address, "at": if back == 3 { "created" } else { "ready" } }))
        };
        let needs: Vec<_> = [3, 11, 20].into_iter().filter_map(on).collect();
        steps.push(serde_json::json!({ "address": address, "kind": "rds.db_instance", "action": "create",
            "operation": "create", "expected_seconds": 30, "needs": needs }));
        let mut event = |after: usize, name: &str, rest: serde_json::Value| {
            let mut line = serde_json::json!({ "at_seconds": at + after, "event": name, "address": address });
            line.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
            writeln!(events, "{line}").expect("a string");
        };
        event(0, "step_started", serde_json::json!({ "action": "create" }));
        for call in 0..4 {
            let call =
                serde_json::json!({ "call": "rds:CreateDBInstance", "millis": 5, "code": format!("Code{call}") });
            event(1, "call", call);
        }
        event(3, "step_created", serde_json::json!({ "id": "i" }));
        for status in ["creating", "backing-up", "modifying"] {
            event(4, "step_waiting", serde_json::json!({ "what": "a database with a long name", "status": status }));
        }
        event(40, "step_done", serde_json::json!({ "action": "create", "id": "i", "seconds": 40 }));
    }
    let run = serde_json::json!({ "format": 1, "id": "a", "command": "up", "stack": "s/1", "started": "",
        "plan": { "expected_seconds": 900, "steps": steps } });
    page(&timeline(&run.to_string(), &events))
}

#[test]
fn a_page_of_two_hundred_resources_is_below_a_megabyte() {
    let page = large(200);
    check(&page);
    assert!(page.contains("resource-199") && page.len() < 1_000_000, "{} bytes", page.len());
}
