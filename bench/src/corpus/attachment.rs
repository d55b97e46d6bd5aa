//! Attached files: of the types that offices send, some incompressible (PDF, images, archives), some not (tables, text).

use super::encode::{base64_lines, parameter};
use super::rng::Rng;
use super::words;

/// File extension, media type, the bytes such a file begins with, and whether the rest compresses.
const KINDS: &[(&str, &str, &[u8], bool)] = &[
    ("pdf", "application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", false),
    ("jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01", false),
    ("png", "image/png", b"\x89PNG\r\n\x1a\n", false),
    ("zip", "application/zip", b"PK\x03\x04\x14\0\0\0\x08\0", false),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        b"PK\x03\x04\x14\0\x06\0",
        false,
    ),
    ("csv", "text/csv; charset=utf-8", b"date;client;montant\r\n", true),
    ("bmp", "image/bmp", b"BM", true),
    ("doc", "application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", true),
];

/// The largest attachment of a corpus, before its encoding.
const LARGEST: usize = 12_000_000;

/// Appends one body part with its headers, after a boundary line.
pub fn push(out: &mut Vec<u8>, rng: &mut Rng, median: f64) {
    let length = rng.lognormal(median, 1.3, LARGEST).max(200);
    let (extension, media_type, magic, compressible) = rng
        .pick_index(KINDS.len())
        .and_then(|i| KINDS.get(i))
        .copied()
        .unwrap_or(("bin", "application/octet-stream", b"", false));
    let name = format!("{}.{extension}", rng.pick(words::FILES));
    let head = format!(
        "Content-Type: {media_type};\r\n {}\r\nContent-Disposition: attachment;\r\n {};\r\n size={length}\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
        parameter("name", &name),
        parameter("filename", &name),
    );
    out.extend_from_slice(head.as_bytes());
    let mut content = magic.to_vec();
    // Numbers of their own, so that a longer file does not change what follows it.
    let mut rng = Rng::new(rng.next_u64());
    if compressible {
        while content.len() < length {
            // A row of a table: the same shape again and again, with other figures.
            let row = format!(
                "2024-{:02}-{:02};{};{}\r\n",
                rng.below(12) + 1,
                rng.below(28) + 1,
                rng.pick(words::FAMILY),
                rng.below(100_000)
            );
            content.extend_from_slice(row.as_bytes());
        }
        content.truncate(length);
    } else {
        content.extend_from_slice(&rng.bytes(length.saturating_sub(magic.len())));
    }
    base64_lines(out, &content);
}
