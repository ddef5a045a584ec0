//! The writers of a rehearsal.

use std::sync::Arc;
use std::time::Duration;

use infra_rehearsal::{Application, Ledger, ServiceOptions, WriterOptions, Writers};
use infra_sandbox_data::Clients;

use crate::error::RehearseError;
use crate::options::RehearsalOptions;
use crate::stage::Stage;

/// "The default is 3600 seconds" (`client_keep_alive.seconds`, `LoadBalancerAttribute`).
const KEEP_ALIVE: &str = "client_keep_alive.seconds";
const DEFAULT_KEEP_ALIVE: f64 = 3600.0;
/// How long a client tries, and how long it waits for one answer, in seconds of AWS.
const DEADLINE: f64 = 60.0;
const REQUEST_TIMEOUT: f64 = 10.0;
/// Databases work in time of the wall, however fast the clock of the sandbox is.
const LEAST_DEADLINE: Duration = Duration::from_secs(4);
const LEAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The writers, and what they see.
pub(crate) struct Traffic {
    pub(crate) writers: Writers,
    pub(crate) cloud: Arc<Clients>,
    /// How long a client can keep its connection to a load balancer.
    pub(crate) keep_alive: Duration,
}

/// Starts the writers.
pub(crate) fn start(
    options: &RehearsalOptions,
    stage: &Stage,
    application: Application,
    ledger: Arc<Ledger>,
) -> Result<Traffic, RehearseError> {
    let routing = options.config.routing.as_ref().ok_or(RehearseError::NoRouting)?;
    let has_tls = options.config.environments.iter().any(|environment| !environment.service.certificate_arn.is_empty());
    let port = if has_tls { 443 } else { 80 };
    let domain_name = routing.domain_name();
    let cloud = Arc::new(Clients::new(Arc::clone(&stage.sandbox), &domain_name, port, options.second()));
    let keep_alive = stage.world(|world| {
        let balancers = world.regions.values().flat_map(|region| region.elbv2.load_balancers.values());
        let configured = balancers.filter_map(|balancer| balancer.attributes.get(KEEP_ALIVE)?.parse().ok());
        configured.fold(None, |most: Option<f64>, seconds| Some(most.map_or(seconds, |most| most.max(seconds))))
    });
    let keep_alive = options.wall(keep_alive.unwrap_or(DEFAULT_KEEP_ALIVE));
    let writers = WriterOptions {
        writers: options.writers,
        rate: options.rate,
        deadline: options.wall(DEADLINE).max(LEAST_DEADLINE),
        request_timeout: options.wall(REQUEST_TIMEOUT).max(LEAST_REQUEST_TIMEOUT),
        keep_alive,
        seed: options.seed,
        ..WriterOptions::default()
    };
    let delays = options.config.environments.iter().map(|environment| environment.service.deregistration_delay_seconds);
    let service = ServiceOptions {
        deregistration_delay: options.wall(delays.max().map_or(0.0, f64::from)),
        ..ServiceOptions::default()
    };
    let seen = Arc::<Clients>::clone(&cloud);
    let writers = Writers::start(writers, service, Arc::new(application), seen, ledger)?;
    Ok(Traffic { writers, cloud, keep_alive })
}
