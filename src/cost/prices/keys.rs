//! What a table of prices can contain.

/// Declares the keys of one table.
macro_rules! keys {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident = $text:literal, $unit:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $key,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$key,)*];

            /// Returns the key in the file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$key => $text,)*
                }
            }

            /// Returns of what it is the price or the number.
            pub fn unit(self) -> &'static str {
                match self {
                    $(Self::$key => $unit,)*
                }
            }

            pub(super) fn of(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|key| key.name() == text)
            }
        }
    };
}

keys! {
    /// A price that depends on the region: `[regions.REGION]`.
    Price {
        /// Amazon RDS: storage of the type gp2.
        RdsGp2Gb = "rds_gp2_gb_month", "GB and month";
        /// Amazon RDS: storage of the type gp3.
        RdsGp3Gb = "rds_gp3_gb_month", "GB and month";
        /// Amazon RDS: backups beyond the size of the database.
        RdsBackupGb = "rds_backup_gb_month", "GB and month";
        /// AWS DMS: storage beyond what is included in the instance.
        DmsStorageGb = "dms_storage_gb_month", "GB and month";
        /// A NAT gateway.
        NatGatewayHour = "nat_gateway_hour", "hour";
        /// What a NAT gateway processes.
        NatGatewayGb = "nat_gateway_gb", "GB";
        /// A public IPv4 address.
        PublicIpv4Hour = "public_ipv4_hour", "hour";
        /// Transfer to the internet.
        InternetGb = "internet_gb", "GB";
        /// Transfer between zones, in each direction.
        ZoneTransferGb = "zone_transfer_gb", "GB";
        /// Transfer to another region.
        RegionTransferGb = "region_transfer_gb", "GB";
        /// An application load balancer.
        LoadBalancerHour = "load_balancer_hour", "hour";
        /// A capacity unit of an application load balancer.
        LoadBalancerCapacityHour = "load_balancer_lcu_hour", "LCU and hour";
        /// AWS Fargate: a virtual processor, Linux on x86.
        FargateCpuHour = "fargate_vcpu_hour", "vCPU and hour";
        /// AWS Fargate: memory, Linux on x86.
        FargateMemoryHour = "fargate_gb_hour", "GB and hour";
        /// AWS Lambda: requests.
        LambdaMillion = "lambda_million_requests", "million requests";
        /// AWS Lambda: time, x86.
        LambdaGbSecond = "lambda_gb_second", "GB and second";
        /// A secret, or a replica of one.
        SecretMonth = "secret_month", "month";
        /// Calls of Secrets Manager.
        SecretCalls = "secret_10k_calls", "10,000 calls";
        /// An alarm of CloudWatch on one metric of standard resolution.
        AlarmMonth = "alarm_month", "month";
        /// A metric of CloudWatch that is not free.
        MetricMonth = "metric_month", "month";
        /// Logs that CloudWatch ingests.
        LogIngestedGb = "log_ingested_gb", "GB";
        /// Logs that CloudWatch stores.
        LogStoredGb = "log_stored_gb_month", "GB and month";
        /// Amazon S3: standard storage.
        S3StorageGb = "s3_gb_month", "GB and month";
        /// Amazon S3: PUT, COPY, POST and LIST.
        S3Writes = "s3_1k_writes", "1,000 requests";
        /// Amazon S3: GET and all others.
        S3Reads = "s3_1k_reads", "1,000 requests";
        /// Amazon S3: replication time control.
        S3ReplicationTimeGb = "s3_replication_time_gb", "GB";
    }
}

keys! {
    /// A price that is the same in all regions: `[global]`.
    GlobalPrice {
        /// A hosted zone of Route 53, among the first 25.
        HostedZoneMonth = "hosted_zone_month", "month";
        /// A health check on an endpoint in AWS.
        HealthCheckMonth = "health_check_month", "month";
        /// A further feature of such a health check: HTTPS, an interval of 10 seconds.
        HealthCheckOptionMonth = "health_check_option_month", "month";
        /// A health check without an endpoint: on an alarm, or on other checks.
        DerivedHealthCheckMonth = "health_check_derived_month", "month";
        /// A dashboard of CloudWatch.
        DashboardMonth = "dashboard_month", "month";
    }
}

keys! {
    /// The price of an hour of an instance, by class: `[regions.REGION.KEY]`.
    InstancePrice {
        /// Amazon RDS for PostgreSQL, in one zone. Two zones cost twice as much.
        RdsPostgresHour = "rds_postgres_hour", "hour";
        /// AWS DMS, in one zone. Two zones cost twice as much.
        DmsHour = "dms_hour", "hour";
    }
}

keys! {
    /// What is assumed about the usage in a month: `[usage]`.
    Usage {
        /// Average capacity units.
        LoadBalancerCapacity = "load_balancer_lcu", "average LCUs of a load balancer";
        /// Transfer to the internet.
        InternetGb = "internet_gb", "GB from a load balancer to the internet";
        /// What a NAT gateway processes.
        NatGb = "nat_gb", "GB through a NAT gateway";
        /// Transfer between the zones of a service and its database.
        DatabaseGb = "database_gb", "GB between a database and other zones";
        /// Transfer through a peering.
        PeeringGb = "peering_gb", "GB through a peering";
        /// Backups beyond the size of the database.
        BackupGb = "backup_gb", "GB of backups beyond the size of a database";
        /// Logs.
        LogGb = "log_gb", "GB into a log group";
        /// Metrics of Container Insights.
        InsightsMetrics = "insights_metrics", "metrics of Container Insights in a cluster";
        /// Objects in a bucket.
        BucketGb = "bucket_gb", "GB in a bucket";
        /// Requests that write.
        BucketWrites = "bucket_writes", "writes to a bucket";
        /// Requests that read.
        BucketReads = "bucket_reads", "reads from a bucket";
        /// What a replication of a bucket copies.
        ReplicatedGb = "replicated_gb", "GB copied by a replication of a bucket";
        /// Calls that read a secret.
        SecretCalls = "secret_calls", "calls for a secret";
        /// Runs of a function.
        FunctionRuns = "function_runs", "runs of a function";
        /// Seconds of all runs of a function.
        FunctionSeconds = "function_seconds", "seconds of all runs of a function";
    }
}
