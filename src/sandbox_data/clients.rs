//! The cloud as clients see it: names, load balancers and tasks of a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use infra_postgres::Tls;
use infra_rehearsal::{Cloud, Database, Resolved, Route, TaskTarget};
use infra_sandbox::Sandbox;
use infra_sandbox::World;
use infra_sandbox::world::elbv2::Request;
use infra_sandbox::world::real_data::AnsweredBy;
use infra_sandbox::world::request_path::{Resolution, Response};

use crate::addresses::{database_of, instance_of};

/// How long a view of the world is used, before the next request looks again.
const VIEW: Duration = Duration::from_millis(5);
/// The request that a writer makes.
const METHOD: &str = "POST";
const PATH: &str = "/payments";

/// The cloud as clients see it.
pub struct Clients {
    sandbox: Arc<Sandbox>,
    /// The name that clients use.
    name: String,
    /// The port that they connect to.
    port: i32,
    /// How long a second of AWS lasts.
    second: Duration,
    view: Mutex<View>,
}

/// What the world looked like a moment ago, and what has happened since.
struct View {
    taken: Option<Instant>,
    resolution: Resolution,
    routes: BTreeMap<Arc<str>, Route>,
    tasks: BTreeSet<Arc<str>>,
    answered: Vec<(Arc<str>, AnsweredBy, u16, Duration)>,
}

impl Clients {
    /// Returns the cloud for clients of a name. From now on, the load balancers count real requests.
    pub fn new(sandbox: Arc<Sandbox>, name: &str, port: i32, second: Duration) -> Self {
        sandbox.mutate_out_of_band(|world| {
            world.requests.get_or_insert_default();
        });
        let resolution = Resolution { answers: Vec::new(), ttl: Duration::ZERO };
        let view =
            View { taken: None, resolution, routes: BTreeMap::new(), tasks: BTreeSet::new(), answered: Vec::new() };
        Self { sandbox, name: name.to_owned(), port, second, view: Mutex::new(view) }
    }

    /// Returns the database that the environment with most of the traffic uses.
    pub fn primary(&self) -> Option<Database> {
        let view = self.view();
        let first = view.resolution.answers.iter().max_by_key(|answer| answer.weight)?;
        match view.routes.get(first.arn.as_str())? {
            Route::Targets(targets) => targets.first().map(|target| target.database.clone()),
            Route::Fixed { .. } | Route::Unreachable => None,
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if view.taken.is_none_or(|taken| taken.elapsed() > VIEW) {
            self.sandbox.mutate_out_of_band(|world| self.refresh(&mut view, world));
            view.taken = Some(Instant::now());
        }
        view
    }

    fn refresh(&self, view: &mut View, world: &mut World) {
        let now = world.now;
        let requests = world.requests.get_or_insert_default();
        for (balancer, by, status, latency) in view.answered.drain(..) {
            // In time of the wall: databases work in real time, however fast the clock of the sandbox is.
            requests.entry(balancer.to_string()).or_default().record_answer(now, by, status, latency);
        }
        view.resolution = world.resolve(&self.name);
        let balancers = world.regions.values().flat_map(|region| region.elbv2.load_balancers.keys());
        let request = Request { at: now, port: self.port, host: &self.name, path: PATH, method: METHOD };
        view.routes =
            balancers.map(|arn| (Arc::from(arn.as_str()), route(world, world.respond(arn, &request)))).collect();
        let tasks = world.regions.values().flat_map(|region| region.ecs.tasks.values());
        view.tasks = tasks.filter(|task| task.removed_at.is_none()).map(|task| Arc::from(task.arn.as_str())).collect();
    }
}

fn route(world: &World, response: Response) -> Route {
    let tasks = match response {
        Response::Refused => return Route::Unreachable,
        Response::Fixed(status) => return Route::Fixed { status, retry_after: None },
        Response::Forward(tasks) => tasks,
    };
    let targets = tasks.into_iter().filter_map(|task| {
        let address = task.database?;
        let connection = database_of(world, &address, Tls::Require)?;
        let identifier = instance_of(world, &address.host)?.identifier.as_str();
        let database = Database { id: Arc::from(identifier), connection };
        Some(TaskTarget { id: Arc::from(task.arn.as_str()), database })
    });
    Route::Targets(targets.collect())
}

impl Cloud for Clients {
    fn resolve(&self, draw: f64) -> Option<Resolved> {
        let view = self.view();
        let resolution = &view.resolution;
        let total: i64 = resolution.answers.iter().map(|answer| answer.weight).sum();
        let mut left = draw * f64::from(u32::try_from(total).unwrap_or(u32::MAX));
        let chosen = resolution.answers.iter().find(|answer| {
            left -= f64::from(u32::try_from(answer.weight).unwrap_or_default());
            left < 0.0
        });
        let answer = chosen.or(resolution.answers.last())?;
        Some(Resolved {
            side: Arc::from(answer.environment.as_str()),
            balancer: Arc::from(answer.arn.as_str()),
            ttl: self.second.mul_f64(resolution.ttl.as_secs_f64()),
        })
    }

    fn route(&self, balancer: &str) -> Route {
        self.view().routes.get(balancer).cloned().unwrap_or(Route::Unreachable)
    }

    fn observed(&self, balancer: &str, status: u16, latency: Duration) {
        let mut view = self.view();
        let by = match view.routes.get(balancer) {
            Some(Route::Targets(targets)) if !targets.is_empty() => AnsweredBy::Target,
            Some(Route::Fixed { .. }) => AnsweredBy::FixedResponse,
            _ => AnsweredBy::LoadBalancer,
        };
        view.answered.push((Arc::from(balancer), by, status, latency));
    }

    fn runs(&self, task: &str) -> bool {
        self.view().tasks.contains(task)
    }
}
