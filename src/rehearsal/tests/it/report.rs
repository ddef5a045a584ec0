//! The report in its three forms.

use std::time::Duration;

use infra_rehearsal::{Conclusion, DifferencesOptions, GateVerdict, Lag, Phase, Report, differences};

use super::generator::payments;
use super::server::client;
use super::writers::Rehearsal;

#[tokio::test]
async fn the_report_has_three_forms_and_escapes_everything() {
    let (source, target) = (payments(120, 41).await, payments(120, 41).await);
    let rehearsal = Rehearsal::new(&source, &target, 0.3).await;
    let writers = rehearsal.start(150.0);
    tokio::time::sleep(Duration::from_millis(600)).await;
    rehearsal.cloud.close("source");
    tokio::time::sleep(Duration::from_millis(400)).await;
    rehearsal.cloud.deploy("source", "v1", &source);
    tokio::time::sleep(Duration::from_millis(400)).await;
    writers.stop().await.expect("the ledger was written");
    let verdict = rehearsal.verdict(&target, std::slice::from_ref(&source)).await;
    let summary = rehearsal.summary();
    let started = summary.started_at;
    let mut report = Report::new("<b>pay & \"go\"</b>", "builtin", summary, verdict);
    report.lag = Lag::of(vec![0.5, 3.0, f64::NAN]);
    report.parameters.insert("rate".into(), "<script>alert(1)</script>".into());
    report.phases.push(Phase {
        name: "cut<over>".into(),
        started_at: started,
        ended_at: Some(started + 900_000),
        detail: "fence 'closed'".into(),
    });
    report.gates.push(GateVerdict { at: started, gate: "10 %".into(), verdict: "pass".into(), detail: "a < b".into() });
    report.differences =
        Some(differences(&source, &target, &DifferencesOptions::default()).await.expect("a comparison"));
    assert_eq!(report.conclusion, Conclusion::PaymentsLost);

    let text = report.text();
    assert!(text.contains(" lost (") && text.contains("colliding") && text.contains("it is in"), "{text}");
    assert!(text.lines().all(|line| line.len() < 400) && text.lines().count() < 60, "{text}");

    let read: Report = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!(read, report);

    let html = report.html();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    assert!(html.contains("&lt;b&gt;pay &amp; &quot;go&quot;") && html.contains("cut&lt;over&gt;"));
    assert!(html.contains("<svg") && html.matches("<rect").count() > 5, "{html}");
    for external in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!html.contains(external), "{external}");
    }
}

#[tokio::test]
async fn a_report_of_a_clean_run_says_so() {
    let database = payments(100, 42).await;
    let rehearsal = Rehearsal::new(&database, &database, 0.0).await;
    rehearsal.run(100.0, Duration::from_millis(700)).await;
    let verdict = rehearsal.verdict(&database, &[]).await;
    let report = Report::new("clean", "builtin", rehearsal.summary(), verdict);
    assert_eq!(report.conclusion, Conclusion::NothingLost);
    assert!(report.text().starts_with("clean: all "), "{}", report.text());
    assert!(report.traffic.latency.p50 > 0.0 && report.traffic.latency.p99 <= report.traffic.latency.max);
    let empty = Rehearsal::new(&database, &database, 0.0).await;
    let verdict = empty.verdict(&database, &[]).await;
    let report = Report::new("empty", "builtin", empty.summary(), verdict);
    assert_eq!(report.conclusion, Conclusion::NothingAcknowledged);
    // An unrelated session does not disturb.
    client(&database).await.batch_execute("SELECT 1").await.expect("a session");
}
