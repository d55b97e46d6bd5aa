//! The queue's runner: what is due goes out, comes back later, or is bounced.
