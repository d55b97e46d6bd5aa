//! What authentication found out about a message.

use std::fmt;

/// The result of one method (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to check: no record, no signature.
    #[default]
    None,
    /// Authenticated.
    Pass,
    /// Checked, and not authentic.
    Fail,
    /// SPF: probably not authentic.
    SoftFail,
    /// The domain does not say, or the signature cannot be judged.
    Neutral,
    /// The DNS could not say for the moment, or there was no room to check.
    TempError,
    /// The domain's record or the message is malformed.
    PermError,
}

impl Verdict {
    /// The keyword of the header field.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::Neutral => "neutral",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<mail_auth::SpfResult> for Verdict {
    fn from(result: mail_auth::SpfResult) -> Verdict {
        use mail_auth::SpfResult;
        match result {
            SpfResult::Pass => Verdict::Pass,
            SpfResult::Fail => Verdict::Fail,
            SpfResult::SoftFail => Verdict::SoftFail,
            SpfResult::Neutral => Verdict::Neutral,
            SpfResult::TempError => Verdict::TempError,
            SpfResult::PermError => Verdict::PermError,
            SpfResult::None => Verdict::None,
        }
    }
}

impl From<&mail_auth::DkimResult> for Verdict {
    fn from(result: &mail_auth::DkimResult) -> Verdict {
        use mail_auth::DkimResult;
        match result {
            DkimResult::Pass => Verdict::Pass,
            DkimResult::Neutral(_) => Verdict::Neutral,
            DkimResult::Fail(_) => Verdict::Fail,
            DkimResult::PermError(_) => Verdict::PermError,
            DkimResult::TempError(_) => Verdict::TempError,
            DkimResult::None => Verdict::None,
        }
    }
}

impl From<&mail_auth::DmarcResult> for Verdict {
    fn from(result: &mail_auth::DmarcResult) -> Verdict {
        use mail_auth::DmarcResult;
        match result {
            DmarcResult::Pass => Verdict::Pass,
            DmarcResult::Fail(_) => Verdict::Fail,
            DmarcResult::PermError(_) => Verdict::PermError,
            DmarcResult::TempError(_) => Verdict::TempError,
            DmarcResult::None => Verdict::None,
        }
    }
}

/// What became of one DKIM signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whether it is good.
    pub verdict: Verdict,
    /// Who signed (`d=`), as an A-label in lower case; empty if the field could not be read.
    pub domain: String,
    /// The key's selector (`s=`).
    pub selector: String,
}

/// What to do with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Disposition {
    /// Take it.
    #[default]
    Accept,
    /// Take it as suspicious: into the junk folder.
    Quarantine,
    /// Refuse it for good: `550 5.7.26` (RFC 7372 §3.2's code for several failed checks) and this text of printable
    /// ASCII.
    Reject {
        /// Why, for the sender.
        text: String,
    },
}

/// What authentication found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// Authentication-Results and Received-SPF, folded, each with its CRLF: to stand in front of the message.
    pub header: String,
    /// SPF of MAIL FROM, or of HELO for the null sender.
    pub spf: Verdict,
    /// SPF of the HELO name.
    pub spf_helo: Verdict,
    /// Each DKIM signature that was looked at, ten at most.
    pub dkim: Vec<Signature>,
    /// DMARC of the author's domain; of the worst one if From names several.
    pub dmarc: Verdict,
    /// The ARC chain.
    pub arc: Verdict,
    /// Whether the peer's address has a confirmed name.
    pub iprev: Verdict,
    /// The domains of From, A-labels, five at most.
    pub authors: Vec<String>,
    /// The envelope's sender is who it says: SPF passed for its domain, or a DKIM signature of the same organisation. Bouncing
    /// to it is no backscatter. A From that is authentic is no reason: it may be somebody else's. Never for the null sender.
    pub passed: bool,
    /// What the author's domain asks for, as far as this server follows it.
    pub disposition: Disposition,
}
