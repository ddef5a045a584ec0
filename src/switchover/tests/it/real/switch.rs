//! What stands for load balancers and services: whether an environment is open, and which database it uses.

use std::sync::Mutex;
use std::time::Duration;

use infra_base::side::Side;

use crate::world::Sides;

#[derive(Clone, Copy, Debug)]
struct Environment {
    open: bool,
    uses: Side,
    requests: u32,
}

#[derive(Debug)]
pub struct Switch(Mutex<Sides<Environment>>);

/// A request that an environment handles.
#[derive(Debug)]
pub struct Request<'a> {
    switch: &'a Switch,
    environment: Side,
    pub database: Side,
}

impl Switch {
    /// With `compute-first`, both environments are open and use the database of the source.
    pub fn compute_first() -> Self {
        let environment = Environment { open: true, uses: Side::Source, requests: 0 };
        Self(Mutex::new(Sides { source: environment, target: environment }))
    }

    fn change(&self, side: Side, change: impl FnOnce(&mut Environment)) {
        let mut environments = self.0.lock().unwrap();
        let mut one = environments.of(side);
        change(&mut one);
        environments.set(side, one);
    }

    fn get(&self, side: Side) -> Environment {
        self.0.lock().unwrap().of(side)
    }

    /// Lets a request in, unless the fence is closed.
    pub fn enter(&self, environment: Side) -> Option<Request<'_>> {
        let mut database = None;
        self.change(environment, |one| {
            if one.open {
                one.requests += 1;
                database = Some(one.uses);
            }
        });
        database.map(|database| Request { switch: self, environment, database })
    }

    pub fn open(&self, side: Side, open: bool) {
        self.change(side, |one| one.open = open);
    }

    pub fn is_open(&self, side: Side) -> bool {
        self.get(side).open
    }

    pub fn connect(&self, side: Side, database: Side) {
        self.change(side, |one| one.uses = database);
    }

    pub fn uses(&self, side: Side) -> Side {
        self.get(side).uses
    }

    /// Waits until no environment handles a request.
    pub async fn idle(&self) {
        while self.get(Side::Source).requests + self.get(Side::Target).requests > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.switch.change(self.environment, |one| one.requests -= 1);
    }
}
