//! `[service]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The default container: a few lines of Python that listen on the port and answer `/health`, so that a new environment is
/// healthy before your own image is there.
const PLACEHOLDER: &str = "import http.server as h\nclass S(h.BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.send_response(200 if self.path == '/health' else 404)\n        self.end_headers()\nh.ThreadingHTTPServer(('', 8080), S).serve_forever()\n";

/// The payment service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Container image.
    pub image: String,
    /// Command that the container runs; an empty list means the image's own.
    pub command: Vec<String>,
    /// Port that the container listens on.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Fargate CPU units: 256, 512, 1024, 2048 or 4096.
    #[schemars(range(min = 256, max = 16384))]
    pub cpu: i32,
    /// Fargate memory in MiB; it must fit the CPU units.
    #[schemars(range(min = 512, max = 122_880))]
    pub memory: i32,
    /// Number of tasks to begin with.
    #[schemars(range(min = 0, max = 1000))]
    pub desired_count: i32,
    /// Least number of tasks when scaling.
    #[schemars(range(min = 0, max = 1000))]
    pub min_count: i32,
    /// Largest number of tasks when scaling.
    #[schemars(range(min = 1, max = 1000))]
    pub max_count: i32,
    /// Average CPU utilization to scale for, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub cpu_target_percent: f64,
    /// Average memory utilization to scale for, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub memory_target_percent: f64,
    /// Seconds between two scaling steps.
    #[schemars(range(min = 0, max = 3600))]
    pub scaling_cooldown_seconds: i32,
    /// Path that the load balancer asks to learn whether a task is healthy.
    pub health_check_path: String,
    /// Seconds that a new task has before failed health checks count.
    #[schemars(range(min = 0, max = 2_147_483))]
    pub health_check_grace_seconds: i32,
    /// Seconds that the load balancer lets requests finish on a task that goes.
    #[schemars(range(min = 0, max = 3600))]
    pub deregistration_delay_seconds: i32,
    /// ARN of an issued ACM certificate in the environment's region; empty means HTTP only.
    pub certificate_arn: String,
    /// Days that the service's logs are kept: one of the values that CloudWatch Logs allows.
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
            certificate_arn: String::new(),
            log_retention_days: 7,
        }
    }
}
