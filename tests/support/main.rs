//! Proves the support library against real peers: what a suite believes about Dovecot and the clients is true.

mod clients;
mod dovecot;
mod odd_mail;
mod sample;
