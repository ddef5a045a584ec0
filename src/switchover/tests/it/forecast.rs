use std::time::Duration;

use infra_switchover::forecast::{Parts, forecast};
use infra_switchover::machine::Progress;
use infra_switchover::{Direction, Row};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_forecast_is_made_of_measured_parts_and_compared_with_what_happened() {
    let parts = Parts {
        prepare: seconds(10),
        fence: seconds(3),
        longest_request: seconds(2),
        oldest_transaction: seconds(60),
        drain_limit: seconds(20),
        end_sessions: seconds(1),
        marker_trip: seconds(2),
        sequences: 94,
        statement: Duration::from_millis(10),
        check: seconds(5),
        stop_replication: seconds(30),
        start_replication: seconds(40),
        reconnect: seconds(8),
    };
    let forecast = forecast(&parts);
    assert_eq!(forecast.row(Row::Drain), seconds(21), "no transaction is waited for longer than the limit");
    assert_eq!(forecast.row(Row::Sequences), seconds(1));
    assert_eq!(forecast.total(), seconds(10 + 6 + 21 + 4 + 1 + 5 + 70 + 8 + 4));
    assert_eq!(forecast.without_writes(), seconds(119));

    let mut progress = Progress::new(Direction::FORWARD);
    progress.durations_ms.insert(Row::Fallback, 95_000);
    let compared = forecast.compare(&progress);
    let fallback = compared.iter().find(|one| one.row == Row::Fallback).unwrap();
    assert_eq!(fallback.overrun(), seconds(25));
    assert_eq!(fallback.to_string(), "fallback: forecast 70.0 s, measured 95.0 s");
    assert_eq!(compared[0].to_string(), "prepare: forecast 10.0 s, not done");
    assert_eq!(compared.len(), Row::ALL.len());
}
