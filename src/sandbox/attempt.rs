//! One attempt of a call: its faults, its effect, and what the caller learns of it.

use super::Sandbox;
use super::fault::{Fault, Moment};
use super::registry::{Answer, Call, Prepared, Rejection};
use crate::address::Region;

/// Who is asked, and for what sort of thing.
pub(super) struct Asked<'a> {
    /// The service, as in `service:Operation`.
    pub(super) service: &'static str,
    /// The operation.
    pub(super) operation: &'a str,
    /// Whether the call changes something.
    pub(super) mutating: bool,
    /// The region.
    pub(super) region: &'a Region,
}

impl Sandbox {
    /// Carries a call out, or lets it fail.
    pub(super) fn attempt(&self, asked: &Asked<'_>, prepared: &Prepared) -> Result<Answer, Fault> {
        let pass = |point| if asked.mutating { self.fuse.pass(point).map_err(|_| ()) } else { Ok(()) };
        if self.fuse.is_dead() || pass("before a call").is_err() {
            return Err(Fault::ConnectionLost(Moment::Before));
        }
        let fault = self.faults.strike(asked.service, asked.mutating);
        if let Some(fault) = fault.as_ref().filter(|fault| fault.moment() == Moment::Before && !matches!(fault, Fault::Refused(_))) {
            return Err(fault.clone());
        }
        let mut world = self.world();
        world.advance(self.now());
        if let Some(Fault::Refused(code)) = fault {
            let rejection = Rejection { code: code.into(), message: "try again later".to_owned() };
            return Ok((prepared.reject)(&mut Call::new(&mut world, asked.region), rejection));
        }
        let now = world.now;
        let scripted = world.timeline().at(now).call_fails(&format!("{}:{}", asked.service, asked.operation)).map(str::to_owned);
        if let Some(code) = scripted {
            let rejection = Rejection { code: code.into(), message: "the script of the sandbox has it so".to_owned() };
            return Ok((prepared.reject)(&mut Call::new(&mut world, asked.region), rejection));
        }
        if let Some(answer) = self.late_answer(asked, prepared) {
            return Ok(answer);
        }
        if let Some(longest) = self.faults.longest_lag().filter(|_| asked.mutating) {
            self.past().remember(&world, longest);
        }
        let answer = (prepared.carry_out)(&mut Call::new(&mut world, asked.region));
        // The effect is on disk before the answer is given, as AWS's is.
        if asked.mutating
            && let Some(disk) = &self.disk
        {
            let saved = disk.save(&world);
            saved.map_err(|error| Fault::OutOfOrder(format!("the sandbox can not keep its world: {error}")))?;
        }
        drop(world);
        pass("after a call").map_err(|()| Fault::ConnectionLost(Moment::After))?;
        match fault {
            // A refusal has a status of its own, which says that nothing was done, however its body looks.
            Some(Fault::Malformed) if answer.is_err() => Ok(answer),
            Some(fault) => Err(fault),
            None => Ok(answer),
        }
    }

    /// Answers as a part of AWS that has not heard the news yet: a read with what was, a change with "there is no such thing" where
    /// what it refers to is too new.
    fn late_answer(&self, asked: &Asked<'_>, prepared: &Prepared) -> Option<Answer> {
        let now = self.now();
        let mut old = self.past().at(now, self.faults.lag(asked.service)?)?;
        old.advance(now);
        let answer = (prepared.carry_out)(&mut Call::new(&mut old, asked.region));
        let not_found = |code: &str| code.contains("NotFound") || code == "NoSuchEntity";
        match &answer {
            Err(refusal) if asked.mutating => not_found(&refusal.code).then_some(answer),
            _ if asked.mutating => None,
            _ => Some(answer),
        }
    }
}
