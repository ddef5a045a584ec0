//! A cloud that the tests control.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use infra_rehearsal::{Cloud, Database, Resolved, Route, TaskTarget};

/// Two sides, `source` and `target`, each with a load balancer of the same name.
pub struct FakeCloud {
    state: Mutex<State>,
    pub observed: AtomicU64,
}

struct State {
    /// The share of the target.
    weight: f64,
    routes: BTreeMap<String, Route>,
}

impl FakeCloud {
    /// Both sides have two tasks. `weight` is the share of the target.
    pub fn new(source: &Database, target: &Database, weight: f64) -> Self {
        let cloud = Self { state: Mutex::new(State { weight, routes: BTreeMap::new() }), observed: AtomicU64::new(0) };
        cloud.deploy("source", "v1", source);
        cloud.deploy("target", "v1", target);
        cloud
    }

    /// Replaces the tasks of a side.
    pub fn deploy(&self, side: &str, version: &str, database: &Database) {
        let task =
            |number: u32| TaskTarget { id: format!("{side}-{version}-{number}").into(), database: database.clone() };
        self.set(side, Route::Targets([task(1), task(2)].into()));
    }

    /// Sets what the load balancer of a side does.
    pub fn set(&self, side: &str, route: Route) {
        self.state.lock().expect("no panic").routes.insert(side.to_owned(), route);
    }

    /// Closes the fence of a side.
    pub fn close(&self, side: &str) {
        self.set(side, Route::Fixed { status: 503, retry_after: Some(Duration::from_millis(20)) });
    }

    /// Sets the share of the target.
    pub fn weigh(&self, weight: f64) {
        self.state.lock().expect("no panic").weight = weight;
    }
}

impl Cloud for FakeCloud {
    fn resolve(&self, draw: f64) -> Option<Resolved> {
        let target = draw < self.state.lock().expect("no panic").weight;
        let side = if target { "target" } else { "source" };
        Some(Resolved { side: side.into(), balancer: side.into(), ttl: Duration::from_millis(100) })
    }

    fn route(&self, balancer: &str) -> Route {
        self.state.lock().expect("no panic").routes.get(balancer).cloned().unwrap_or(Route::Unreachable)
    }

    fn observed(&self, _: &str, _: u16, _: Duration) {
        self.observed.fetch_add(1, Ordering::Relaxed);
    }

    fn runs(&self, task: &str) -> bool {
        self.state.lock().expect("no panic").routes.values().any(|route| match route {
            Route::Targets(targets) => targets.iter().any(|target| &*target.id == task),
            Route::Fixed { .. } | Route::Unreachable => true,
        })
    }
}
