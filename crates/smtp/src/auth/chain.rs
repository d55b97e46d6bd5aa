//! The ARC chain of a message (RFC 8617): what servers that handled it before found, and whether we believe one of them.

use mail_auth::{AuthenticatedMessage, MessageAuthenticator};

use super::AuthConfig;
use super::content::MAX_SIGNED;
use super::verdict::Verdict;
use crate::dns;

/// What became of the chain.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) verdict: Verdict,
    /// The domain of the newest seal; empty: there is none.
    pub(super) sealer: String,
    /// The chain is whole, a trusted server sealed it last, and one found that DMARC passed (RFC 8617 §7.2.1).
    pub(super) vouched: bool,
}

impl Chain {
    /// `whole`: the message has its body.
    pub(super) async fn check(
        asker: &MessageAuthenticator,
        config: &AuthConfig,
        message: &AuthenticatedMessage<'_>,
        whole: bool,
    ) -> Option<Chain> {
        let sealers: Vec<String> =
            message.arc_seals().iter().map(|seal| dns::ascii(&seal.header.d).unwrap_or_default()).collect();
        let sealer = sealers.last().cloned().unwrap_or_default();
        let plain = |verdict, sealer| Some(Chain { verdict, sealer, vouched: false });
        if sealer.is_empty() {
            return plain(Verdict::None, sealer);
        }
        if message.arc_message_signatures().iter().any(|signature| signature.header.h.len() > MAX_SIGNED) {
            return plain(Verdict::PermError, sealer);
        }
        let verdict = match tokio::time::timeout(config.patience, asker.verify_arc(message)).await {
            Ok(output) if whole => output.result().into(),
            _ => return plain(Verdict::TempError, sealer),
        };
        let trusted = |sealer: &String| config.trusted_sealers.iter().any(|name| name.eq_ignore_ascii_case(sealer));
        // The fields of a chain that passed stand in the order of their instances, one of each kind.
        let passed = sealers.iter().zip(message.arc_authentication_results());
        let mut passed = passed.filter(|(_, results)| says_dmarc_passed(results.value)).map(|(sealer, _)| sealer);
        let vouched = verdict == Verdict::Pass && trusted(&sealer) && passed.any(trusted);
        Some(Chain { verdict, sealer, vouched })
    }
}

/// Whether a field of results tells `dmarc=pass`, outside of comments and quoted strings: these hold what senders wrote.
fn says_dmarc_passed(field: &[u8]) -> bool {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for byte in field {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b'"' if depth == 0 => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            _ if quoted || depth > 0 => {}
            byte => text.push(char::from(byte.to_ascii_lowercase())),
        }
    }
    text.split(';').any(|result| {
        let words = result.split_ascii_whitespace().collect::<Vec<&str>>().join(" ").replace(" = ", "=");
        words == "dmarc=pass" || words.starts_with("dmarc=pass ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_itself_can_say_pass() {
        for (field, passed) in [
            ("i=1; mx.test; spf=fail; dmarc=pass (p=none) header.from=a.test", true),
            ("i=1; mx.test; DMARC = Pass\r\n", true),
            ("i=1; mx.test; dmarc=fail", false),
            ("i=1; mx.test; dmarc=passable", false),
            ("i=1; mx.test; spf=pass smtp.mailfrom=\";dmarc=pass;\"@x.test", false),
            ("i=1; mx.test; spf=pass (;dmarc=pass;)", false),
            ("i=1; mx.test; spf=pass (\\);dmarc=pass;)", false),
            ("i=1; mx.test; spf=pass \"\\\";dmarc=pass;\"", false),
            ("", false),
        ] {
            assert_eq!(says_dmarc_passed(field.as_bytes()), passed, "{field}");
        }
    }
}
