//! The same commands over real HTTP, against LocalStack.

use std::collections::BTreeSet;
use std::process::Output;

use crate::cli::Place;
use crate::emulator::Emulator;

fn run(place: &Place, emulator: &Emulator, arguments: &str) -> Output {
    let mut command = place.command(arguments);
    emulator.point(&mut command);
    command.output().expect("the program runs")
}

fn succeed(place: &Place, emulator: &Emulator, arguments: &str) -> String {
    let output = run(place, emulator, arguments);
    assert!(output.status.success(), "{}", place.tell(&output, arguments));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_source_environment_goes_up_and_down_over_http() {
    let emulator = Emulator::start();
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let inventory = || -> BTreeSet<String> { runtime.block_on(emulator.inventory("us-east-1")) };
    let before = inventory();

    succeed(&place, &emulator, "up --env source -y");
    let up = inventory();
    let made: Vec<&String> = up.difference(&before).collect();
    for kind in ["vpc", "nat", "db", "bucket", "secret", "function", "service", "load balancer", "scalable target", "alarm", "dashboard"] {
        assert!(made.iter().any(|id| id.starts_with(&format!("{kind} "))), "no {kind} was made: {made:#?}");
    }

    let again = succeed(&place, &emulator, "up --env source -y --output json");
    let finished = again.lines().find(|line| line.contains("\"run_finished\"")).expect("a last event");
    let finished: serde_json::Value = serde_json::from_str(finished).expect("an event is JSON");
    assert_eq!(finished["mutations"], 0, "a second up changed something:\n{again}");
    assert_eq!(inventory(), up);

    succeed(&place, &emulator, "down -y");
    let left: Vec<String> = inventory().difference(&before).cloned().collect();
    assert_eq!(left, Vec::<String>::new(), "down left something");
    assert!(succeed(&place, &emulator, "status").contains("nothing of"));
}
