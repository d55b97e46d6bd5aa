//! GETQUOTA and SETQUOTA (RFC 9208 §4.1).

use super::CommandBody;
use crate::codec::lexer::{Cursor, Parsed};

/// What a quota limits (RFC 9208 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaResource {
    /// STORAGE, in units of 1,024 bytes.
    Storage,
    /// MESSAGE: how many.
    Message,
    /// MAILBOX: how many.
    Mailbox,
    /// ANNOTATION-STORAGE, in units of 1,024 bytes.
    AnnotationStorage,
}

impl QuotaResource {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            QuotaResource::Storage => "STORAGE",
            QuotaResource::Message => "MESSAGE",
            QuotaResource::Mailbox => "MAILBOX",
            QuotaResource::AnnotationStorage => "ANNOTATION-STORAGE",
        }
    }

    /// From the name on the wire, without regard to case.
    pub fn from_name(name: &str) -> Option<QuotaResource> {
        let all = [Self::Storage, Self::Message, Self::Mailbox, Self::AnnotationStorage];
        all.into_iter().find(|r| r.name().eq_ignore_ascii_case(name))
    }
}

/// SETQUOTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetQuota {
    /// The quota root's name.
    pub root: Vec<u8>,
    /// The new limits; a resource that is not named gets none.
    pub limits: Vec<(QuotaResource, u64)>,
}

/// `getquota = "GETQUOTA" SP quota-root-name`
pub(super) fn get_quota(c: &mut Cursor<'_>) -> Parsed<CommandBody> {
    c.sp()?;
    Ok(CommandBody::GetQuota { root: c.astring()?.into_owned() })
}

/// `setquota = "SETQUOTA" SP quota-root-name SP setquota-list`
pub(super) fn set_quota(c: &mut Cursor<'_>) -> Parsed<SetQuota> {
    c.sp()?;
    let root = c.astring()?.into_owned();
    c.sp()?;
    let limits = c.list0(|c| {
        let at = c.clone();
        let resource = QuotaResource::from_name(c.atom()?).ok_or(at.error("a quota resource"))?;
        c.sp()?;
        Ok((resource, c.number64()?))
    })?;
    Ok(SetQuota { root, limits })
}
