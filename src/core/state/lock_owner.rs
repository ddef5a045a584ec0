//! The holder of a lock, and whether it is provably dead.

use serde::{Deserialize, Serialize};

use infra_base::clock::timestamp;

/// The holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The running command.
    pub command: String,
    /// Its process id.
    pub pid: u32,
    /// The host it runs on.
    pub host: String,
    /// The user of the operating system, as the environment names it.
    pub user: String,
    /// Who the credentials belong to: the ARN that AWS names, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The start, RFC 3339.
    pub since: String,
    /// The last heartbeat, RFC 3339.
    #[serde(default)]
    pub heartbeat: String,
    /// A unique id of this acquisition.
    #[serde(default)]
    pub id: String,
    /// The boot of the host and the PID namespace of the process, if the system provides them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// How long the lock is valid after a heartbeat, in seconds. Absent if the operating system keeps the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u64>,
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned())
}

/// Returns the user and host of this process.
pub fn user_at_host() -> String {
    format!("{}@{}", user(), host())
}

impl Holder {
    /// Returns a holder for this process.
    pub fn current(command: &str, lease_seconds: Option<u64>) -> Self {
        let now = timestamp();
        Self {
            command: command.to_owned(),
            pid: std::process::id(),
            host: host(),
            user: user(),
            identity: None,
            since: now.clone(),
            heartbeat: now,
            id: uuid::Uuid::new_v4().to_string(),
            machine: machine(),
            lease_seconds,
        }
    }

    /// The same, alive now.
    pub fn heartbeat_age(&self) -> Self {
        Self { heartbeat: timestamp(), ..self.clone() }
    }

    /// Returns whether it ran on this machine, since this boot, and its process no longer exists.
    pub fn is_gone_from(&self, machine: Option<&str>) -> bool {
        machine.is_some() && self.machine.as_deref() == machine && !process_exists(self.pid)
    }

    /// Returns a description of the holder.
    pub fn describe(&self) -> String {
        let Self { command, user, host, pid, identity, since, heartbeat, .. } = self;
        let alive = if heartbeat.is_empty() || heartbeat == since {
            String::new()
        } else {
            format!(", last heartbeat {heartbeat}")
        };
        let identity = identity.as_ref().map(|arn| format!(", as {arn}")).unwrap_or_default();
        format!("`{command}` by {user} on {host}, process {pid}{identity}, since {since}{alive}")
    }
}

/// Returns the scope in which a process id is valid: one boot of one machine, and one PID namespace
/// ("pid_namespaces(7)").
pub(super) fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

fn process_exists(pid: u32) -> bool {
    std::path::Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_was_only_what_the_environment_says() {
        let mut holder = Holder::current("up", None);
        assert!(!holder.describe().contains(", as "));
        holder.identity = Some("arn:aws:sts::111122223333:assumed-role/Admin/anna".to_owned());
        assert!(holder.describe().contains(", as arn:aws:sts::111122223333:assumed-role/Admin/anna, since"));
        let text = serde_json::to_string(&holder).unwrap();
        assert_eq!(serde_json::from_str::<Holder>(&text).unwrap(), holder);
    }

    #[test]
    fn a_process_is_known_to_be_dead_only_on_its_own_machine_since_its_own_boot() {
        // Process ids end at 2^22 ("proc(5)", pid_max).
        let dead = Holder { pid: u32::MAX, machine: Some("boot pid:[1]".into()), ..Holder::current("up", None) };
        assert!(dead.is_gone_from(Some("boot pid:[1]")));
        assert!(!dead.is_gone_from(Some("later-boot pid:[1]")));
        assert!(!dead.is_gone_from(Some("boot pid:[2]")));
        assert!(!dead.is_gone_from(None));
        let alive = Holder { pid: std::process::id(), ..dead };
        assert!(!alive.is_gone_from(Some("boot pid:[1]")));
    }
}
