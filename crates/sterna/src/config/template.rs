//! The commented `sterna.toml` that `sterna init` writes.

/// The file's text. The host name is known to be one.
pub fn text(hostname: &str) -> String {
    format!(
        r#"# Sterna's configuration. Relative paths are relative to this file. A key that does not exist is an error.

data = "data"                        # this node's own directory, and everything durable of the embedded store
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
engine = "sqlite"                    # one file for each account; nothing else to install or to look after
# engine = "postgres"                # one database for all accounts, that several nodes can serve
# url = "postgres://sterna@db.example.org/sterna?sslmode=require"  # as libpq writes it; require verifies the certificate
# password_file = "/etc/sterna/postgres.password"                  # instead of a password in the URL
# ca = "/etc/sterna/postgres-ca.pem" # who signed its certificate; absent: the authorities that the system trusts
# pool = 16                          # connections of this node at most
# wait = "5s"                        # for a free connection, before clients are told to try again later
# statement_timeout = "30s"          # for one statement

[blobs]
kind = "file"                        # large bodies are files in the account's directory
# kind = "s3"                        # large bodies are objects, which all nodes reach
# endpoint = "https://s3.example.org"  # http:// only on a network that you trust
# bucket = "sterna"                  # it must exist
# region = "us-east-1"               # what requests are signed for; many services do not care
# prefix = "mail/"                   # in front of every object's name
# access_key_id = "sterna"           # absent, and the secret too: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used
# secret_access_key_file = "/etc/sterna/s3.secret"  # or secret_access_key = "…" in this file
# timeout = "30s"                    # for one request
# retry_for = "20s"                  # how long a failed request is tried again before clients are told
# grace = "24h"                      # how long a body stays that nothing names any more (either kind)
# collect_every = "10m"              # how often those are looked for (either kind)

# [limits]
# message = "2G"                     # the largest message that a client may store
# connections = 20000                # at the same time
"#
    )
}
