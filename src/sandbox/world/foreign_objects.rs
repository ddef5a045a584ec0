//! What others create in the VPCs of the account: GuardDuty, and people who start instances.

use std::collections::{BTreeMap, BTreeSet};

use super::account_region::AccountRegion;
use super::ec2::{Ec2, NetworkInterface, SecurityGroup, VpcEndpoint};
use super::state::World;
use super::tags::Tags;

/// The tag of what GuardDuty manages ("Managing automated security agents", GuardDuty User Guide).
const GUARDDUTY_TAG: &str = "GuardDutyManaged";

impl World {
    /// Creates and removes what the script says.
    pub(super) fn advance_foreign_objects(&mut self) {
        let (guardduty, instances) = {
            let timeline = self.timeline();
            let active = timeline.at(self.now);
            (active.guardduty(), active.foreign_instances())
        };
        let names: Vec<String> = self.regions.keys().cloned().collect();
        for name in names {
            if guardduty {
                self.create_guardduty(&name);
            }
            self.run_foreign_instances(&name, instances);
        }
    }

    /// GuardDuty creates an endpoint in each VPC in which a task runs, with an interface in one subnet of each zone of
    /// the tasks. It does not delete it.
    fn create_guardduty(&mut self, region: &str) {
        let ec2 = &self.region_of_key(region).ec2;
        let mut places: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for interface in ec2.interfaces.values().filter(|one| one.removed_at.is_none() && is_task(one)) {
            if let Some(subnet) = ec2.subnets.get(&interface.subnet_id) {
                let of_vpc = places.entry(interface.vpc_id.clone()).or_default();
                of_vpc.entry(subnet.availability_zone.clone()).or_insert_with(|| subnet.subnet_id.clone());
            }
        }
        let has = |vpc: &String| ec2.vpc_endpoints.values().any(|one| one.vpc_id == *vpc && is_guardduty(&one.tags));
        places.retain(|vpc, _| !has(vpc));
        for (vpc_id, zones) in places {
            let endpoint_id = self.new_id("vpce");
            let group_id = self.guardduty_group(region, &vpc_id);
            let subnet_ids: BTreeSet<String> = zones.into_values().collect();
            let endpoint = VpcEndpoint {
                vpc_endpoint_id: endpoint_id.clone(),
                vpc_id,
                service_name: format!("com.amazonaws.{}.guardduty-data", AccountRegion::of_key(region).region),
                route_table_ids: BTreeSet::new(),
                subnet_ids: subnet_ids.clone(),
                available_at: self.now,
                removed_at: None,
                tags: guardduty_tags(),
            };
            for subnet in subnet_ids {
                let interface = self.new_id("eni");
                let description = endpoint.interface_description();
                // The requester of all endpoint interfaces.
                let (requester, groups) = ("727180483921", [group_id.clone()]);
                let ec2 = &mut self.region_of_key(region).ec2;
                ec2.attach_interface(interface, &subnet, &groups, description, requester, false);
            }
            self.region_of_key(region).ec2.vpc_endpoints.insert(endpoint_id, endpoint);
        }
    }

    fn guardduty_group(&mut self, region: &str, vpc_id: &str) -> String {
        let group_name = format!("GuardDutyManagedSecurityGroup-{vpc_id}");
        let existing = |ec2: &Ec2| ec2.security_groups.values().find(|one| one.group_name == group_name).cloned();
        if let Some(group) = existing(&self.region_of_key(region).ec2) {
            return group.group_id;
        }
        let group = SecurityGroup {
            group_id: self.new_id("sg"),
            group_name,
            description: "Associated with VPC endpoint of GuardDuty".to_owned(),
            vpc_id: vpc_id.to_owned(),
            tags: guardduty_tags(),
        };
        let id = group.group_id.clone();
        self.region_of_key(region).ec2.security_groups.insert(id.clone(), group);
        id
    }

    /// Keeps this many instances of somebody else in each VPC, in its last subnet and default group.
    fn run_foreign_instances(&mut self, region: &str, count: usize) {
        let ec2 = &mut self.region_of_key(region).ec2;
        let of_vpc = |ec2: &Ec2, vpc: &str| {
            ec2.interfaces.values().filter(|one| one.vpc_id == vpc && one.instance_id.is_some()).count()
        };
        if count == 0 {
            ec2.interfaces.retain(|_, one| one.instance_id.is_none());
            return;
        }
        let last: BTreeMap<String, String> =
            ec2.subnets.values().map(|subnet| (subnet.vpc_id.clone(), subnet.subnet_id.clone())).collect();
        for (vpc_id, subnet_id) in last {
            let missing = count.saturating_sub(of_vpc(&self.region_of_key(region).ec2, &vpc_id));
            for _ in 0..missing {
                let (interface_id, instance_id) = (self.new_id("eni"), self.new_id("i"));
                let ec2 = &mut self.region_of_key(region).ec2;
                let default = ec2.security_groups.values().find(|one| one.vpc_id == vpc_id && one.is_default());
                let interface = NetworkInterface {
                    interface_id: interface_id.clone(),
                    subnet_id: subnet_id.clone(),
                    vpc_id: vpc_id.clone(),
                    group_ids: default.map(|group| group.group_id.clone()).into_iter().collect(),
                    description: String::new(),
                    requester_id: String::new(),
                    instance_id: Some(instance_id),
                    public: false,
                    removed_at: None,
                };
                ec2.interfaces.insert(interface_id, interface);
            }
        }
    }
}

fn is_task(interface: &NetworkInterface) -> bool {
    interface.description.contains(":ecs:")
}

fn is_guardduty(tags: &Tags) -> bool {
    tags.contains_key(GUARDDUTY_TAG)
}

fn guardduty_tags() -> Tags {
    [(GUARDDUTY_TAG.to_owned(), "true".to_owned())].into()
}
