//! A world in which commands have their effects, part by part, and the rule is checked after each part.

use infra_base::side::Side;
use infra_switchover::{Before, Direction, Row, Undo};

/// Something per side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides<T> {
    pub source: T,
    pub target: T,
}

impl<T: Copy> Sides<T> {
    pub fn of(&self, side: Side) -> T {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    pub fn set(&mut self, side: Side, value: T) {
        match side {
            Side::Source => self.source = value,
            Side::Target => self.target = value,
        }
    }
}

/// The smallest part of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    CloseOld,
    CloseNew,
    GuardOld,
    Marker,
    Sequences,
    Check,
    StopForward,
    CreateSlot,
    UseNew,
    CutOff,
    AcceptNew,
    OpenNew,
    UseBefore,
    StopFallback,
    DropSlot,
    ResumeForward,
    AcceptOld,
    OpenOldAsBefore,
    OpenNewAsBefore,
}

/// Returns the parts of a row, in their order.
pub fn parts_of_row(row: Row) -> &'static [Part] {
    match row {
        Row::Prepare => &[],
        Row::Fence => &[Part::CloseOld, Part::CloseNew],
        Row::Drain => &[Part::GuardOld],
        Row::Marker => &[Part::Marker],
        Row::Sequences => &[Part::Sequences],
        Row::Check => &[Part::Check],
        Row::Fallback => &[Part::StopForward, Part::CreateSlot],
        Row::Reconnect => &[Part::UseNew],
        Row::Open => &[Part::CutOff, Part::AcceptNew, Part::OpenNew],
    }
}

/// Returns the parts of undoing, in their order.
pub fn parts_of_undo(undo: Undo) -> &'static [Part] {
    match undo {
        Undo::Reconnect => &[Part::UseBefore],
        Undo::Fallback => &[Part::StopFallback, Part::DropSlot, Part::ResumeForward],
        Undo::Drain => &[Part::AcceptOld],
        Undo::Fence => &[Part::OpenOldAsBefore, Part::OpenNewAsBefore],
    }
}

/// What is proven about the new database, as long as nothing writes on the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Proof {
    arrived: bool,
    sequences: bool,
    equal: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    direction: Direction,
    /// Whether the database accepts writes of the service.
    accepts: Sides<bool>,
    /// Whether clients reach the environment.
    open: Sides<bool>,
    /// The database that the environment's service uses.
    uses: Sides<Side>,
    /// Whether the replication from this side runs.
    replicates: Sides<bool>,
    /// Whether there is a slot on this side.
    slot: Sides<bool>,
    proof: Proof,
}

impl World {
    /// With `compute-first`, both environments are open and use the old database.
    pub fn compute_first(direction: Direction) -> Self {
        let mut world = Self::at_once(direction);
        world.open.set(direction.to(), true);
        world.uses.set(direction.to(), direction.from());
        world
    }

    /// With `at-once`, each environment has its own database, and the new one is closed. After a switchover, it is so
    /// too.
    pub fn at_once(direction: Direction) -> Self {
        let mut old = Sides { source: false, target: false };
        old.set(direction.from(), true);
        let uses = Sides { source: Side::Source, target: Side::Target };
        Self { direction, accepts: old, open: old, uses, replicates: old, slot: old, proof: Proof::default() }
    }

    /// Returns what row `Prepare` finds.
    pub fn before(&self) -> Before {
        let open = [Side::Source, Side::Target].into_iter().filter(|side| self.open.of(*side)).collect();
        Before { open, new_side_uses: self.uses.of(self.direction.to()), forecast: None }
    }

    /// Lets a part of an effect happen, and checks the rule.
    pub fn apply(&mut self, part: Part, before: Option<&Before>) {
        let (old, new) = (self.direction.from(), self.direction.to());
        let before = || before.expect("a row after `Prepare` knows how it was before");
        match part {
            Part::CloseOld => self.open.set(old, false),
            Part::CloseNew => self.open.set(new, false),
            Part::GuardOld => self.accepts.set(old, false),
            Part::Marker => {
                assert!(self.replicates.of(old), "a marker cannot arrive: {self:?}");
                self.proof.arrived = !self.accepts.of(old);
            }
            Part::Sequences => self.proof.sequences = self.proof.arrived,
            Part::Check => self.proof.equal = self.proof.arrived,
            // It was requested to stop, and may run until it is cut off: that is the worse case.
            Part::StopForward => assert!(self.slot.of(old), "nothing can be resumed: {self:?}"),
            Part::CreateSlot => self.slot.set(new, true),
            Part::CutOff => {
                self.replicates.set(old, false);
                self.slot.set(old, false);
            }
            Part::UseNew => self.uses.set(new, new),
            Part::AcceptNew => {
                let Proof { arrived, sequences, equal } = self.proof;
                assert!(arrived && sequences && equal, "not proven: {self:?}");
                self.accepts.set(new, true);
            }
            Part::OpenNew => self.open.set(new, true),
            Part::UseBefore => self.uses.set(new, before().new_side_uses),
            Part::StopFallback => self.replicates.set(new, false),
            Part::DropSlot => self.slot.set(new, false),
            Part::ResumeForward => {
                assert!(self.slot.of(old), "nothing can be resumed: {self:?}");
                self.replicates.set(old, true);
            }
            Part::AcceptOld => {
                self.accepts.set(old, true);
                self.proof = Proof::default();
            }
            Part::OpenOldAsBefore => self.open.set(old, before().open.contains(&old)),
            Part::OpenNewAsBefore => self.open.set(new, before().open.contains(&new)),
        }
        self.check();
    }

    /// The rule, and what must hold for the next switchover to lose nothing.
    fn check(&self) {
        let sides = [Side::Source, Side::Target];
        assert!(!(self.accepts.source && self.accepts.target), "two databases accept writes: {self:?}");
        assert!(!(self.replicates.source && self.replicates.target), "changes go round in a circle: {self:?}");
        for side in sides {
            let primary = self.accepts.of(self.uses.of(side));
            assert!(!self.open.of(side) || primary, "clients reach a database that is not the primary: {self:?}");
            let is_kept = self.slot.of(side);
            assert!(!self.accepts.of(side) || is_kept, "nothing keeps the writes for the other side: {self:?}");
            assert!(!self.replicates.of(side) || is_kept, "a replication without a slot: {self:?}");
            let other = if side == Side::Source { Side::Target } else { Side::Source };
            let is_written = self.accepts.of(side) && self.replicates.of(other);
            assert!(!is_written, "the old replication can change the primary: {self:?}");
        }
    }

    /// Returns the world of a completed switchover that began in this one. The reverse replication is started later.
    pub fn completed(&self) -> Self {
        let mut end = self.clone();
        let (old, new) = (self.direction.from(), self.direction.to());
        for (side, is_new) in [(old, false), (new, true)] {
            end.accepts.set(side, is_new);
            end.open.set(side, is_new);
            end.replicates.set(side, false);
            end.slot.set(side, is_new);
        }
        end.uses.set(new, new);
        end.proof = Proof::default();
        end
    }

    /// Returns this world without what is proven in it.
    pub fn without_proof(&self) -> Self {
        Self { proof: Proof::default(), ..self.clone() }
    }
}
