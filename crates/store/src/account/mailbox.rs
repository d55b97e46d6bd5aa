//! Mailboxes: create, rename, delete, list. A mailbox is a node with a parent and one name component.

use std::num::NonZeroU32;

use sterna_core::{EmailId, MailboxId, ModSeq, Role, SystemFlags, Uid, UidValidity};

use crate::db::{Row, Tx, Val, vals};
use crate::error::{Error, Result};

/// What a tombstone stands for.
pub(crate) const GONE_MESSAGE: i64 = 1;
pub(crate) const GONE_MAILBOX: i64 = 2;
pub(crate) const GONE_EMAIL: i64 = 3;

/// The parent number of a top-level mailbox.
pub(crate) const ROOT: u64 = 0;

/// One mailbox as stored. Counts are exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Survives a rename.
    pub id: MailboxId,
    /// `None`: top level.
    pub parent: Option<MailboxId>,
    /// One component of the path, any text.
    pub name: String,
    /// The component as it stood on a source's wire, where modified UTF-7 of `name` would not give it back.
    pub raw_name: Option<Vec<u8>>,
    /// Special use; INBOX has [`Role::Inbox`].
    pub role: Option<Role>,
    /// RFC 9051 §2.3.1.1.
    pub uid_validity: UidValidity,
    /// The next UID, 1 to 2³²; 2³² when none is left.
    pub uid_next: u64,
    /// RFC 7162 §3.1.2.1; never falls.
    pub highest_modseq: ModSeq,
    /// Expunges are known for every change after this modseq; for older states all that is missing must be told.
    pub expunge_floor: ModSeq,
    /// The account's clock when messages were last written with a source's modseqs.
    pub import_modseq: ModSeq,
    /// When it was created.
    pub created_modseq: ModSeq,
    /// Last change of name, place, role or subscription.
    pub modseq: ModSeq,
    /// Listed by LSUB.
    pub subscribed: bool,
    /// `false`: a mere parent that holds no messages (`\NoSelect`).
    pub selectable: bool,
    /// Messages.
    pub total: u32,
    /// Messages without `\Seen`.
    pub unseen: u32,
    /// Messages with `\Deleted`.
    pub deleted: u32,
    /// Sum of the message sizes, bytes.
    pub bytes: u64,
}

/// What a new mailbox is made from. Everything that identifies it can come from a source.
#[derive(Clone, Debug, Default)]
pub struct NewMailbox {
    /// `None`: top level.
    pub parent: Option<MailboxId>,
    /// One component, not empty.
    pub name: String,
    /// See [`Mailbox::raw_name`].
    pub raw_name: Option<Vec<u8>>,
    /// Refused if another mailbox has it.
    pub role: Option<Role>,
    /// `None`: a value that this account has not used yet.
    pub uid_validity: Option<UidValidity>,
    /// Listed by LSUB.
    pub subscribed: bool,
    /// A mere parent.
    pub no_select: bool,
}

impl NewMailbox {
    /// A top-level mailbox with nothing special about it.
    pub fn named(name: &str) -> NewMailbox {
        NewMailbox { name: name.to_owned(), ..NewMailbox::default() }
    }
}

const COLUMNS: &str = "id, parent_id, name, raw_name, role, uid_validity, uid_next, highest_modseq, expunge_floor, \
     import_modseq, created_modseq, modseq, subscribed, selectable, total, unseen, deleted, bytes";

fn from_row(r: &Row<'_>) -> Result<Mailbox> {
    Ok(Mailbox {
        id: MailboxId(r.u64(0)?),
        parent: Some(r.u64(1)?).filter(|p| *p != ROOT).map(MailboxId),
        name: r.text(2)?.to_owned(),
        raw_name: r.opt_blob(3)?.map(<[u8]>::to_vec),
        role: r.opt_text(4)?.and_then(Role::from_name),
        uid_validity: UidValidity::new(r.u32(5)?).ok_or_else(|| Error::Corrupt("UIDVALIDITY is 0".into()))?,
        uid_next: r.u64(6)?,
        highest_modseq: ModSeq(r.u64(7)?),
        expunge_floor: ModSeq(r.u64(8)?),
        import_modseq: ModSeq(r.u64(9)?),
        created_modseq: ModSeq(r.u64(10)?),
        modseq: ModSeq(r.u64(11)?),
        subscribed: r.bool(12)?,
        selectable: r.bool(13)?,
        total: r.u32(14)?,
        unseen: r.u32(15)?,
        deleted: r.u32(16)?,
        bytes: r.u64(17)?,
    })
}

impl Tx<'_> {
    /// All mailboxes, in the order of their creation.
    pub fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        let sql = ["SELECT ", COLUMNS, " FROM mailbox WHERE account_id = ?1 ORDER BY id"].concat();
        self.query(&sql, vals![self.account], from_row)
    }

    /// One mailbox, if it exists.
    pub fn find_mailbox(&self, id: MailboxId) -> Result<Option<Mailbox>> {
        let sql = ["SELECT ", COLUMNS, " FROM mailbox WHERE account_id = ?1 AND id = ?2"].concat();
        self.one(&sql, vals![self.account, id], from_row)
    }

    /// One mailbox that must exist.
    pub fn mailbox(&self, id: MailboxId) -> Result<Mailbox> {
        self.find_mailbox(id)?.ok_or(Error::NoSuchMailbox(id))
    }

    /// Creates a mailbox. Its parent must exist; siblings differ in name, INBOX's name is taken in every case.
    pub fn create_mailbox(&self, new: &NewMailbox) -> Result<Mailbox> {
        check_name(&new.name)?;
        let parent = new.parent.map_or(ROOT, |p| p.0);
        if let Some(id) = new.parent {
            self.mailbox(id)?;
        }
        self.refuse_taken_name(parent, &new.name)?;
        self.refuse_taken_role(new.role, None)?;
        let id = MailboxId(self.next_id()?);
        let modseq = self.modseq()?;
        let uid_validity = match new.uid_validity {
            Some(v) => v,
            None => self.next_uid_validity()?,
        };
        self.execute(
            "INSERT INTO mailbox (id, account_id, parent_id, name, raw_name, role, uid_validity, uid_next, \
             highest_modseq, expunge_floor, import_modseq, created_modseq, modseq, subscribed, selectable, total, \
             unseen, deleted, bytes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?8, 0, ?8, ?8, ?9, ?10, 0, 0, 0, 0)",
            vals![
                id,
                self.account,
                parent,
                &new.name,
                new.raw_name.as_ref(),
                new.role.map(Role::as_str),
                uid_validity.get(),
                modseq,
                new.subscribed,
                !new.no_select
            ],
        )?;
        self.adopt_subscription(id)?;
        self.mailbox(id)
    }

    /// A UIDVALIDITY that was never used here: the time of day, or one more than the last (RFC 9051 §2.3.1.1).
    fn next_uid_validity(&self) -> Result<UidValidity> {
        let now = self.now.clamp(1, i64::from(u32::MAX));
        let value = self.one(
            "UPDATE account_state SET last_validity = CASE WHEN last_validity >= ?2 THEN last_validity + 1 ELSE ?2 END \
             WHERE account_id = ?1 RETURNING last_validity",
            vals![self.account, now],
            |r| r.u32(0),
        )?;
        value.and_then(NonZeroU32::new).map(UidValidity).ok_or_else(|| Error::Corrupt("no UIDVALIDITY left".into()))
    }

    /// Moves a mailbox under another parent, or gives it another name, or both; what is below it goes along.
    pub fn rename_mailbox(&self, id: MailboxId, parent: Option<MailboxId>, name: &str) -> Result<()> {
        check_name(name)?;
        let mailbox = self.mailbox(id)?;
        if mailbox.role == Some(Role::Inbox) {
            return Err(Error::NotPermitted("INBOX cannot be renamed".into()));
        }
        let mut above = parent;
        while let Some(p) = above {
            if p == id {
                return Err(Error::NotPermitted("a mailbox cannot be moved below itself".into()));
            }
            above = self.mailbox(p)?.parent;
        }
        let parent = parent.map_or(ROOT, |p| p.0);
        if mailbox.parent.map_or(ROOT, |p| p.0) != parent || mailbox.name != name {
            self.refuse_taken_name(parent, name)?;
        }
        self.execute(
            "UPDATE mailbox SET parent_id = ?3, name = ?4, raw_name = NULL, modseq = ?5 \
             WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, parent, name, self.modseq()?],
        )?;
        Ok(())
    }

    /// Deletes a mailbox with its messages. One that has others below it stays as their mere parent.
    pub fn delete_mailbox(&self, id: MailboxId) -> Result<()> {
        let mailbox = self.mailbox(id)?;
        if mailbox.role == Some(Role::Inbox) {
            return Err(Error::NotPermitted("INBOX cannot be deleted".into()));
        }
        let has_children = self
            .one("SELECT 1 FROM mailbox WHERE account_id = ?1 AND parent_id = ?2", vals![self.account, id], |_| Ok(()))?
            .is_some();
        if has_children && !mailbox.selectable {
            return Err(Error::NotPermitted("the mailbox has others below it".into()));
        }
        self.expunge_all(id)?;
        let modseq = self.modseq()?;
        if has_children {
            self.execute(
                "UPDATE mailbox SET selectable = 0, role = NULL, modseq = ?3 WHERE account_id = ?1 AND id = ?2",
                vals![self.account, id, modseq],
            )?;
            return Ok(());
        }
        self.keep_subscription(&mailbox)?;
        self.execute("DELETE FROM mailbox WHERE account_id = ?1 AND id = ?2", vals![self.account, id])?;
        self.forget_expunged(id)?;
        // Whether a move that brought it brings it again, if its source still has it, is the mover's to say.
        let sql = "UPDATE move_folder SET mailbox_id = 0 WHERE account_id = ?1 AND mailbox_id = ?2";
        self.execute(sql, vals![self.account, id])?;
        self.entomb(GONE_MAILBOX, 0, modseq, &[id.0])
    }

    /// No mailbox made from now on has a UIDVALIDITY of up to this one: another server may give those out.
    pub fn lift_uid_validity(&self, given_elsewhere: u32) -> Result<()> {
        self.execute(
            "UPDATE account_state SET last_validity = ?2 WHERE account_id = ?1 AND last_validity < ?2",
            vals![self.account, given_elsewhere],
        )?;
        Ok(())
    }

    /// Forgets which messages were expunged: their UIDs may be given again, by a source that the mailbox is to follow. A
    /// client that asks for changes since a state of before is told all UIDs that are not there (expunge_floor).
    pub fn restart_log(&self, id: MailboxId) -> Result<()> {
        self.forget_expunged(id)?;
        let clock = self.modseq()?;
        self.touch(id, clock)?;
        self.execute(
            "UPDATE mailbox SET expunge_floor = ?3 WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, clock],
        )?;
        Ok(())
    }

    fn forget_expunged(&self, id: MailboxId) -> Result<()> {
        self.execute(
            "DELETE FROM tombstone WHERE account_id = ?1 AND kind = ?2 AND mailbox_id = ?3",
            vals![self.account, GONE_MESSAGE, id],
        )?;
        Ok(())
    }

    /// Gives a mailbox a special use, or takes it away. INBOX's is fixed.
    pub fn set_role(&self, id: MailboxId, role: Option<Role>) -> Result<()> {
        if role == Some(Role::Inbox) || self.mailbox(id)?.role == Some(Role::Inbox) {
            return Err(Error::NotPermitted("the special use of INBOX is fixed".into()));
        }
        self.refuse_taken_role(role, Some(id))?;
        self.execute(
            "UPDATE mailbox SET role = ?3, modseq = ?4 WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, role.map(Role::as_str), self.modseq()?],
        )?;
        Ok(())
    }

    /// Makes a mere parent a mailbox that holds messages (CREATE of a `\NoSelect` name).
    pub fn set_selectable(&self, id: MailboxId, selectable: bool) -> Result<()> {
        self.execute(
            "UPDATE mailbox SET selectable = ?3, modseq = ?4 WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, selectable, self.modseq()?],
        )?;
        Ok(())
    }

    /// Takes a source's identity over: UIDVALIDITY, a UIDNEXT and HIGHESTMODSEQ not below the source's.
    ///
    /// A changed UIDVALIDITY is only for a mailbox that is empty: messages would change their identity.
    pub fn import_identity(
        &self,
        id: MailboxId,
        uid_validity: UidValidity,
        uid_next: u64,
        highest: ModSeq,
    ) -> Result<()> {
        let mailbox = self.mailbox(id)?;
        if mailbox.uid_validity != uid_validity && mailbox.total > 0 {
            return Err(Error::NotPermitted("UIDVALIDITY can change only while the mailbox is empty".into()));
        }
        if mailbox.uid_validity != uid_validity {
            // They speak of UIDs that mean nothing any more.
            self.forget_expunged(id)?;
        }
        // A client that knows the source asks for changes since a state of the source, whose expunges only it knew:
        // from there on all that is missing must be told (expunge_floor).
        let clock = self.modseq_at_least(highest)?;
        self.execute(
            "UPDATE mailbox SET uid_validity = ?3, uid_next = CASE WHEN uid_next < ?4 THEN ?4 ELSE uid_next END, import_modseq = ?6, \
             highest_modseq = CASE WHEN total = 0 AND uid_next = 1 THEN CASE WHEN ?5 < 1 THEN 1 ELSE ?5 END ELSE CASE WHEN highest_modseq < ?5 THEN ?5 ELSE highest_modseq END END, \
             expunge_floor = CASE WHEN expunge_floor < ?5 THEN ?5 ELSE expunge_floor END \
             WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, uid_validity.get(), uid_next.max(1), highest, clock],
        )?;
        Ok(())
    }

    /// Raises HIGHESTMODSEQ without a change to a message, for a client that must see it grow.
    pub(crate) fn touch(&self, id: MailboxId, modseq: ModSeq) -> Result<()> {
        self.execute(
            "UPDATE mailbox SET highest_modseq = CASE WHEN highest_modseq < ?3 THEN ?3 ELSE highest_modseq END WHERE account_id = ?1 AND id = ?2",
            vals![self.account, id, modseq],
        )?;
        Ok(())
    }

    /// Takes the next `n` UIDs; the first of them.
    pub fn take_uids(&self, id: MailboxId, n: u32) -> Result<Uid> {
        let next = self.one(
            "UPDATE mailbox SET uid_next = uid_next + ?3 WHERE account_id = ?1 AND id = ?2 AND selectable = 1 \
             RETURNING uid_next - ?3",
            vals![self.account, id, n],
            |r| r.u64(0),
        )?;
        uids_from(id, next.ok_or(Error::NoSuchMailbox(id))?, n)
    }

    /// The same for one message, which is counted in at once: all that a new message changes of its mailbox's row.
    pub(crate) fn take_place(&self, id: MailboxId, flags: SystemFlags, size: u64, modseq: ModSeq) -> Result<Uid> {
        let (unseen, deleted) = (!flags.contains(SystemFlags::SEEN), flags.contains(SystemFlags::DELETED));
        let next = self.one(
            "UPDATE mailbox SET uid_next = uid_next + 1, total = total + 1, unseen = unseen + ?3, \
             deleted = deleted + ?4, bytes = bytes + ?5, \
             highest_modseq = CASE WHEN highest_modseq < ?6 THEN ?6 ELSE highest_modseq END \
             WHERE account_id = ?1 AND id = ?2 AND selectable = 1 RETURNING uid_next - 1",
            vals![self.account, id, unseen, deleted, size, modseq],
            |r| r.u64(0),
        )?;
        uids_from(id, next.ok_or(Error::NoSuchMailbox(id))?, 1)
    }

    pub(crate) fn entomb(&self, kind: i64, mailbox: u64, modseq: ModSeq, ids: &[u64]) -> Result<()> {
        let rows: Vec<[Val<'_>; 5]> = ids
            .iter()
            .map(|id| [self.account.into(), kind.into(), mailbox.into(), modseq.into(), (*id).into()])
            .collect();
        self.execute_many(
            "INSERT INTO tombstone (account_id, kind, mailbox_id, modseq, id) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO NOTHING",
            &rows,
        )
    }

    /// The same for messages, with the e-mail that each was: so one that was moved away can be found again.
    pub(crate) fn entomb_messages(&self, mailbox: MailboxId, modseq: ModSeq, gone: &[(Uid, EmailId)]) -> Result<()> {
        let rows: Vec<[Val<'_>; 6]> = gone
            .iter()
            .map(|(uid, email)| {
                let (account, kind) = (self.account.into(), GONE_MESSAGE.into());
                [account, kind, mailbox.into(), modseq.into(), (*uid).into(), (*email).into()]
            })
            .collect();
        self.execute_many(
            "INSERT INTO tombstone (account_id, kind, mailbox_id, modseq, id, email_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            &rows,
        )
    }

    fn refuse_taken_name(&self, parent: u64, name: &str) -> Result<()> {
        let taken = self.one(
            "SELECT 1 FROM mailbox WHERE account_id = ?1 AND parent_id = ?2 AND name = ?3",
            vals![self.account, parent, name],
            |_| Ok(()),
        )?;
        // RFC 9051 §5.1: INBOX is the same in every case.
        let inbox = parent == ROOT && name.eq_ignore_ascii_case("INBOX") && name != "INBOX";
        if taken.is_some() || inbox {
            return Err(Error::MailboxExists(name.to_owned()));
        }
        Ok(())
    }

    fn refuse_taken_role(&self, role: Option<Role>, except: Option<MailboxId>) -> Result<()> {
        let Some(role) = role else { return Ok(()) };
        let holder = self.one(
            "SELECT name FROM mailbox WHERE account_id = ?1 AND role = ?2 AND id <> ?3",
            vals![self.account, role.as_str(), except.map_or(0, |id| id.0)],
            |r| Ok(r.text(0)?.to_owned()),
        )?;
        match holder {
            Some(name) => Err(Error::NotPermitted(format!("\"{name}\" has the special use \"{role}\" already"))),
            None => Ok(()),
        }
    }
}

/// The first of `n` UIDs, if there are so many (RFC 9051 §2.3.1.1: 32 bits).
fn uids_from(mailbox: MailboxId, next: u64, n: u32) -> Result<Uid> {
    let last = next + u64::from(n) - 1;
    match (u32::try_from(next).ok().and_then(Uid::new), u32::try_from(last)) {
        (Some(first), Ok(_)) => Ok(first),
        _ => Err(Error::UidTaken { mailbox, uid: last }),
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('\0') || name.len() > 1024 {
        return Err(Error::Invalid("a mailbox name has 1 to 1024 bytes and no NUL".into()));
    }
    Ok(())
}
