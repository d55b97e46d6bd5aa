//! Clients that want too much: RFC 5804 §1.3 QUOTA, and those who mean harm.

use std::time::Duration;

use super::{Server, login};

#[tokio::test]
async fn scripts_have_a_number_and_a_size() {
    let server = Server::start(|config| {
        config.max_scripts = 2;
        config.limits.script = 5000;
    })
    .await;
    let mut client = server.login().await;
    client.ok("PUTSCRIPT \"a\" \"keep;\"").await;
    client.ok("PUTSCRIPT \"b\" \"keep;\"").await;
    assert!(client.command("PUTSCRIPT \"c\" \"keep;\"").await.starts_with("NO (QUOTA/MAXSCRIPTS) "));
    assert!(client.command("HAVESPACE \"c\" 10").await.starts_with("NO (QUOTA/MAXSCRIPTS) "));
    client.ok("HAVESPACE \"b\" 10").await;
    client.ok("PUTSCRIPT \"b\" \"stop;\"").await;
    assert!(client.command("HAVESPACE \"b\" 5001").await.starts_with("NO (QUOTA/MAXSIZE) "));
    let just_too_long = format!("#{}\n", "x".repeat(4999));
    let put = format!("PUTSCRIPT \"b\" {{{}+}}\r\n{just_too_long}", just_too_long.len());
    assert!(client.command(&put).await.starts_with("NO (QUOTA/MAXSIZE) "));
    let far_too_long = "x".repeat(3 << 20);
    for plus in ["+", ""] {
        let put = format!("PUTSCRIPT \"b\" {{{}{plus}}}\r\n{far_too_long}", far_too_long.len());
        assert!(client.command(&put).await.starts_with("NO (QUOTA/MAXSIZE) "));
    }
    assert_eq!(client.command("GETSCRIPT \"b\"").await, "{5}\r\nstop;\r\nOK \"done\"\r\n");
    assert!(client.command("PUTSCRIPT \"b\" {99999999999+}").await.starts_with("BYE (QUOTA/MAXSIZE) "));
}

#[tokio::test]
async fn a_line_without_an_end_ends_the_connection() {
    let server = Server::start(|_| {}).await;
    for beginning in ["", "NOOP \"", "PUTSCRIPT \"a\" {", "\\", "\r"] {
        let mut client = server.connect().await;
        client.send(beginning).await;
        client.send("x".repeat(20_000)).await;
        assert!(client.answer().await.contains("BYE "), "{beginning:?}");
    }
    let mut client = server.connect().await;
    assert!(client.command("NOOP {5000+}").await.starts_with("BYE (QUOTA/MAXSIZE) "), "before login little is held");
}

#[tokio::test]
async fn who_only_talks_nonsense_is_sent_away() {
    let server = Server::start(|_| {}).await;
    let mut client = server.connect().await;
    for _ in 0..20 {
        assert!(client.command("NONSENSE {3+}\r\nabc \"").await.starts_with("NO "));
    }
    assert!(client.command("NONSENSE").await.starts_with("BYE "));
}

#[tokio::test]
async fn time_to_log_in_is_short_and_not_lengthened_by_talking() {
    let server = Server::start(|config| config.login_timeout = Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    let started = std::time::Instant::now();
    loop {
        let answer = client.command("NOOP").await;
        if answer.starts_with("BYE ") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{answer}");
    }
    let mut client = server.connect().await;
    client.ok(&login()).await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye_at_a_command_boundary() {
    let server = Server::start(|_| {}).await;
    let mut client = server.login().await;
    server.shutdown.send(true).unwrap();
    assert!(client.answer().await.starts_with("BYE (TRYLATER) "));
    assert_eq!(client.line().await, "");
}
