//! A server that says what its script says, and fails the test if the client does not.

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

/// What the client sent.
#[derive(Debug, Default)]
pub struct Played {
    /// The messages, as they came over the wire, without the final dot.
    pub messages: Vec<String>,
    /// The lines, without their ends.
    pub lines: Vec<String>,
}

/// Follows a script: `< line` is sent, `> line` must begin what the client sends next, `data` reads a message up to its dot,
/// `bdat N` reads N bytes of one, `stall` waits for ever. At the end of the script it closes.
pub async fn play(stream: impl AsyncRead + AsyncWrite + Unpin, script: String) -> Played {
    let (mut stream, mut played) = (BufReader::new(stream), Played::default());
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty()) {
        if let Some(line) = step.strip_prefix("< ") {
            // The client may have gone.
            let _ = stream.write_all(format!("{line}\r\n").as_bytes()).await;
        } else if let Some(expected) = step.strip_prefix("> ") {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            assert!(line.starts_with(expected) && line.ends_with("\r\n"), "wanted {expected:?}, got {line:?}");
            played.lines.push(line.trim_end().to_owned());
        } else if step == "data" {
            let mut message = String::from("\r\n");
            while !message.ends_with("\r\n.\r\n") {
                assert_ne!(stream.read_line(&mut message).await.unwrap(), 0, "the message has no end: {message:?}");
            }
            played.messages.push(message[2..message.len() - 3].to_owned());
        } else if let Some(count) = step.strip_prefix("bdat ") {
            let mut bytes = vec![0; count.parse().unwrap()];
            stream.read_exact(&mut bytes).await.unwrap();
            played.messages.push(String::from_utf8(bytes).unwrap());
        } else if step == "stall" {
            std::future::pending::<()>().await;
        } else {
            panic!("unknown step {step:?}");
        }
    }
    played
}
