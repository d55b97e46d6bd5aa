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
# pop3 = "0.0.0.0:110"               # in the clear, STLS is offered
# pop3s = "0.0.0.0:995"
# smtp = "0.0.0.0:25"                # mail from other servers
# submission = "0.0.0.0:587"         # mail from users, after STARTTLS and a login
# submissions = "0.0.0.0:465"        # the same with implicit TLS
# lmtp = "127.0.0.1:24"              # from a mail server in front of this one; whoever reaches it is trusted
# sieve = "0.0.0.0:4190"             # ManageSieve: users' filters
# http = "0.0.0.0:80"                # autoconfiguration of mail clients
# https = "0.0.0.0:443"

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

# [mail]
# postmaster = "admin@example.org"   # who gets mail for postmaster@ of every domain; absent: only those who have it
# language = "en"                    # of notices to users whose account has none: en | fr
# message = "50M"                    # the largest message that comes in or goes out
# max_recipients = 1000              # of one message
# greylist = false                   # ask unknown senders to come back once
# dnsbl = ["zen.spamhaus.org"]       # block lists that are asked about each peer; absent: none
# reject_dmarc = true                # refuse what fails DMARC where the sender's domain asks for it; false: mark it only
# relay = "smtp://smart.example.net:587?tls=starttls"  # all outgoing mail through this server; absent: to each by itself
# relay_user = "sterna"
# relay_password_file = "/etc/sterna/relay.password"
# outbound_ipv6 = true               # reach other servers over IPv6, too
# outbound_port = 25                 # of other domains' servers; another one makes sense in tests only
# own_addresses = ["203.0.113.9"]    # under which the world reaches this server, where no interface has them (NAT)
# allow_private = false              # send to servers at private addresses: in closed networks only
# per_destination = 20               # connections to one destination at the same time
# connections = 200                  # to all of them
# retry = ["5m", "15m", "30m", "1h", "2h", "4h"]  # pauses between attempts; the last one repeats
# queue_days = 5                     # then mail that cannot be sent goes back

# [dns]
# servers = ["192.0.2.53"]           # absent: those of the system
# timeout = "5s"                     # for one question

# [clients]                          # what mail clients are told. Absent: this host name, and the standard ports of what
# name = "Example Mail"              # is listened for
# imaps = "imap.example.org:993"     # or "none"; also imap, pop3, pop3s, submission, submissions
# url = "https://mail.example.org"   # where the HTTP service is reached from outside
# webmail = "https://webmail.example.org/"  # where users of mailboxes that are here are sent; absent: there is none

# [limits]
# message = "2G"                     # the largest message that a client may store
# connections = 20000                # at the same time
# hourly = 200                       # messages that an account may send in an hour, unless it has a limit of its own
"#
    )
}
