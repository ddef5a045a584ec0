//! One attempt of a call: its faults, its effect, and its result for the caller.

use super::fault::{Fault, FaultPoint};
use super::registry::{Call, OperationResult, Prepared, Rejection};
use super::sandbox::{Sandbox, WatchedCall};
use super::world::World;
use infra_base::address::{AccountId, Region};

/// What the names of operations begin with that delete something.
const DELETING: &[&str] = &["Delete", "Deregister", "Release", "Remove", "Revoke"];

/// "Amazon S3 provides strong read-after-write consistency for PUT and DELETE requests of objects"; bucket
/// configurations are eventually consistent (S3 User Guide, "Amazon S3 data consistency model").
const STRONGLY_CONSISTENT: &[(&str, &str)] =
    &[("s3", "GetObject"), ("s3", "HeadObject"), ("s3", "ListObjectsV2"), ("s3", "ListObjectVersions")];
/// How many of ten reads are stale while the script makes reads stale.
const STALE_READS: u64 = 4;

/// Which operation is called, and in which region.
pub(super) struct CallInfo<'a> {
    /// The service, as in `service:Operation`.
    pub(super) service: &'static str,
    /// The operation.
    pub(super) operation: &'a str,
    /// Whether the call changes something in AWS.
    pub(super) mutating: bool,
    /// The account that calls.
    pub(super) account: &'a AccountId,
    /// The region.
    pub(super) region: &'a Region,
}

/// In a region that is not enabled, credentials are not valid, and each protocol has its own code ("Error codes for the
/// Amazon EC2 API"; "Common errors" of the query and of the JSON services; "Error responses" of S3).
fn not_enabled(service: &str) -> Rejection {
    let (code, message) = match service {
        "ec2" => ("AuthFailure", "AWS was not able to validate the provided access credentials"),
        "sts" | "rds" | "elasticloadbalancing" | "cloudwatch" => {
            ("InvalidClientTokenId", "The security token included in the request is invalid")
        }
        "s3" => ("InvalidToken", "The provided token is malformed or otherwise invalid."),
        _ => ("UnrecognizedClientException", "The security token included in the request is invalid."),
    };
    Rejection { code: code.into(), message: message.to_owned() }
}

impl Sandbox {
    /// Executes a call, or injects a fault.
    pub(super) fn attempt(&self, info: &CallInfo<'_>, prepared: &Prepared) -> Result<OperationResult, Fault> {
        let hit = |point| if info.mutating { self.crash_points.hit(point).map_err(|_| ()) } else { Ok(()) };
        if self.crash_points.is_dead() || hit("before a call").is_err() {
            return Err(Fault::ConnectionLost(FaultPoint::BeforeEffect));
        }
        let fault = self.faults.next_fault(info.service, info.mutating, self.now());
        if let Some(fault) = fault
            .as_ref()
            .filter(|fault| fault.point() == FaultPoint::BeforeEffect && !matches!(fault, Fault::Refused(_)))
        {
            return Err(fault.clone());
        }
        let mut world = self.world();
        world.advance(self.now());
        if let Some(Fault::Refused(code)) = fault {
            let rejection = Rejection { code: code.into(), message: "try again later".to_owned() };
            return Ok(as_account(&mut world, info, |call| (prepared.reject)(call, rejection)));
        }
        let now = world.now;
        let scripted =
            world.timeline().at(now).call_fails(&format!("{}:{}", info.service, info.operation)).map(str::to_owned);
        if let Some(code) = scripted {
            if code.starts_with("ExpiredToken") {
                return Err(Fault::Expired(info.service));
            }
            let rejection =
                Rejection { code: code.into(), message: "the sandbox script makes this call fail".to_owned() };
            return Ok(as_account(&mut world, info, |call| (prepared.reject)(call, rejection)));
        }
        if !world.is_enabled(info.region) && !["iam", "route53"].contains(&info.service) {
            let rejection = not_enabled(info.service);
            return Ok(as_account(&mut world, info, |call| (prepared.reject)(call, rejection)));
        }
        let lag = self.faults.read_lag(info.service, info.operation, now).or_else(|| scripted_lag(&mut world, info));
        if let Some(answer) = self.stale_result(info, prepared, lag) {
            return Ok(answer);
        }
        let max_lag = self.faults.max_read_lag().max(world.script.script.max_read_lag());
        if let Some(max_lag) = max_lag.filter(|_| info.mutating) {
            self.history().record(&world, max_lag);
        }
        if let Some(watcher) = self.watcher() {
            let call = format!("{}:{}", info.service, info.operation);
            let (account, region) = (info.account.as_str(), info.region.as_str());
            watcher(&WatchedCall { account, region, call, input: &prepared.input, world: &world });
        }
        let is_deletion = DELETING.iter().any(|verb| info.operation.starts_with(verb));
        let answer = as_account(&mut world, info, |call| {
            if info.mutating && is_deletion && !info.operation.contains("Tags") {
                call.world.remember_tagged(info.region.as_str());
            }
            (prepared.execute)(call)
        });
        // The effect is on disk before the result is returned, as with AWS.
        if info.mutating
            && let Some(disk) = &self.disk
        {
            let saved = disk.save(&world);
            saved.map_err(|error| Fault::Internal(format!("the sandbox cannot store its world: {error}")))?;
        }
        drop(world);
        hit("after a call").map_err(|()| Fault::ConnectionLost(FaultPoint::AfterEffect))?;
        match fault {
            // A rejection has its own HTTP status, which shows that the call had no effect, even if the body is
            // unreadable.
            Some(Fault::Malformed) if answer.is_err() => Ok(answer),
            Some(fault) => Err(fault),
            None => Ok(answer),
        }
    }

    /// Returns a stale result, as an eventually consistent part of AWS does. A read returns an earlier state. A change
    /// that refers to a resource that is too new returns "not found".
    fn stale_result(&self, info: &CallInfo<'_>, prepared: &Prepared, lag: Option<u64>) -> Option<OperationResult> {
        let now = self.now();
        if self.faults.is_blind(&format!("{}:{}", info.service, info.operation)) {
            let mut empty = World::default();
            empty.advance(now);
            return Some(as_account(&mut empty, info, |call| (prepared.execute)(call)));
        }
        let mut old = self.history().snapshot_at(now, lag?)?;
        old.advance(now);
        let answer = as_account(&mut old, info, |call| (prepared.execute)(call));
        // Application Auto Scaling does not find the service, and Route 53 not the alarm, with codes that have other
        // meanings, too.
        let not_found = |code: &str| match (info.service, code) {
            ("application-autoscaling", "ValidationException") | ("route53", "InvalidInput") => true,
            _ => code.contains("NotFound") || code.starts_with("NoSuch"),
        };
        match &answer {
            Err(error) if info.mutating => not_found(&error.code).then_some(answer),
            _ if info.mutating => None,
            _ => Some(answer),
        }
    }
}

/// Returns by how many milliseconds the script makes this read stale.
fn scripted_lag(world: &mut World, info: &CallInfo<'_>) -> Option<u64> {
    let max = world.timeline().at(world.now).read_lag()?;
    let is_late = !STRONGLY_CONSISTENT.contains(&(info.service, info.operation)) && world.draw(10) < STALE_READS;
    is_late.then(|| 1 + world.draw(max))
}

/// Handles a call of an account.
fn as_account<T>(world: &mut World, info: &CallInfo<'_>, handle: impl FnOnce(&mut Call<'_>) -> T) -> T {
    let before = world.enter(info.account.as_str());
    // The metrics of other services follow the records of all accounts.
    let is_hidden = info.service == "route53";
    if is_hidden {
        world.hide_others();
    }
    let answer = handle(&mut Call::new(world, info.region));
    if is_hidden {
        world.show_all();
    }
    world.enter(&before);
    answer
}
