//! Who holds a lock, and whether that is provably over.

use serde::{Deserialize, Serialize};

use crate::clock::timestamp;

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command that runs.
    pub command: String,
    /// Its process id.
    pub pid: u32,
    /// The host it runs on.
    pub host: String,
    /// The user.
    pub user: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// When it last showed that it is alive, RFC 3339.
    #[serde(default)]
    pub heartbeat: String,
    /// What tells this taking of the lock from every other.
    #[serde(default)]
    pub id: String,
    /// The boot of the host and the name space that the process id belongs to, where the system tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// For how many seconds after a heartbeat the lock is good. Absent where the operating system keeps the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u64>,
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn user() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned())
}

/// Whoever runs this command, and where.
pub fn whoever() -> String {
    format!("{}@{}", user(), host())
}

impl Holder {
    /// This process.
    pub fn myself(command: &str, lease_seconds: Option<u64>) -> Self {
        let now = timestamp();
        Self {
            command: command.to_owned(),
            pid: std::process::id(),
            host: host(),
            user: user(),
            since: now.clone(),
            heartbeat: now,
            id: uuid::Uuid::new_v4().to_string(),
            machine: machine(),
            lease_seconds,
        }
    }

    /// The same, alive now.
    pub fn beating(&self) -> Self {
        Self { heartbeat: timestamp(), ..self.clone() }
    }

    /// Returns whether it ran on this machine, since this boot, and its process is gone.
    pub fn is_gone_from(&self, machine: Option<&str>) -> bool {
        machine.is_some() && self.machine.as_deref() == machine && !process_exists(self.pid)
    }

    /// Returns the holder in words.
    pub fn describe(&self) -> String {
        let Self { command, user, host, pid, since, heartbeat, .. } = self;
        let alive = if heartbeat.is_empty() || heartbeat == since { String::new() } else { format!(", last heartbeat {heartbeat}") };
        format!("`{command}` by {user} on {host}, process {pid}, since {since}{alive}")
    }
}

/// A process id means something only within one boot of one machine, and there only within one name space ("pid_namespaces(7)").
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
    fn a_process_is_known_to_be_gone_only_on_its_own_machine_since_its_own_boot() {
        // Process ids end at 2^22 ("proc(5)", pid_max).
        let dead = Holder { pid: u32::MAX, machine: Some("boot pid:[1]".into()), ..Holder::myself("up", None) };
        assert!(dead.is_gone_from(Some("boot pid:[1]")));
        assert!(!dead.is_gone_from(Some("later-boot pid:[1]")));
        assert!(!dead.is_gone_from(Some("boot pid:[2]")));
        assert!(!dead.is_gone_from(None));
        let alive = Holder { pid: std::process::id(), ..dead };
        assert!(!alive.is_gone_from(Some("boot pid:[1]")));
    }
}
