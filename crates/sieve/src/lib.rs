//! Sieve scripts: compiled, run over a message; ManageSieve.
