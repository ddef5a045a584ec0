//! The servers of all DB instances.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use infra_sandbox::world::rds::Instance;
use infra_sandbox::world::real_data::AppliedSettings;
use infra_sandbox::{Sandbox, World};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::options::DataOptions;
use crate::server_actor::ServerActor;
use crate::wanted_server::{Wanted, WantedServer};

/// One actor for each server.
pub(crate) struct Servers {
    sandbox: Weak<Sandbox>,
    options: Arc<DataOptions>,
    actors: BTreeMap<String, Actor>,
}

struct Actor {
    wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

impl Servers {
    pub(crate) fn new(sandbox: Weak<Sandbox>, options: Arc<DataOptions>) -> Self {
        Self { sandbox, options, actors: BTreeMap::new() }
    }

    /// Returns what the world says, by resource id.
    pub(crate) fn wanted(world: &World) -> BTreeMap<String, Wanted> {
        let mut wanted = BTreeMap::new();
        for (region_name, region) in &world.regions {
            for instance in region.rds.instances.values().filter(|instance| instance.server.is_some()) {
                let group = region.rds.parameter_groups.get(&instance.parameter_group);
                let group = group.filter(|_| !instance.lacks_parameters);
                let parameters = group.map(|group| group.parameters.clone()).unwrap_or_default();
                let state = match instance.status(world.now) {
                    "deleting" => Wanted::Stopped,
                    _ => Wanted::Runs(Box::new(wanted_server(region_name, instance, parameters))),
                };
                wanted.insert(instance.resource_id.clone(), state);
            }
        }
        wanted
    }

    /// Passes on what the world says. Servers without an instance are removed.
    pub(crate) fn reconcile(&mut self, wanted: &BTreeMap<String, Wanted>) {
        for (resource_id, state) in wanted {
            self.tell(resource_id, state.clone());
        }
        let gone: Vec<String> = self.actors.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
        for resource_id in gone {
            self.tell(&resource_id, Wanted::Removed);
        }
        self.actors.retain(|_, actor| !actor.task.is_finished());
    }

    /// Removes the servers of instances that were deleted while no command ran.
    pub(crate) fn remove_others(&mut self, wanted: &BTreeMap<String, Wanted>) {
        let entries = std::fs::read_dir(self.options.servers()).into_iter().flatten().flatten();
        let names: BTreeSet<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        for name in names.into_iter().filter(|name| !wanted.contains_key(name)) {
            self.tell(&name, Wanted::Removed);
        }
    }

    /// Waits until all actors have ended, after each has stopped using its server.
    pub(crate) async fn close(self) {
        for actor in self.actors.into_values() {
            drop(actor.wanted);
            // An actor that panicked has nothing left to release.
            let _ = actor.task.await;
        }
    }

    fn tell(&mut self, resource_id: &str, state: Wanted) {
        if let Some(actor) = self.actors.get(resource_id) {
            actor.wanted.send_if_modified(|current| {
                let differs = *current != state;
                if differs {
                    *current = state;
                }
                differs
            });
            return;
        }
        let (sender, receiver) = watch::channel(state);
        let actor = ServerActor::new(self.sandbox.clone(), Arc::clone(&self.options), resource_id);
        let task = tokio::spawn(actor.run(receiver));
        self.actors.insert(resource_id.to_owned(), Actor { wanted: sender, task });
    }
}

fn wanted_server(region: &str, instance: &Instance, parameters: BTreeMap<String, String>) -> WantedServer {
    let reboots = instance.phases.iter().filter(|phase| phase.status == "rebooting").map(|phase| phase.until);
    let settings = &instance.settings;
    WantedServer {
        region: region.to_owned(),
        identifier: instance.identifier.clone(),
        resource_id: instance.resource_id.clone(),
        host: instance.host.clone(),
        master_username: instance.master_username.clone(),
        db_name: instance.db_name.clone(),
        settings: AppliedSettings {
            master_password: settings.master_password.clone(),
            parameters,
            class: settings.class.clone(),
            engine_version: settings.engine_version.clone(),
        },
        storage_gib: settings.allocated_storage,
        reboot: reboots.max(),
    }
}
