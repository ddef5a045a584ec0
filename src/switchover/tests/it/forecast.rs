use std::time::Duration;

use infra_switchover::forecast::{Forecast, Parts, forecast};
use infra_switchover::machine::Progress;
use infra_switchover::{Direction, Row};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_forecast_is_made_of_measured_parts_and_compared_with_what_happened() {
    let parts = Parts {
        prepare: seconds(10),
        connect: seconds(1),
        fence: seconds(3),
        nodes: seconds(5),
        quiesce: seconds(7),
        longest_request: seconds(2),
        oldest_transaction: seconds(60),
        drain_limit: seconds(20),
        end_sessions: seconds(1),
        marker_trip: seconds(2),
        sequences: 94,
        statement: Duration::from_millis(10),
        check: seconds(5),
        stop_replication: seconds(30),
        request_stop: seconds(40),
        cut_off: seconds(1),
        reconnect: seconds(3),
        dns: seconds(30),
    };
    let forecast = forecast(&parts);
    assert_eq!(forecast.row(Row::Drain), seconds(22), "no transaction is waited for longer than the limit");
    assert_eq!(forecast.row(Row::Sequences), seconds(2));
    assert_eq!(forecast.total(), seconds(10 + 18 + 22 + 5 + 2 + 6 + 71 + 8 + 36));
    assert_eq!(forecast.without_writes(), seconds(168));
    let text = serde_json::to_string(&forecast).unwrap();
    assert_eq!(serde_json::from_str::<Forecast>(&text).unwrap(), forecast);

    let mut progress = Progress::new(Direction::FORWARD);
    progress.durations_ms.insert(Row::Fallback, 95_000);
    let compared = forecast.compare(&progress.durations_ms);
    let fallback = compared.iter().find(|one| one.row == Row::Fallback).unwrap();
    assert_eq!(fallback.overrun(), seconds(24));
    assert_eq!(fallback.to_string(), "fallback: forecast 71.0 s, measured 95.0 s");
    assert_eq!(compared[0].to_string(), "prepare: forecast 10.0 s, not done");
    assert_eq!(compared.len(), Row::ALL.len());

    // The next forecast begins with what was measured.
    let next = forecast.with_measured(&progress.durations_ms);
    assert_eq!((next.row(Row::Fallback), next.row(Row::Drain)), (seconds(95), seconds(22)));
}
