//! Finds where HTTP/1.1 requests begin and end (RFC 9112 §6), so that a relay can answer some of them itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::Ordering;

use super::relay::{Direction, Link, Shared};

const HEAD: u64 = 64 * 1024;
const PIECE: usize = 64 * 1024;

/// Forwards the requests of one connection until it ends.
pub(super) fn pump(shared: &Shared, link: &Link) {
    let mut client = BufReader::with_capacity(PIECE, &link.client);
    while let Ok(Some(head)) = read_head(&mut client) {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        link.next_turn();
        let goes_on = match shared.faults.status() {
            Some(status) => answer(&mut client, link, &head, status),
            None => {
                let mut forward = |piece: &[u8]| shared.forward(link, Direction::Request, piece);
                Ok(forward(&head)).and_then(|sent| Ok(sent && body(&mut client, &head, &mut forward)?))
            }
        };
        if !goes_on.unwrap_or(false) {
            break;
        }
    }
    link.desert();
}

/// Reads the request's body, so that the client can write it whole, and answers with an error of S3's form.
fn answer(client: &mut impl BufRead, link: &Link, head: &[u8], status: u16) -> io::Result<bool> {
    // Who waits for leave to send the body gets the refusal instead, and sends none (RFC 9110 §10.1.1).
    let waits = header(head, "expect").is_some();
    if !waits && !body(client, head, &mut |_| true)? {
        return Ok(false);
    }
    let code = if status == 503 { "SlowDown" } else { "InternalError" };
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>");
    let connection = if waits { "close" } else { "keep-alive" };
    let answer = format!(
        "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{text}",
        text.len()
    );
    (&link.client).write_all(answer.as_bytes())?;
    Ok(!waits)
}

/// The request line and the header fields with their final empty line; `None` at the end of the connection.
fn read_head(client: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut limited = client.take(HEAD);
    loop {
        let start = head.len();
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if start > 0 && matches!(&head[start..], b"\r\n" | b"\n") {
            return Ok(Some(head));
        }
    }
}

/// The value of a header field, in lower case.
fn header(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = text.lines().skip(1).find_map(|line| line.split_once(':').filter(|(n, _)| *n == name))?.1;
    Some(value.trim().to_owned())
}

/// Gives the body that follows the head to `sink`, piece by piece; `false` as soon as `sink` says so or it is cut short.
fn body(client: &mut impl BufRead, head: &[u8], sink: &mut impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    if header(head, "transfer-encoding").is_some_and(|v| v.ends_with("chunked")) {
        return chunks(client, sink);
    }
    let length = header(head, "content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    exactly(client, length, sink)
}

fn exactly(client: &mut impl Read, mut left: u64, sink: &mut impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; PIECE];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let n = client.read(&mut buffer[..most])?;
        if n == 0 || !sink(&buffer[..n]) {
            return Ok(false);
        }
        left -= n as u64;
    }
    Ok(true)
}

/// A chunked body with its trailer, framing included (RFC 9112 §7.1).
fn chunks(client: &mut impl BufRead, sink: &mut impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut trailer = false;
    loop {
        let mut line = Vec::new();
        client.take(HEAD).read_until(b'\n', &mut line)?;
        if line.is_empty() || !sink(&line) {
            return Ok(false);
        }
        let text = String::from_utf8_lossy(&line);
        if trailer {
            if text.trim_end().is_empty() {
                return Ok(true);
            }
            continue;
        }
        let digits = text.split(';').next().unwrap_or_default().trim();
        match u64::from_str_radix(digits, 16) {
            Ok(0) => trailer = true,
            // The chunk and the end of its line.
            Ok(size) if exactly(client, size.saturating_add(2), sink)? => {}
            _ => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(input: &str) -> (Vec<u8>, Option<Vec<u8>>, bool) {
        let mut client = input.as_bytes();
        let head = read_head(&mut client).unwrap().unwrap();
        let mut seen = Vec::new();
        let whole = body(&mut client, &head, &mut |piece| {
            seen.extend_from_slice(piece);
            true
        });
        (seen, read_head(&mut client).unwrap(), whole.unwrap())
    }

    #[test]
    fn a_request_ends_where_its_framing_says() {
        let next = "GET /next HTTP/1.1\r\n\r\n";
        for (head, body) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
            ("PUT / HTTP/1.1\r\ncontent-length:  5\r\n\r\n", "hello"),
            (
                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "4;x=y\r\nab\r\n\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
            ),
        ] {
            let (seen, following, whole) = framed(&format!("{head}{body}{next}"));
            assert_eq!((seen, following, whole), (body.as_bytes().to_vec(), Some(next.as_bytes().to_vec()), true));
        }
    }

    #[test]
    fn a_request_that_is_cut_short_is_not_whole() {
        for input in [
            "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(!framed(input).2, "{input}");
        }
        assert_eq!(read_head(&mut &b"GET / HTTP/1.1\r\nHost"[..]).unwrap(), None);
    }
}
