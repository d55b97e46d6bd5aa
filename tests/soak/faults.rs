//! What goes wrong, in the middle of an operation, and how everything comes up again.

use std::time::Duration;

use sterna_tests::Fault;

use crate::random::Random;
use crate::world::{Servers, World};

/// A thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// `kill -9` of the front door.
    KillSterna,
    /// `kill -9` of the old platform.
    KillDovecot,
    /// The old platform hangs.
    Freeze(Duration),
    /// The link between the two is cut.
    Cut,
    /// The old platform does the work, and the answer is lost with the link.
    LoseAnswer(u64),
}

impl Trouble {
    pub fn random(random: &mut Random) -> Trouble {
        match random.below(10) {
            0 | 1 => Trouble::KillSterna,
            2 => Trouble::KillDovecot,
            3 | 4 => Trouble::Freeze(Duration::from_millis(100) + random.millis(900)),
            5..=7 => Trouble::Cut,
            _ => Trouble::LoseAnswer(random.below(60) as u64),
        }
    }

    fn kills(self) -> bool {
        matches!(self, Trouble::KillSterna | Trouble::KillDovecot)
    }
}

impl Servers {
    /// Strikes, in the middle of an operation.
    pub fn strike(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::KillSterna => self.sterna.kill_9(),
            Trouble::KillDovecot => self.dovecot.kill_9(),
            Trouble::Cut => self.tap.cut(),
            Trouble::LoseAnswer(bytes) => self.tap.fault_times(1, Fault::CutAnswer(bytes)),
            Trouble::Freeze(time) => {
                self.dovecot.freeze(true);
                std::thread::sleep(time);
                self.dovecot.freeze(false);
            }
        }
    }
}

impl World {
    /// One operation in the middle of which something goes wrong, at once or a little later.
    pub fn operate_in_trouble(&mut self) {
        let trouble = Trouble::random(&mut self.random);
        let after = self.random.millis(6);
        self.note(format!("trouble: {trouble:?} after {after:?}"));
        let servers = self.servers.clone();
        let mut struck = false;
        self.operate(&mut || {
            std::thread::sleep(after);
            servers.borrow_mut().strike(trouble);
            struck = true;
        });
        if !struck {
            servers.borrow_mut().strike(trouble);
        }
        if trouble.kills() {
            self.model.killed();
        }
        let mut servers = servers.borrow_mut();
        match trouble {
            Trouble::KillSterna => servers.sterna.restart(),
            Trouble::KillDovecot => servers.dovecot.restart(),
            // Met by whoever is answered next, if not by this operation.
            Trouble::LoseAnswer(_) | Trouble::Cut | Trouble::Freeze(_) => {}
        }
    }
}
