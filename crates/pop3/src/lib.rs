//! POP3: server, and a client for the mover.
