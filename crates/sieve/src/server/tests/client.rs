//! A client that is not ours: Debian's sieve-connect.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use sterna_tests::{Outcome, peer, run};

use super::{PASSWORD, Server, USER};

/// Runs it with the password on its standard input.
async fn sieve_connect(server: &Server, arguments: &[&str]) -> Outcome {
    let program = peer::require("sieve-connect", "sieve-connect");
    let mut authority = tempfile::NamedTempFile::new().unwrap();
    authority.write_all(server.certificate.as_bytes()).unwrap();
    let mut command = Command::new(program);
    command.args(["--server", "127.0.0.1", "--nosrv", "--port", &server.address.port().to_string()]);
    command.args(["--tlshostname", "localhost", "--tlscafile"]).arg(authority.path());
    command.args(["--user", USER, "--passwordfd", "0", "--authmech", "PLAIN"]).args(arguments);
    let input = format!("{PASSWORD}\n");
    let work = move || run(&mut command, input.as_bytes(), Duration::from_secs(60));
    let outcome = tokio::task::spawn_blocking(work).await.unwrap();
    drop(authority);
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sieve_connect_looks_after_scripts() {
    let server = Server::start(|config| config.plaintext = sterna_net::PlaintextPolicy::Never).await;
    let dir = tempfile::tempdir().unwrap();
    let (local, back) = (dir.path().join("mine.sieve"), dir.path().join("back.sieve"));
    let script = "require [\"fileinto\"];\r\nif header :contains \"subject\" \"été\" {\r\n  fileinto \"Été\";\r\n}\r\n";
    std::fs::write(&local, script).unwrap();
    let (local, back) = (local.to_str().unwrap(), back.to_str().unwrap());
    sieve_connect(&server, &["--localsieve", local, "--remotesieve", "mine", "--upload"]).await.success();
    sieve_connect(&server, &["--remotesieve", "mine", "--activate"]).await.success();
    let list = sieve_connect(&server, &["--list"]).await.success();
    assert!(list.stdout.contains("\"mine\"") && list.stdout.contains("ACTIVE"), "{}", list.stdout);
    sieve_connect(&server, &["--localsieve", back, "--remotesieve", "mine", "--download"]).await.success();
    assert_eq!(std::fs::read_to_string(back).unwrap(), script);
    assert_eq!(server.account.read(|tx| tx.active_sieve()).await.unwrap(), Some(("mine".into(), script.into())));
    sieve_connect(&server, &["--localsieve", local, "--checkscript"]).await.success();
    std::fs::write(local, "keep;\nnonsense;\n").unwrap();
    let refused = sieve_connect(&server, &["--localsieve", local, "--remotesieve", "mine", "--upload"]).await;
    assert!(!refused.status.success());
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("line 2"), "{refused:?}");
    sieve_connect(&server, &["--deactivate"]).await.success();
    sieve_connect(&server, &["--remotesieve", "mine", "--delete"]).await.success();
    assert!(server.account.read(|tx| tx.sieve_scripts()).await.unwrap().is_empty());
}
