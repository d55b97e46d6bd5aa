//! What mail asks of the DNS.
