//! The move: it follows, flips, and goes back, while clients work and things go wrong.

use std::time::{Duration, Instant};

use sterna_tests::Outcome;

use crate::world::{ADDRESS, PASSWORD, World};

/// A step of the move that takes longer does not come to its end.
const PATIENCE: Duration = Duration::from_secs(240);

/// Operations between two looks at the move.
const BETWEEN: usize = 6;

impl World {
    /// Operations of all clients, with trouble now and then; after each that got no answer the mailboxes are looked at.
    pub fn operations(&mut self, count: usize, trouble: bool) {
        for _ in 0..count {
            match trouble && self.random.one_in(25) {
                true => self.operate_in_trouble(),
                false => self.operate(&mut || {}),
            }
            if self.model.is_unsure() {
                self.settle();
            }
        }
    }

    fn command(&mut self, arguments: &[&str], input: &str) -> Outcome {
        self.note(format!("sterna {}", arguments.join(" ")));
        self.servers.borrow().sterna.cli(arguments, input)
    }

    /// The mailbox is copied, and what changes is followed.
    pub fn follow(&mut self) {
        let from = format!("imap://127.0.0.1:{}?tls=none", self.servers.borrow().tap.port());
        let start = ["move", "start", ADDRESS, "--from", &from, "--user", ADDRESS, "--password-stdin", "--follow"];
        self.command(&start, &format!("{PASSWORD}\n")).success();
        self.until(&["following"]);
    }

    /// The mailbox comes here.
    pub fn cut_over(&mut self) {
        let mut ask = vec!["move", "cutover", ADDRESS, "--attempts", "1000", "--deadline", "5s", "--finish", "1s"];
        // Without it, everything is carried back when a rollback is asked for.
        ask.extend(self.random.one_in(2).then_some("--back-sync"));
        self.command(&ask, "").success();
        self.until(&["flipped", "verified"]);
        self.verify();
    }

    /// The mailbox goes back to the old platform.
    pub fn roll_back(&mut self) {
        let ask = ["move", "rollback", ADDRESS, "--attempts", "1000", "--deadline", "5s", "--finish", "1s"];
        self.command(&ask, "").success();
        self.returning = true;
        self.until(&["rolled-back"]);
        self.take_declared();
        self.verify();
    }

    /// Whoever comes to the old platform first after a rollback reads in the receipt which UIDs are others there. (No session
    /// outlives a rollback: all others come through the door, too.)
    pub fn take_declared(&mut self) {
        if !self.returning {
            return;
        }
        let undone = self.status()["cutover"]["rollback"].clone();
        // The state may be that of an error that lasts.
        if undone["at"].is_null() {
            return;
        }
        self.returning = false;
        for line in texts(&undone["changed_uids"]) {
            self.note(format!("declared: {line}"));
            let folder = line.split(": ").next().unwrap_or_default().replace("Café", "Caf&AOk-");
            self.model.uids_changed(&folder);
            self.clients.iter_mut().for_each(|client| client.forget(&folder));
        }
    }

    fn status(&self) -> serde_json::Value {
        let status = self.servers.borrow().sterna.json(&["move", "status", ADDRESS], "");
        status.as_array().and_then(|all| all.first()).cloned().unwrap_or(status)
    }

    /// Goes on until the move is in one of these states.
    fn until(&mut self, states: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            let state = status["state"].as_str().unwrap_or_default().to_owned();
            if states.contains(&state.as_str()) {
                self.note(format!("the move is {state}"));
                return;
            }
            let undone = &status["cutover"]["rollback"];
            let given_up = undone["refusal"].is_object() && undone["refusal"]["retry_at"].is_null();
            if Instant::now() >= deadline || (given_up && states == ["rolled-back"]) {
                self.fails(&format!("not {states:?}: {status:#}"));
            }
            self.operations(BETWEEN, true);
        }
    }
}

fn texts(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
}
