//! `[service]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The default container: a short Python program that listens on the port and responds to `/health`, so that a new
/// environment is healthy before an image of the service exists.
const PLACEHOLDER: &str = concat!(
    "import http.server as h\n",
    "class S(h.BaseHTTPRequestHandler):\n",
    "    def do_GET(self):\n",
    "        self.send_response(200 if self.path == '/health' else 404)\n",
    "        self.end_headers()\n",
    "h.ThreadingHTTPServer(('', 8080), S).serve_forever()\n",
);

/// The payment service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Container image. The default is a placeholder that only responds to health checks.
    pub image: String,
    /// Command of the container. Empty: the command of the image.
    pub command: Vec<String>,
    /// Port on which the container listens.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Fargate CPU units: 256, 512, 1024, 2048, 4096, 8192 or 16384.
    #[schemars(range(min = 256, max = 16384))]
    pub cpu: i32,
    /// Fargate memory in MiB. AWS allows only some values for each number of CPU units.
    #[schemars(range(min = 512, max = 122_880))]
    pub memory: i32,
    /// Initial number of tasks.
    #[schemars(range(min = 0, max = 1000))]
    pub desired_count: i32,
    /// Minimum number of tasks for auto scaling.
    #[schemars(range(min = 0, max = 1000))]
    pub min_count: i32,
    /// Maximum number of tasks for auto scaling.
    #[schemars(range(min = 1, max = 1000))]
    pub max_count: i32,
    /// Target of auto scaling for the average CPU utilization, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_target_percent: f64,
    /// Target of auto scaling for the average memory utilization, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub memory_target_percent: f64,
    /// Minimum time in seconds between two scaling steps.
    #[schemars(range(min = 0, max = 3600))]
    pub scaling_cooldown_seconds: i32,
    /// Path that the load balancer requests for its health checks.
    pub health_check_path: String,
    /// Time in seconds after the start of a task during which failed health checks are ignored.
    #[schemars(range(min = 0, max = 2_147_483))]
    pub health_check_grace_seconds: i32,
    /// Time in seconds for which a stopping task can finish its requests.
    #[schemars(range(min = 0, max = 3600))]
    pub deregistration_delay_seconds: i32,
    /// Maximum time in seconds for which the load balancer keeps the connection of a client. A client with a kept
    /// connection does not follow a change of the DNS weights, so AWS's default of an hour is too long here.
    #[schemars(range(min = 60, max = 604_800))]
    pub client_keep_alive_seconds: i32,
    /// ARN of an issued ACM certificate in the region of the environment. Empty: the load balancer supports only HTTP,
    /// which the policy `plain-http` rejects, unless there is an exception.
    pub certificate_arn: String,
    /// Whether the tasks may delete objects in the buckets of their environment. If false, they may only list, read
    /// and write them.
    pub may_delete_objects: bool,
    /// Retention of the logs of the service in days. CloudWatch Logs allows only some values, for example 7, 30 or 365.
    #[schemars(range(min = 1, max = 3653))]
    pub log_retention_days: i32,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            image: "public.ecr.aws/docker/library/python:3.13-slim".into(),
            command: vec!["python".into(), "-c".into(), PLACEHOLDER.into()],
            port: 8080,
            cpu: 512,
            memory: 1024,
            desired_count: 2,
            min_count: 2,
            max_count: 10,
            cpu_target_percent: 70.0,
            memory_target_percent: 80.0,
            scaling_cooldown_seconds: 60,
            health_check_path: "/health".into(),
            health_check_grace_seconds: 60,
            deregistration_delay_seconds: 30,
            client_keep_alive_seconds: 60,
            certificate_arn: String::new(),
            may_delete_objects: false,
            log_retention_days: 7,
        }
    }
}
