//! The AWS names of all resources. They contain environment and suffix. The length limits of AWS are listed here and
//! validated before any call: a name that is too long is an error in the configuration, and is never truncated.

/// The roles that DMS uses to manage a VPC and to write logs. Their names are fixed, and all stacks in an account share
/// them ("Creating the IAM roles to use with AWS DMS").
pub const DMS_ACCOUNT_ROLES: [&str; 2] = ["dms-vpc-role", "dms-cloudwatch-logs-role"];

/// The names of one environment.
#[derive(Clone, Debug)]
pub struct Names {
    environment: String,
    suffix: String,
}

/// A name whose length AWS limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedName {
    /// The name.
    pub name: String,
    /// The maximum length in characters.
    pub limit: usize,
    /// A description, for example "the name of a load balancer".
    pub what: &'static str,
}

/// The parts of an environment that have names.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentParts<'a> {
    /// The roles of its databases.
    pub databases: &'a [String],
    /// The roles of its buckets.
    pub buckets: &'a [String],
    /// The region, which is part of the names of buckets.
    pub region: &'a str,
    /// Whether a database is replicated into it.
    pub replicates_database: bool,
    /// Whether a bucket is replicated into it.
    pub replicates_bucket: bool,
}

impl Names {
    /// Returns the names of `environment` in the stack with `suffix`.
    pub fn new(environment: &str, suffix: &str) -> Self {
        Self { environment: environment.to_owned(), suffix: suffix.to_owned() }
    }

    fn of(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.environment, self.suffix)
    }

    /// Returns the value of the tag `Environment`.
    pub fn environment_tag(&self) -> String {
        self.of("migration")
    }

    /// Returns the name of a security group, for example `payment-db-sg-source-dev-001`.
    pub fn security_group(&self, role: &str) -> String {
        self.of(&format!("payment-{role}-sg"))
    }

    /// Returns the name of a database instance and of its secret.
    pub fn database(&self, role: &str) -> String {
        self.of(&format!("payment-db-{role}"))
    }

    /// Returns the name of a database subnet group.
    pub fn subnet_group(&self, role: &str) -> String {
        self.of(&format!("payment-db-subnets-{role}"))
    }

    /// Returns the name of a database parameter group.
    pub fn parameter_group(&self, role: &str) -> String {
        self.of(&format!("payment-db-params-{role}"))
    }

    /// Returns the name of the function that rotates the password of a database.
    pub fn rotation(&self, role: &str) -> String {
        self.of(&format!("payment-rotation-{role}"))
    }

    /// Returns the name of a bucket, with placeholders for account and region: bucket names are global.
    pub fn bucket(&self, role: &str) -> String {
        format!("{}-{{account}}-{{region}}", self.of(&format!("payment-logs-{role}")))
    }

    /// Returns the name of the ECS cluster.
    pub fn cluster(&self) -> String {
        self.of("payment-cluster")
    }

    /// Returns the name of the service, and of the family of its task definitions.
    pub fn service(&self) -> String {
        self.of("payment-service")
    }

    /// Returns the name of the log group of the service.
    pub fn log_group(&self) -> String {
        format!("/ecs/{}", self.service())
    }

    /// Returns the name of the role with which ECS starts tasks.
    pub fn execution_role(&self) -> String {
        self.of("payment-execution")
    }

    /// Returns the name of the role of the tasks.
    pub fn task_role(&self) -> String {
        self.of("payment-task")
    }

    /// Returns the name of the load balancer.
    pub fn load_balancer(&self) -> String {
        self.of("payment-alb")
    }

    /// Returns the name of the target group.
    pub fn target_group(&self) -> String {
        self.of("payment-tg")
    }

    /// Returns the name of the second service, which uses the database of the other environment, and of the family of
    /// its task definitions.
    pub fn link_service(&self) -> String {
        self.of("payment-link-service")
    }

    /// Returns the name of the role of its tasks.
    pub fn link_task_role(&self) -> String {
        self.of("payment-link-task")
    }

    /// Returns the name of its target group. It is not longer than that of the load balancer, which has the same limit.
    pub fn link_target_group(&self) -> String {
        self.of("payment-ltg")
    }

    /// Returns the name of the dashboard.
    pub fn dashboard(&self) -> String {
        self.of("payment-migration")
    }

    /// Returns the name of an alarm.
    pub fn alarm(&self, what: &str) -> String {
        self.of(&format!("payment-{what}"))
    }

    /// Returns the identifier of the replication instance.
    pub fn replication_instance(&self) -> String {
        self.of("payment-dms")
    }

    /// Returns the name of the log group to which DMS writes. DMS prescribes it: `dms-tasks-` and the identifier of the
    /// instance ("Monitoring AWS DMS tasks").
    pub fn replication_logs(&self) -> String {
        format!("dms-tasks-{}", self.replication_instance())
    }

    /// Returns the name of the subnet group of the replication instance.
    pub fn replication_subnet_group(&self) -> String {
        self.of("payment-dms-subnets")
    }

    /// Returns the identifier of an endpoint of the replication.
    pub fn endpoint(&self, direction: &str) -> String {
        self.of(&format!("payment-dms-{direction}"))
    }

    /// Returns the identifier of the certificates with which DMS verifies the databases. Other certificates have
    /// another fingerprint, so that they exist before the endpoints leave the earlier ones.
    pub fn database_certificates(&self, fingerprint: &str) -> String {
        self.of(&format!("payment-dms-rds-{fingerprint}"))
    }

    /// Returns the name of the role with which DMS reads the secrets.
    pub fn replication_role(&self) -> String {
        self.of("payment-dms-secrets")
    }

    /// Returns the identifier of the replication task.
    pub fn replication_task(&self) -> String {
        self.of("payment-replication")
    }

    /// Returns the last segment of the ARN of the task, which identifies the task in CloudWatch.
    pub fn replication_task_id(&self) -> String {
        self.of("payment-task")
    }

    /// Returns the identifier of the task of the fallback replication.
    pub fn fallback_task(&self) -> String {
        self.of("payment-reverse")
    }

    /// Returns the last segment of the ARN of that task. It is as long as that of the replication task, so that it has
    /// no limit of its own.
    pub fn fallback_task_id(&self) -> String {
        self.of("payment-back")
    }

    /// Returns the name of the slot that the fallback replication reads: "Slot names may contain lower case letters,
    /// numbers, and the underscore character" (PostgreSQL, "Replication Slots").
    pub fn fallback_slot(&self) -> String {
        self.of("migrate_infra_fallback").to_lowercase().replace('-', "_")
    }

    /// Returns the identifier of the task of the fallback replication to the target, after a way back.
    pub fn forward_task(&self) -> String {
        self.of("payment-forward")
    }

    /// Returns the last segment of the ARN of that task. It is shorter than that of the replication task, so that it
    /// has no limit of its own.
    pub fn forward_task_id(&self) -> String {
        self.of("payment-fwd")
    }

    /// Returns the name of the slot that this replication reads. It is shorter than [`Self::fallback_slot`].
    pub fn forward_slot(&self) -> String {
        self.of("migrate_infra_forward").to_lowercase().replace('-', "_")
    }

    /// Returns the name of the role that S3 uses for the replication.
    pub fn storage_role(&self) -> String {
        self.of("payment-s3-replication")
    }

    /// Returns the id of the rule that replicates a bucket. It contains only the suffix.
    pub fn replication_rule(&self) -> String {
        format!("replicate-all-{}", self.suffix)
    }

    /// Returns the name of the health check of this environment.
    pub fn health_check(&self) -> String {
        self.of("payment-health")
    }

    /// Returns the name of the health check of the emergency switch.
    pub fn switch_health_check(&self) -> String {
        self.of("payment-switch")
    }

    /// Returns the name of the health check that the target's record follows.
    pub fn switched_health_check(&self) -> String {
        self.of("payment-health-switched")
    }

    /// Returns all names that can exceed the length limit of AWS.
    pub fn limited_names(&self, parts: &EnvironmentParts<'_>) -> Vec<LimitedName> {
        let limited = |name, limit, what| LimitedName { name, limit, what };
        let mut all = vec![
            // "This name must be unique per region per account, can have a maximum of 32 characters"
            // (CreateLoadBalancer, CreateTargetGroup)
            limited(self.load_balancer(), 32, "the name of a load balancer"),
            limited(self.target_group(), 32, "the name of a target group"),
            // IAM "CreateRole": 64 characters.
            limited(self.execution_role(), 64, "the name of a role"),
            // ECS "CreateService": 255 letters. The log group allows 512, so its limit is never reached first.
            limited(self.service(), 255, "the name of a service"),
        ];
        for role in parts.databases {
            // RDS "CreateDBInstance": 1 to 63 letters, numbers, or hyphens.
            all.push(limited(self.database(role), 63, "the identifier of a database"));
            // Lambda "CreateFunction": 64 characters. The role of the function has the same name and the same limit.
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
            // PostgreSQL, NAMEDATALEN: 63 characters.
            all.push(limited(self.fallback_slot(), 63, "the name of a replication slot"));
            all.push(limited(self.replication_role(), 64, "the name of a role"));
        }
        if parts.replicates_bucket {
            all.push(limited(self.storage_role(), 64, "the name of a role"));
        }
        all
    }
}
