//! One message: who writes to whom about what, in answer to which other message, and its bytes.

use std::fmt::Write as _;

use sterna_core::DateTime;

use super::encode::{header_text, quoted_printable};
use super::rng::Rng;
use super::{Profile, attachment, words};

/// Of 100 messages so many carry attachments.
const WITH_ATTACHMENT: u64 = 18;
/// Of 100 messages so many have a second form in HTML.
const WITH_HTML: u64 = 40;
/// A References field keeps at most so many identifiers.
const REFERENCES: usize = 12;

/// What is known of a message before its text is written; answers are made from it.
#[derive(Clone, Debug)]
pub struct Draft {
    message_id: String,
    references: Vec<String>,
    subject: String,
    from: Person,
    to: Vec<Person>,
    date: DateTime,
}

#[derive(Clone, Debug)]
struct Person {
    name: String,
    address: String,
}

impl Person {
    fn new(rng: &mut Rng) -> Person {
        let (given, family) = (rng.pick(words::GIVEN), rng.pick(words::FAMILY));
        let local: String = format!("{given}.{family}").to_lowercase().chars().filter_map(unaccented).collect();
        Person { name: format!("{given} {family}"), address: format!("{local}@{}", rng.pick(words::DOMAINS)) }
    }

    fn header(&self) -> String {
        match self.name.is_ascii() {
            true => format!("\"{}\" <{}>", self.name, self.address),
            false => format!("{} <{}>", header_text(&self.name), self.address),
        }
    }
}

/// The letter without its accent; `None` for what an address does not hold.
fn unaccented(letter: char) -> Option<char> {
    Some(match letter {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'à' | 'â' => 'a',
        'î' | 'ï' => 'i',
        'ô' => 'o',
        'ü' | 'û' => 'u',
        'ç' => 'c',
        '\'' => return None,
        other => other,
    })
}

impl Draft {
    /// A new message, or an answer to another.
    pub fn new(rng: &mut Rng, number: usize, arrival: DateTime, answered: Option<&Draft>) -> Draft {
        let from = Person::new(rng);
        let domain = from.address.rsplit('@').next().unwrap_or_default();
        let message_id = format!("<{:x}.{number}@{domain}>", rng.next_u64());
        let date = DateTime { unix: arrival.unix - rng.below(40) as i64, offset: arrival.offset };
        match answered {
            Some(parent) => {
                let mut references = parent.references.clone();
                references.push(parent.message_id.clone());
                if references.len() > REFERENCES {
                    references.remove(1);
                }
                let subject = match parent.subject.starts_with("Re: ") {
                    true => parent.subject.clone(),
                    false => format!("Re: {}", parent.subject),
                };
                Draft { message_id, references, subject, from, to: vec![parent.from.clone()], date }
            }
            None => {
                let to = (0..1 + rng.below(3) * rng.below(2)).map(|_| Person::new(rng)).collect();
                Draft {
                    message_id,
                    references: Vec::new(),
                    subject: rng.pick(words::SUBJECTS).to_owned(),
                    from,
                    to,
                    date,
                }
            }
        }
    }

    /// The whole message.
    pub fn render(&self, rng: &mut Rng, profile: Profile) -> Vec<u8> {
        let text = text(rng, profile.text_median());
        let attachments = profile.attachment_median().filter(|_| rng.below(100) < WITH_ATTACHMENT);
        let html = profile != Profile::Many && rng.below(100) < WITH_HTML;
        let mut out = self.header(rng).into_bytes();
        let boundary = format!("=_{:016x}", rng.next_u64());
        match attachments {
            Some(median) => {
                let head = format!("Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n");
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                push_text(&mut out, rng, &text, html);
                for _ in 0..1 + rng.below(2) * rng.below(2) {
                    out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                    attachment::push(&mut out, rng, median);
                }
                out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            }
            None => push_text(&mut out, rng, &text, html),
        }
        out
    }

    fn header(&self, rng: &mut Rng) -> String {
        let (day, hour, minute, second) = self.date.civil();
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][self.date.local_day().rem_euclid(7) as usize];
        let (sign, zone) = (if self.date.offset < 0 { '-' } else { '+' }, self.date.offset.unsigned_abs());
        let date = format!(
            "{weekday}, {} {} {} {hour:02}:{minute:02}:{second:02} {sign}{:02}{:02}",
            day.day,
            day.month_name(),
            day.year,
            zone / 60,
            zone % 60
        );
        let recipients: Vec<_> = self.to.iter().map(Person::header).collect();
        let domain = self.from.address.rsplit('@').next().unwrap_or_default();
        let mut out = format!(
            "Return-Path: <{}>\r\nReceived: from mail.{domain} (mail.{domain} [192.0.2.{}])\r\n\tby mx.example.net with ESMTPS id {:010X}\r\n\t\
             for <{}>; {date}\r\nMessage-ID: {}\r\nDate: {date}\r\nFrom: {}\r\nTo: {}\r\nSubject: {}\r\nMIME-Version: 1.0\r\n",
            self.from.address,
            rng.below(254) + 1,
            rng.below(1 << 40),
            self.to.first().map_or("", |p| &p.address),
            self.message_id,
            self.from.header(),
            recipients.join(",\r\n "),
            header_text(&self.subject),
        );
        if let Some(parent) = self.references.last() {
            let _ = write!(out, "In-Reply-To: {parent}\r\nReferences: {}\r\n", self.references.join("\r\n "));
        }
        out
    }
}

/// Paragraphs of words, about `median` bytes in half of the messages.
fn text(rng: &mut Rng, median: f64) -> String {
    let length = rng.lognormal(median, 0.8, 200_000).max(60);
    let mut out = String::with_capacity(length + 200);
    let mut column = 0;
    while out.len() < length {
        let word = rng.pick(words::WORDS);
        if column + word.len() > 76 {
            // Now and then an empty line: a new paragraph.
            out.push_str(if rng.below(6) == 0 { ".\r\n\r\n" } else { "\r\n" });
            column = 0;
        } else if column > 0 {
            out.push(' ');
        }
        out.push_str(word);
        column += word.len() + 1;
    }
    out.push_str(".\r\n");
    out
}

/// The text with its headers, followed by its HTML form if wanted.
fn push_text(out: &mut Vec<u8>, rng: &mut Rng, text: &str, html: bool) {
    if !html {
        push_part(out, "text/plain", text);
        return;
    }
    let boundary = format!("-=alt{:012x}", rng.below(1 << 48));
    let head = format!("Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n");
    out.extend_from_slice(head.as_bytes());
    push_part(out, "text/plain", text);
    out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
    let mut page = String::from(
        "<!DOCTYPE html>\r\n<html><head><meta charset=\"utf-8\"><style>p{margin:0 0 1em}</style></head><body>\r\n",
    );
    for paragraph in text.split("\r\n\r\n") {
        let _ = write!(page, "<p style=\"font-family:Calibri,sans-serif;font-size:11pt\">{paragraph}</p>\r\n");
    }
    page.push_str("</body></html>\r\n");
    push_part(out, "text/html", &page);
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
}

fn push_part(out: &mut Vec<u8>, media_type: &str, text: &str) {
    let encoding = if text.is_ascii() { "7bit" } else { "quoted-printable" };
    let head = format!("Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
    match text.is_ascii() {
        true => out.extend_from_slice(text.as_bytes()),
        false => quoted_printable(out, text),
    }
}
