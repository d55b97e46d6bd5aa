//! The live move is struck at every named step: Sterna dies, the old server dies or hangs, or the link between the two is
//! cut, while clients append, flag, expunge and idle, and mail comes in by both sides. Then the move comes to its end by itself,
//! every client is back at work, and everything that was promised is there once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)] // A failure here is a failed test.

#[path = "../soak/client.rs"]
#[allow(dead_code)] // Some of it is for the suite it lies in, as of the others.
mod client;
mod look;
mod mail;
#[path = "../soak/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../soak/view.rs"]
#[allow(dead_code)]
mod view;
#[path = "../soak/wire.rs"]
mod wire;
mod worker;
mod world;

use world::{Strike, Way, World};

/// The strikes at each step.
macro_rules! strikes {
    ($way:expr; $($name:ident: $step:literal,)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn sterna_is_killed() {
                World::struck($way, $step, Strike::KillSterna);
            }

            #[test]
            fn the_old_server_is_killed() {
                World::struck($way, $step, Strike::KillOld);
            }

            #[test]
            fn the_old_server_hangs() {
                World::struck($way, $step, Strike::FreezeOld);
            }

            #[test]
            fn the_link_is_cut() {
                World::struck($way, $step, Strike::Cut);
            }
        }
    )*};
}

mod cutover {
    use super::*;

    strikes! { Way::Here;
        preparing: "preparing",
        prepared: "prepared",
        hold_placed: "hold placed",
        sessions_parked: "held",
        last_changes: "last changes",
        compared: "compared",
        before_the_flip: "flipping",
        after_the_flip: "route changed",
        sessions_freed: "flipped",
        stragglers: "straggled",
        verifying: "verifying",
        verified: "verified",
    }
}

mod rollback {
    use super::*;

    strikes! { Way::Back;
        returning: "returning",
        messages_announced: "messages announced",
        messages_sent: "messages sent",
        messages_carried: "messages carried back",
        carried: "carried back",
        hold_placed: "hold placed",
        sessions_parked: "held back",
        before_the_flip: "flipping back",
        after_the_flip: "route changed back",
        sessions_ended: "rolled back",
        mirrored: "mirrored",
    }
}

mod back_sync {
    use super::*;

    strikes! { Way::Kept;
        messages_announced: "messages announced",
        messages_sent: "messages sent",
        messages_carried: "messages carried back",
        up_to_date: "back-synced",
    }
}
