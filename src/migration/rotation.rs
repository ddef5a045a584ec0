//! The rotation of the secrets of a replication, which is held while the replication runs.
//!
//! A task keeps the password that it was started with, and a restart during a full load begins the load again. So no
//! rotation starts from `replication start` on: a tag on both secrets, which the rotation function obeys
//! (`docs/adr/0003-rotation-and-replication.md`). A replica of a secret has no rotation of its own: the tag is on its
//! primary.
//!
//! [`hold`] and [`release`] observe first, record before each call, and can be repeated after a kill. A secret that
//! several replications use is held until the last of them releases it. One caller at a time.

use infra_aws::{Progress, Wait};
use infra_base::address::{Address, Location};
use infra_base::clock::timestamp;
use infra_base::side::Side;
use infra_core::engine::{Context, ReadContext};
use infra_core::events::Event;
use infra_core::resource::{Result, Spec, StepContext, describe};
use infra_core::state::{HeldRotation, Record, State};
use infra_kinds::secretsmanager::Secret;
use infra_kinds::secretsmanager::rotation_hold::{
    POLL_SECONDS, ROTATION_SECONDS, RotationStatus, allow_rotation, hold_rotation, rotation_status,
};

use super::recorded::{self, operation, record_end};
use super::retry_idempotent::retry_idempotent;
use super::switchover::SwitchoverRecord;
use super::topology::{Replication, Topology};

/// The name of the operation that holds a rotation, as it is recorded.
const HOLD: &str = "hold the rotation";
/// The name of the operation that allows it again.
const ALLOW: &str = "allow the rotation";

/// A secret with the credentials of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSecret {
    /// Its address.
    pub address: Address,
    /// Its ARN.
    pub arn: String,
    /// Where it is.
    pub location: Location,
}

/// Returns the secrets of a replication that the stack owns: that of the source database, then that of the target
/// database.
pub fn secrets(state: &State, topology: &Topology, replication: &Replication) -> Vec<DatabaseSecret> {
    let secret = |arn: &Option<String>| {
        let primary = topology.database_of(arn.as_deref()?)?.secret.clone()?;
        let has_arn = |attrs: &serde_json::Value| attrs.get("arn").and_then(|arn| arn.as_str()) == Some(&primary);
        let (address, entry) = state
            .resources
            .iter()
            .find(|(_, entry)| entry.kind == Secret::KIND && entry.attrs.as_ref().is_some_and(has_arn))?;
        Some(DatabaseSecret { address: address.clone(), arn: primary, location: entry.location() })
    };
    replication.secrets.iter().filter_map(secret).collect()
}

/// Holds the rotation of the secrets of replications, and waits for the end of a rotation in progress.
///
/// *Guarantees*: No rotation starts from now on, and none is in progress. The secrets and the databases have the same
/// passwords.
///
/// *Killed*: A repetition completes it, and [`release`] undoes it.
///
/// # Errors
/// The error of Secrets Manager, or that a rotation in progress does not end.
pub async fn hold(context: &Context, replications: &[Replication]) -> Result<()> {
    let state = context.journal.read(Clone::clone);
    let topology = Topology::of(&state);
    for replication in replications {
        for secret in secrets(&state, &topology, replication) {
            hold_one(context, &secret, replication).await?;
        }
    }
    for replication in replications {
        for secret in secrets(&state, &topology, replication) {
            rotation_has_ended(context, &secret).await?;
        }
    }
    Ok(())
}

async fn hold_one(context: &Context, secret: &DatabaseSecret, replication: &Replication) -> Result<()> {
    let DatabaseSecret { address, arn, location } = secret;
    let reader = context.read_context().reader(address, location);
    let status = rotation_status(&reader, arn).await?.unwrap_or_default();
    let known = context.journal.read(|state| state.migration.held_rotations.get(address).cloned());
    if let (Some(text), None) = (&status.held, &known) {
        // Somebody else's tag stays when the replication is stopped.
        let text = format!("its rotation is held already, which this stack does not change: {text}");
        context.events.send(Event::Notice { address: Some(address.clone()), text });
        return Ok(());
    }
    let by = &replication.load;
    let since = known.as_ref().map_or_else(timestamp, |held| held.since.clone());
    let why = known.as_ref().map_or_else(|| format!("the replication {by}"), |held| held.why.clone());
    // Before the call: what is held is known after a kill.
    if known.is_none_or(|held| !held.by.contains(by)) {
        let (secret, at, why) = (arn.clone(), since.clone(), why.clone());
        let Location { region, account } = location.clone();
        let held = Record::RotationHeld { address: address.clone(), by: by.clone(), secret, region, account, at, why };
        context.journal.write(vec![held]).await?;
    }
    let reason = tag_text(&why, &since);
    let send = |cx: StepContext| async move {
        retry_idempotent(&cx, "sending the tag again", || hold_rotation(&cx, arn, &reason)).await
    };
    recorded::set(context, address, location, HOLD, status.held.is_some(), send).await.map(drop)
}

/// Returns the value of the tag. "Generally allowed characters: letters, spaces, and numbers representable in UTF-8,
/// plus the following special characters: + - = . _ : / @"; at most 255 of them (TagResource).
fn tag_text(why: &str, since: &str) -> String {
    let is_allowed = |char: char| char.is_alphanumeric() || " +-=._:/@".contains(char);
    let text = format!("{why} since {since}");
    text.chars().map(|char| if is_allowed(char) { char } else { '_' }).take(255).collect()
}

/// Waits until no rotation is in progress. One whose version has a value continues even when held, because the database
/// can have the new password already.
async fn rotation_has_ended(context: &Context, secret: &DatabaseSecret) -> Result<()> {
    let cx = operation(context, &secret.address, &secret.location, HOLD);
    let wait = Wait::new("the rotation in progress to end".to_owned(), POLL_SECONDS, ROTATION_SECONDS);
    cx.wait(wait, || async {
        Ok(match rotation_status(&cx, &secret.arn).await? {
            Some(status) if status.is_in_progress() => Progress::Pending("in progress".to_owned()),
            _ => Progress::Reached(()),
        })
    })
    .await
}

/// Allows the rotation of the secrets of replications again, unless another replication needs it held. What refused
/// rotations have left on a secret is removed, so that the next one can start.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn release(context: &Context, replications: &[Replication]) -> Result<()> {
    for replication in replications {
        release_by(context, &replication.load).await?;
    }
    Ok(())
}

async fn release_by(context: &Context, by: &Address) -> Result<()> {
    for (address, held) in held_by(context, |held| held.by.contains(by)) {
        if held.by.len() == 1 {
            allow(context, &address, &held).await?;
        }
        context.journal.write(vec![Record::RotationReleased { address, by: by.clone() }]).await?;
    }
    Ok(())
}

fn held_by(context: &Context, is_meant: impl Fn(&HeldRotation) -> bool) -> Vec<(Address, HeldRotation)> {
    context.journal.read(|state| {
        let all = state.migration.held_rotations.iter().filter(|(_, held)| is_meant(held));
        all.map(|(address, held)| (address.clone(), held.clone())).collect()
    })
}

async fn allow(context: &Context, address: &Address, held: &HeldRotation) -> Result<()> {
    let cx = operation(context, address, &held.location(), ALLOW);
    let send = || allow_rotation(&cx, &held.secret);
    retry_idempotent(&cx, "looking at the tag again", send).await?;
    record_end(context, address).await
}

/// Returns why the rotation must stay held when a replication has stopped; `None` if nothing needs it.
pub fn still_needed(state: &State) -> Option<&'static str> {
    match SwitchoverRecord::of(state) {
        Ok(Some(record)) if record.is_under_way() => Some("a switchover is under way"),
        Ok(Some(record)) if record.primary() == Side::Target && !record.is_finished() => {
            Some("changes are replicated back to the source")
        }
        Ok(_) => None,
        Err(_) => Some("the state contains a switchover that this version cannot read"),
    }
}

/// Does what [`release`] does, for replications that have stopped. Returns why the rotation stays held, if it does:
/// after a switchover, the replication back needs it until the finish.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn release_stopped(context: &Context, replications: &[Replication]) -> Result<Option<&'static str>> {
    let needed = context.journal.read(still_needed);
    if needed.is_none() {
        release(context, replications).await?;
    }
    Ok(needed)
}

/// Allows the rotations that were held for replications that no longer exist. What fails is reported, and done by the
/// next command.
pub async fn release_orphaned(context: &Context) {
    let gone: Vec<Address> = context.journal.read(|state| {
        let all = state.migration.held_rotations.values().flat_map(|held| &held.by);
        all.filter(|by| state.get(by).is_none()).cloned().collect()
    });
    for by in gone {
        if let Err(error) = release_by(context, &by).await {
            let text = format!("the rotation stays held: {}", describe(&error));
            context.events.send(Event::Notice { address: Some(by), text });
        }
    }
}

/// Reads the rotation of the secrets of a replication.
///
/// # Errors
/// The error of Secrets Manager.
pub async fn status(
    context: &ReadContext,
    state: &State,
    topology: &Topology,
    replication: &Replication,
) -> Result<Vec<(DatabaseSecret, RotationStatus)>> {
    let mut all = Vec::new();
    for secret in secrets(state, topology, replication) {
        let reader = context.reader(&secret.address, &secret.location);
        if let Some(status) = rotation_status(&reader, &secret.arn).await? {
            all.push((secret, status));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_the_tag_has_allowed_characters() {
        assert_eq!(
            tag_text("the replication target/replication/task", "2026-01-01T00:00:00Z"),
            "the replication target/replication/task since 2026-01-01T00:00:00Z"
        );
        assert_eq!(tag_text("a~b,c", "now"), "a_b_c since now");
        assert_eq!(tag_text(&"x".repeat(300), "now").len(), 255);
    }
}
