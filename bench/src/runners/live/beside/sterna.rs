//! Sterna in front of the old platform: a first copy, and the cutover under the connections.

use sterna_tests::{Dovecot, SternaConfig, User};

use super::Way;
use crate::runners::live::stage::Stage;

pub(super) struct Moved {
    stage: Stage,
    user: User,
}

impl Moved {
    pub(super) fn start(old: &Dovecot, user: &User) -> Moved {
        let stage = Stage::start(old, false, &SternaConfig::default());
        stage.account(user);
        Moved { stage, user: user.clone() }
    }
}

impl Way for Moved {
    fn name(&self) -> String {
        format!("Sterna {}: front door, `sterna move cutover`", env!("CARGO_PKG_VERSION"))
    }

    fn port(&self) -> u16 {
        self.stage.sterna.port()
    }

    fn copy(&mut self) {
        self.stage.seed(&self.user);
    }

    fn cut_over(&mut self) {
        self.stage.cut_over(&self.user);
    }
}
