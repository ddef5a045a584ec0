//! A disk that becomes full during an `up`: nothing that exists in AWS is lost, and the next run resumes.

use migrate_infra::crash_point::CrashPoints;
use migrate_infra::resource::Error;
use migrate_infra::state::Status;

use crate::harness::sandbox_run::{Fixture, RunKind};
use crate::harness::stacks::source;

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_at_any_point_loses_nothing() {
    let graph = source(&[]);
    let mut undisturbed = Fixture::default();
    undisturbed.up(&graph).await.must_succeed();
    let count = undisturbed.world.inventory().len();
    let mut full = 0;
    for room in (150..).step_by(6_500) {
        let mut fixture = Fixture { room: Some(room), ..Fixture::default() };
        let ran = fixture.run(&graph, RunKind::Up, CrashPoints::default()).await;
        match &ran.report {
            // The run did not begin.
            None => {}
            Some(report) if report.failures.is_empty() && report.remaining.is_empty() => {
                println!("{full} sizes of disk were too small; {room} bytes are enough");
                assert!(full > 10, "only {full} sizes");
                return;
            }
            Some(report) => {
                let reported = report.failures.iter().any(|failure| matches!(failure.error, Error::Journal(_)));
                assert!(reported, "with room for {room} bytes no failure was reported: {:?}", report.failures);
            }
        }
        full += 1;
        fixture.room = None;
        fixture.up(&graph).await.must_succeed();
        assert_eq!(fixture.world.inventory().len(), count, "with room for {room} bytes at first");
        assert!(fixture.state().resources.values().all(|entry| entry.status == Status::Ready && entry.open.is_none()));
        if full % 4 == 0 {
            fixture.down().await.must_succeed();
            fixture.advance_a_day();
            assert_eq!(fixture.world.inventory(), Vec::<String>::new(), "with room for {room} bytes at first");
        }
    }
}
