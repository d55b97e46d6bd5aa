//! One side of a relayed session, as all relays have it.

pub(super) use sterna_net::{WIRE_FULL as FULL, Wire};
