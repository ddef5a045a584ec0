//! The reboot of a DB instance on the sandbox, call by call.

use aws_sdk_rds::error::ProvideErrorMetadata;
use migrate_infra::sandbox::world::rds::{Instance, Phase};

use crate::sandbox::database_replication::{Account, pass, stack};
use crate::{done, refused};

const REBOOT: &str = "rebooting";

impl Account {
    /// Returns the name of a DB instance.
    fn database(&self) -> String {
        self.sandbox.snapshot().regions["us-east-1"].rds.instances.keys().next().expect("a DB instance").clone()
    }

    /// Changes all DB instances outside the calls.
    fn change_databases(&self, change: fn(&mut Instance)) {
        self.sandbox.mutate_out_of_band(|world| world.region("us-east-1").rds.instances.values_mut().for_each(change));
    }

    async fn database_status(&self, name: &str) -> String {
        let answer = self.clients.rds.describe_db_instances().db_instance_identifier(name).send().await.unwrap();
        answer.db_instances()[0].db_instance_status().unwrap().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn an_available_instance_reboots() {
    let account = Account::of(stack()).await;
    let name = account.database();
    let reboot = |name: &str| account.clients.rds.reboot_db_instance().db_instance_identifier(name);
    assert_eq!(account.database_status(&name).await, "available");
    // "This parameter is stored as a lowercase string" (RebootDBInstance).
    let answer = done!("rds:RebootDBInstance", reboot(&name.to_uppercase()));
    assert_eq!(answer.db_instance().unwrap().db_instance_status(), Some(REBOOT));
    refused!("InvalidDBInstanceState", "rds:RebootDBInstance", reboot(&name));
    let modify = account.clients.rds.modify_db_instance().db_instance_identifier(&name).allocated_storage(500);
    refused!("InvalidDBInstanceState", "rds:ModifyDBInstance", modify);
    pass(9).await;
    assert_eq!(account.database_status(&name).await, REBOOT);
    pass(52).await;
    assert_eq!(account.database_status(&name).await, "available");
    done!("rds:RebootDBInstance", reboot(&name).force_failover(false));
}

#[tokio::test(start_paused = true)]
async fn only_a_multi_az_instance_fails_over() {
    let account = Account::of(stack()).await;
    let name = account.database();
    let fail_over = || account.clients.rds.reboot_db_instance().db_instance_identifier(&name).force_failover(true);
    account.change_databases(|instance| instance.settings.multi_az = false);
    refused!("InvalidParameterCombination", "rds:RebootDBInstance", fail_over());
    assert_eq!(account.database_status(&name).await, "available", "a refused call has no effect");
    account.change_databases(|instance| instance.settings.multi_az = true);
    done!("rds:RebootDBInstance", fail_over());
    pass(59).await;
    assert_eq!(account.database_status(&name).await, REBOOT, "a failover takes a minute at least");
    pass(62).await;
    assert_eq!(account.database_status(&name).await, "available");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_not_available_does_not_reboot() {
    let account = Account::of(stack()).await;
    let name = account.database();
    let reboot = |name: &str| account.clients.rds.reboot_db_instance().db_instance_identifier(name);
    refused!("DBInstanceNotFound", "rds:RebootDBInstance", reboot("no-such-database"));
    account.change_databases(|instance| {
        instance.phases = vec![Phase { status: "backing-up".to_owned(), until: u64::MAX }];
    });
    let message = refused!("InvalidDBInstanceState", "rds:RebootDBInstance", reboot(&name));
    assert!(message.contains("backing-up"), "{message}");
    account.change_databases(|instance| {
        instance.phases.clear();
        instance.stuck_status = Some("storage-full".to_owned());
    });
    refused!("InvalidDBInstanceState", "rds:RebootDBInstance", reboot(&name));
}
