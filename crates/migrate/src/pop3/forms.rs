//! Forms of unique ids from which the IMAP UID can be read: what common servers make when nothing else is set.
//!
//! A form is only believed where it fits every message that is listed; see [`super::matching`].

use sterna_core::{Uid, UidValidity};

/// How a server writes UIDVALIDITY and UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Dovecot's `%08Xu%08Xv`: eight hexadecimal digits each, UID first.
    Dovecot,
    /// Cyrus' `%v.%u`: decimal, UIDVALIDITY first.
    Cyrus,
    /// Courier's `UID%u-%v`.
    Courier,
    /// The UID alone, decimal: old Cyrus, and others by chance.
    Uid,
}

impl Form {
    pub const ALL: [Form; 4] = [Form::Dovecot, Form::Cyrus, Form::Courier, Form::Uid];

    /// The UID that an id names; `None` if it has another form, or speaks of another UIDVALIDITY.
    pub fn uid(self, uidl: &str, validity: UidValidity) -> Option<Uid> {
        let (uid, of) = match self {
            Form::Dovecot => {
                let (uid, of) = (uidl.get(..8)?, uidl.get(8..)?);
                let hex = |text: &str| u32::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+'));
                (hex(uid)?, Some(hex(of).filter(|_| of.len() == 8)?))
            }
            Form::Cyrus => {
                let (of, uid) = uidl.split_once('.')?;
                (decimal(uid)?, Some(decimal(of)?))
            }
            Form::Courier => {
                let (uid, of) = uidl.strip_prefix("UID")?.split_once('-')?;
                (decimal(uid)?, Some(decimal(of)?))
            }
            Form::Uid => (decimal(uidl)?, None),
        };
        Uid::new(uid).filter(|_| of.is_none_or(|of| of == validity.get()))
    }

    /// Whether it names UIDVALIDITY too, so that it cannot fit by chance.
    pub fn is_certain(self) -> bool {
        self != Form::Uid
    }
}

fn decimal(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_another_uidvalidity_is_not() {
        let validity = UidValidity::new(0x6a1b_2c3d).unwrap();
        let uid = |form: Form, uidl: &str| form.uid(uidl, validity).map(Uid::get);
        assert_eq!(uid(Form::Dovecot, "0000001f6a1b2c3d"), Some(31));
        assert_eq!(uid(Form::Dovecot, "0000001F6A1B2C3D"), Some(31));
        assert_eq!(uid(Form::Cyrus, "1780165693.31"), Some(31));
        assert_eq!(uid(Form::Courier, "UID31-1780165693"), Some(31));
        assert_eq!(uid(Form::Uid, "31"), Some(31));
        for (form, uidl) in [
            (Form::Dovecot, "0000001f6a1b2c3e"),
            (Form::Dovecot, "0000001f6a1b2c3d0"),
            (Form::Dovecot, "0000001f"),
            (Form::Dovecot, "000é001f6a1b2c3d"),
            (Form::Dovecot, "000000006a1b2c3d"),
            (Form::Dovecot, "+000001f6a1b2c3d"),
            (Form::Cyrus, "1.31"),
            (Form::Cyrus, "1780165693.+31"),
            (Form::Courier, "UID31-7"),
            (Form::Uid, ""),
            (Form::Uid, "4294967296"),
        ] {
            assert_eq!(uid(form, uidl), None, "{form:?} {uidl}");
        }
    }
}
