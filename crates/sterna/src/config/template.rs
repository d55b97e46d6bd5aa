//! The commented `sterna.toml` that `sterna init` writes.

/// The file's text. The host name is known to be one.
pub fn text(hostname: &str) -> String {
    format!(
        r#"# Sterna's configuration. Relative paths are relative to this file. A key that does not exist is an error.

data = "data"                        # everything durable; one process at a time has it open
hostname = "{hostname}"              # in greetings and certificates

[listen]                             # absent: not listening. One address, or a list of them
imap = "127.0.0.1:1143"              # in the clear, STARTTLS is offered
# imaps = ["0.0.0.0:993", "[::]:993"]  # implicit TLS

# [tls]                              # absent: a self-signed certificate is made and kept, with a warning
# cert = "/etc/ssl/mail.pem"         # the chain, the server's own certificate first
# key = "/etc/ssl/mail.key"

[auth]
plaintext = "loopback"               # passwords without TLS: never | loopback | always

[store]
engine = "sqlite"

[blobs]
kind = "file"

# [limits]
# message = "2G"                     # the largest message that a client may store
# connections = 20000                # at the same time
"#
    )
}
