//! The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY
//! and ORCPT (RFC 3461), REQUIRETLS (RFC 8689), AUTH (RFC 4954 §5).
//!
//! Each may stand once; one that this server has not announced is refused with 555 (RFC 5321 §4.1.1.11).

use sterna_delivery::Notify;

use super::path;
use super::reply::Reply;

/// RFC 3461 §4.4, characters before decoding.
const MAX_ENVID: usize = 100;
/// RFC 3461 §4.2, characters before decoding.
const MAX_ORCPT: usize = 500;

/// BODY=.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// 7BIT, or nothing said.
    #[default]
    SevenBit,
    /// 8BITMIME.
    EightBit,
    /// BINARYMIME.
    Binary,
}

/// What follows the path of MAIL FROM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MailParams {
    /// Announced bytes.
    pub size: Option<u64>,
    pub body: BodyKind,
    pub smtputf8: bool,
    /// RET=HDRS.
    pub headers_only: Option<bool>,
    /// Decoded.
    pub envid: Option<String>,
    pub require_tls: bool,
}

/// What follows the path of RCPT TO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RcptParams {
    pub notify: Notify,
    /// `type;address`, decoded.
    pub original: Option<String>,
}

fn invalid(name: &str) -> Reply {
    Reply::new(501, "5.5.4", format!("{name} is not valid here"))
}

fn unknown(name: &str) -> Reply {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
    Reply::new(555, "5.5.4", format!("parameter {name} is not known here"))
}

/// Walks over ` NAME[=VALUE]…`; names in upper case.
fn each<'t>(text: &'t str, mut take: impl FnMut(&str, Option<&'t str>) -> Result<(), Reply>) -> Result<(), Reply> {
    let mut seen: Vec<String> = Vec::new();
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(Reply::new(501, "5.5.4", "a space must follow the address"));
    }
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let name = name.to_ascii_uppercase();
        if seen.contains(&name) {
            return Err(invalid(&format!("a second {name}")));
        }
        take(&name, value)?;
        seen.push(name);
    }
    Ok(())
}

impl MailParams {
    /// Reads what follows the path.
    pub fn parse(text: &str) -> Result<MailParams, Reply> {
        let mut params = MailParams::default();
        each(text, |name, value| {
            match (name, value) {
                ("SIZE", Some(digits)) => {
                    let good = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
                    // More than 64 bits is certainly too large.
                    params.size = good.then(|| digits.parse().unwrap_or(u64::MAX));
                    params.size.ok_or_else(|| invalid("SIZE"))?;
                }
                ("BODY", Some(kind)) => {
                    params.body = match kind.to_ascii_uppercase().as_str() {
                        "7BIT" => BodyKind::SevenBit,
                        "8BITMIME" => BodyKind::EightBit,
                        "BINARYMIME" => BodyKind::Binary,
                        _ => return Err(invalid("BODY")),
                    };
                }
                ("SMTPUTF8", None) => params.smtputf8 = true,
                ("REQUIRETLS", None) => params.require_tls = true,
                ("RET", Some(what)) => {
                    params.headers_only = match what.to_ascii_uppercase().as_str() {
                        "FULL" => Some(false),
                        "HDRS" => Some(true),
                        _ => return Err(invalid("RET")),
                    };
                }
                ("ENVID", Some(id)) => {
                    let id = Some(id).filter(|id| id.len() <= MAX_ENVID).and_then(xtext);
                    let id = id.filter(|id| !id.is_empty() && id.bytes().all(|b| matches!(b, b' '..=b'~')));
                    params.envid = Some(id.ok_or_else(|| invalid("ENVID"))?);
                }
                // Who says that somebody else submitted the message is not believed (RFC 4954 §5): checked, not kept.
                ("AUTH", Some(identity)) => {
                    let good = identity == "<>" || xtext(identity).is_some_and(|mailbox| path::is_mailbox(&mailbox));
                    good.then_some(()).ok_or_else(|| invalid("AUTH"))?;
                }
                ("SIZE" | "BODY" | "SMTPUTF8" | "REQUIRETLS" | "RET" | "ENVID" | "AUTH", _) => {
                    return Err(invalid(name));
                }
                _ => return Err(unknown(name)),
            }
            Ok(())
        })?;
        Ok(params)
    }
}

impl RcptParams {
    /// Reads what follows the path.
    pub fn parse(text: &str) -> Result<RcptParams, Reply> {
        let mut params = RcptParams::default();
        each(text, |name, value| {
            match (name, value) {
                ("NOTIFY", Some(value)) => params.notify = notify(value).ok_or_else(|| invalid("NOTIFY"))?,
                ("ORCPT", Some(value)) => {
                    params.original = Some(original(value).ok_or_else(|| invalid("ORCPT"))?);
                }
                ("NOTIFY" | "ORCPT", None) => return Err(invalid(name)),
                _ => return Err(unknown(name)),
            }
            Ok(())
        })?;
        Ok(params)
    }
}

/// RFC 3461 §4.1: NEVER alone, or any of the others.
fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        let flag = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return None,
        };
        *flag = true;
    }
    Some(notify)
}

/// RFC 3461 §4.2 and RFC 6533 §3: `type;xtext`. What it decodes to goes into a notice, so it has no line ends.
fn original(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';').filter(|_| value.len() <= MAX_ORCPT)?;
    let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let address = xtext(address).filter(|a| !a.is_empty() && !a.contains(char::is_control))?;
    atom.then(|| format!("{};{address}", kind.to_ascii_lowercase()))
}

/// RFC 3461 §4: `+` and two hexadecimal digits in upper case stand for a byte. What comes out is UTF-8.
fn xtext(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |b: Option<u8>| match b? {
        b @ b'0'..=b'9' => Some(b - b'0'),
        b @ b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(digit(bytes.next())? << 4 | digit(bytes.next())?),
            b'=' | ..=b' ' | 0x7f => return None,
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parameters_are_read() {
        let text = " size=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ+2B314 REQUIRETLS AUTH=ada+40example.org";
        let params = MailParams::parse(text).unwrap();
        assert_eq!((params.size, params.body, params.headers_only), (Some(1000), BodyKind::EightBit, Some(true)));
        assert!(params.smtputf8 && params.require_tls);
        assert_eq!(params.envid.as_deref(), Some("QQ+314"));
        let params = RcptParams::parse(" NOTIFY=success,DELAY ORCPT=rfc822;a+2Bb@example.org").unwrap();
        assert_eq!(params.notify, Notify { success: true, failure: false, delay: true });
        assert_eq!(params.original.as_deref(), Some("rfc822;a+b@example.org"));
        assert_eq!(RcptParams::parse(" NOTIFY=NEVER").unwrap().notify, Notify::NEVER);
        assert_eq!(MailParams::parse(" AUTH=<>").unwrap(), MailParams::default());
        assert_eq!(MailParams::parse(" SIZE=99999999999999999999").unwrap().size, Some(u64::MAX));
    }

    #[test]
    fn what_is_wrong_is_told_apart_from_what_is_unknown() {
        for bad in [
            "X",
            " SIZE",
            " SIZE=",
            " SIZE=-1",
            " SIZE=1 SIZE=1",
            " SIZE=123456789012345678901",
            " BODY=9BIT",
            " SMTPUTF8=1",
            " RET=ALL",
            " ENVID=+4",
            " ENVID=+0D+0A",
            " ENVID=",
            " AUTH=x",
            " AUTH=+FF@x",
        ] {
            assert_eq!(MailParams::parse(bad).unwrap_err().code, 501, "{bad}");
        }
        for bad in [
            " NOTIFY=NEVER,SUCCESS",
            " NOTIFY=",
            " NOTIFY",
            " ORCPT=a@b",
            " ORCPT=;a",
            " ORCPT=rfc822;a+0Ab",
            " ORCPT=r/c;a",
            " NOTIFY=DELAY NOTIFY=DELAY",
            " ORCPT=rfc822;a=b",
            " ORCPT=rfc822;a+2b",
        ] {
            assert_eq!(RcptParams::parse(bad).unwrap_err().code, 501, "{bad}");
        }
        assert_eq!(MailParams::parse(" HOLDFOR=5").unwrap_err().code, 555);
        assert_eq!(RcptParams::parse(" SIZE=5").unwrap_err().code, 555);
    }
}
