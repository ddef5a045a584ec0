//! AWS seconds can have any length: what happens, and what is shown of it, is the same.

use std::sync::{Arc, Mutex};

use migrate_infra::events::{Event, Events};

use crate::harness::sandbox_run::Fixture;
use crate::kinds::database::{Parts, prerequisites};

/// What is not ready within seconds of each other: the function waits for its role, and the database takes minutes.
const ORDER: [&str; 4] =
    ["source/secrets/database", "source/secrets/permission", "source/database/instance", "source/secrets/rotation"];

/// Creates a database with its secret. Returns the steps in the order in which they were done, the AWS seconds that the
/// report shows, and the seconds of the runtime.
async fn run(scale: f64) -> (Vec<String>, f64, f64) {
    let done: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&done);
    let listener = Events::to(move |event| {
        if let Event::StepDone { address, .. } = event {
            heard.lock().expect("a list").push(address.to_string());
        }
    });
    let mut fixture = Fixture { scale, listener: Some(listener), ..prerequisites() };
    let began = tokio::time::Instant::now();
    let ran = fixture.up(&Parts::default().graph()).await;
    let took = began.elapsed().as_secs_f64();
    let shown = ran.must_succeed().report().elapsed.as_secs_f64();
    let mut order = done.lock().expect("a list").clone();
    order.retain(|address| ORDER.contains(&address.as_str()));
    (order, shown, took)
}

/// `--sandbox-timing fast` divides by sixty.
#[tokio::test(start_paused = true)]
async fn the_order_and_the_shown_time_do_not_depend_on_the_length_of_a_second() {
    let (order, shown, took) = run(1.0).await;
    assert_eq!(order, ORDER);
    assert!((took / shown - 1.0).abs() < 0.1 && shown > 60.0, "{shown} s of AWS in {took} s");
    let (order, fast, took) = run(1.0 / 60.0).await;
    assert_eq!(order, ORDER);
    assert!((fast / shown - 1.0).abs() < 0.1, "{fast} s of AWS instead of {shown}");
    assert!((took * 60.0 / fast - 1.0).abs() < 0.1, "{fast} s of AWS in {took} s");
}
