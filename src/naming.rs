//! The AWS names of everything that has one. They all carry environment and suffix, and every limit of AWS on their length is
//! listed here and checked before anything is sent: an overlong name is an error of the configuration, never cut silently.

/// The role with which DMS works in a VPC, and the one with which it writes logs. Their names are fixed and every stack in an account
/// shares them ("Creating the IAM roles to use with AWS DMS").
pub const DMS_ACCOUNT_ROLES: [&str; 2] = ["dms-vpc-role", "dms-cloudwatch-logs-role"];

/// Makes the names of one environment.
#[derive(Clone, Debug)]
pub struct Names {
    environment: String,
    suffix: String,
}

/// A name, and the longest that AWS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The name.
    pub name: String,
    /// The longest that AWS takes, in characters.
    pub limit: usize,
    /// What has the name, for example "the name of a load balancer".
    pub what: &'static str,
}

/// What an environment has that gets names.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Roles of its databases.
    pub databases: &'a [String],
    /// Roles of its buckets.
    pub buckets: &'a [String],
    /// Its region: bucket names are as long as its name.
    pub region: &'a str,
    /// Whether a database is replicated into it.
    pub replicates_database: bool,
    /// Whether a bucket is replicated into it.
    pub replicates_bucket: bool,
}

impl Names {
    /// Names of `environment` in the stack with `suffix`.
    pub fn new(environment: &str, suffix: &str) -> Self {
        Self { environment: environment.to_owned(), suffix: suffix.to_owned() }
    }

    fn of(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.environment, self.suffix)
    }

    /// The `Environment` tag.
    pub fn environment_tag(&self) -> String {
        self.of("migration")
    }

    /// A security group, for example `payment-db-sg-source-dev-001`.
    pub fn security_group(&self, role: &str) -> String {
        self.of(&format!("payment-{role}-sg"))
    }

    /// A database instance and its secret.
    pub fn database(&self, role: &str) -> String {
        self.of(&format!("payment-db-{role}"))
    }

    /// A database subnet group.
    pub fn subnet_group(&self, role: &str) -> String {
        self.of(&format!("payment-db-subnets-{role}"))
    }

    /// A database parameter group.
    pub fn parameter_group(&self, role: &str) -> String {
        self.of(&format!("payment-db-params-{role}"))
    }

    /// The function that rotates a database's password.
    pub fn rotation(&self, role: &str) -> String {
        self.of(&format!("payment-rotation-{role}"))
    }

    /// A bucket. Account and region are filled in when they are known: bucket names are global.
    pub fn bucket(&self, role: &str) -> String {
        format!("{}-{{account}}-{{region}}", self.of(&format!("payment-logs-{role}")))
    }

    /// The ECS cluster.
    pub fn cluster(&self) -> String {
        self.of("payment-cluster")
    }

    /// The service, and the family of its task definitions.
    pub fn service(&self) -> String {
        self.of("payment-service")
    }

    /// The log group of the service.
    pub fn log_group(&self) -> String {
        format!("/ecs/{}", self.service())
    }

    /// The role that ECS starts tasks with.
    pub fn execution_role(&self) -> String {
        self.of("payment-execution")
    }

    /// The role that tasks have.
    pub fn task_role(&self) -> String {
        self.of("payment-task")
    }

    /// The load balancer.
    pub fn load_balancer(&self) -> String {
        self.of("payment-alb")
    }

    /// The target group.
    pub fn target_group(&self) -> String {
        self.of("payment-tg")
    }

    /// The dashboard.
    pub fn dashboard(&self) -> String {
        self.of("payment-migration")
    }

    /// An alarm.
    pub fn alarm(&self, what: &str) -> String {
        self.of(&format!("payment-{what}"))
    }

    /// The replication instance.
    pub fn replication_instance(&self) -> String {
        self.of("payment-dms")
    }

    /// The log group that DMS writes to: its name is given ("Monitoring AWS DMS tasks", logs are in `dms-tasks-` and the
    /// instance's identifier).
    pub fn replication_logs(&self) -> String {
        format!("dms-tasks-{}", self.replication_instance())
    }

    /// The subnet group of the replication instance.
    pub fn replication_subnet_group(&self) -> String {
        self.of("payment-dms-subnets")
    }

    /// An endpoint of the replication.
    pub fn endpoint(&self, direction: &str) -> String {
        self.of(&format!("payment-dms-{direction}"))
    }

    /// The role that DMS reads the secrets with.
    pub fn replication_role(&self) -> String {
        self.of("payment-dms-secrets")
    }

    /// The replication task.
    pub fn replication_task(&self) -> String {
        self.of("payment-replication")
    }

    /// The last segment of the task's ARN, which CloudWatch knows the task by.
    pub fn replication_task_id(&self) -> String {
        self.of("payment-task")
    }

    /// The role that S3 replicates with.
    pub fn storage_role(&self) -> String {
        self.of("payment-s3-replication")
    }

    /// The rule that replicates a bucket; it carries the suffix alone.
    pub fn replication_rule(&self) -> String {
        format!("replicate-all-{}", self.suffix)
    }

    /// A health check; the environment is the one that it watches.
    pub fn health_check(&self) -> String {
        self.of("payment-health")
    }

    /// The health check that follows the emergency switch.
    pub fn switch_health_check(&self) -> String {
        self.of("payment-switch")
    }

    /// The health check that is healthy when the load balancer and the emergency switch are.
    pub fn switched_health_check(&self) -> String {
        self.of("payment-health-switched")
    }

    /// Every name that can become too long, with AWS's limit.
    pub fn limited(&self, parts: &Parts<'_>) -> Vec<Limited> {
        let limited = |name, limit, what| Limited { name, limit, what };
        let mut all = vec![
            // "This name must be unique per region per account, can have a maximum of 32 characters" (CreateLoadBalancer, CreateTargetGroup)
            limited(self.load_balancer(), 32, "the name of a load balancer"),
            limited(self.target_group(), 32, "the name of a target group"),
            // IAM "CreateRole": 64 characters.
            limited(self.execution_role(), 64, "the name of a role"),
            // ECS "CreateService": 255 letters; the log group's limit of 512 is never reached before.
            limited(self.service(), 255, "the name of a service"),
        ];
        for role in parts.databases {
            // RDS "CreateDBInstance": 1 to 63 letters, numbers, or hyphens.
            all.push(limited(self.database(role), 63, "the identifier of a database"));
            // Lambda "CreateFunction": 64 characters; the function's role has the same name and the same limit.
            all.push(limited(self.rotation(role), 64, "the name of a function"));
        }
        for role in parts.buckets {
            let name = self.bucket(role).replace("{account}", "000000000000").replace("{region}", parts.region);
            // S3 "Bucket naming rules": between 3 and 63 characters.
            all.push(limited(name, 63, "the name of a bucket"));
        }
        if parts.replicates_database {
            // DMS "CreateReplicationTask", ResourceIdentifier: at most 31 characters.
            all.push(limited(self.replication_task_id(), 31, "the resource identifier of a replication task"));
            // DMS "CreateReplicationInstance": 1 to 63 characters.
            all.push(limited(self.replication_instance(), 63, "the identifier of a replication instance"));
            all.push(limited(self.replication_role(), 64, "the name of a role"));
        }
        if parts.replicates_bucket {
            all.push(limited(self.storage_role(), 64, "the name of a role"));
        }
        all
    }
}
