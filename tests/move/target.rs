//! A store with one account, moves into it, and what a client would see of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use sterna_core::{AccountId, Address, Role, SystemClock};
use sterna_imap::codec::mailbox::{MailboxName, NameEncoding};
use sterna_migrate::{
    Cancel, Comparison, MoveOptions, Mover, Progress, ReceiptOptions, Result, Secret, SourceSpec, State,
};
use sterna_store::{Account, Mailbox, MailboxTree, Store, UidRange};
use sterna_tests::backend::store_config;
use sterna_tests::{Dovecot, Folder, Ignore, Mailboxes, Message, User, snapshot};
use tempfile::TempDir;
use tokio::sync::watch;

/// HIGHESTMODSEQ here is at least the source's, and grows by itself; the receipt compares it.
pub const IGNORE: Ignore = Ignore { uid_next: false, mod_seq: true, delimiter: false, uid_validity: false };

pub struct Target {
    pub store: Store,
    pub mover: Mover,
    pub account: AccountId,
    pub directory: TempDir,
}

impl Target {
    pub async fn new() -> Target {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_with(store_config(directory.path()), Arc::new(SystemClock)).await.unwrap();
        store.add_domain("example.org").await.unwrap();
        let address = Address::parse("anne@example.org").unwrap();
        let account = store.add_account(&address, None, None).await.unwrap();
        Target { mover: Mover::new(store.clone()), store, account, directory }
    }

    /// The same data directory, as after a crash: nothing of the process is left.
    pub async fn reopened(self) -> Target {
        let Target { store, mover, account, directory } = self;
        drop((store, mover));
        // Blocking tasks of an aborted run may hold the store for a moment longer.
        let store = loop {
            match Store::open_with(store_config(directory.path()), Arc::new(SystemClock)).await {
                Ok(store) => break store,
                Err(sterna_store::Error::Locked(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(e) => panic!("{e}"),
            }
        };
        store.recover().await.unwrap();
        Target { mover: Mover::new(store.clone()), store, account, directory }
    }

    pub async fn account(&self) -> Account {
        self.store.account(self.account).await.unwrap()
    }

    pub async fn plan(&self, port: u16, user: &User, options: MoveOptions) {
        let source = SourceSpec::parse(&format!("imap://127.0.0.1:{port}?tls=none"), &user.login).unwrap();
        self.mover.start(self.account, source, Secret::Password(user.password.clone()), options).await.unwrap();
    }

    /// One run to its end.
    pub async fn run(&self) -> Result<State> {
        self.mover.run(self.account, &Cancel::new(), watch::Sender::new(Progress::default())).await
    }

    /// Plans and runs.
    pub async fn copy(&self, dovecot: &Dovecot, user: &User) {
        self.plan(dovecot.port(), user, MoveOptions::default()).await;
        assert_eq!(self.run().await.unwrap(), State::Following);
    }

    pub async fn receipt(&self) -> Comparison {
        let options = ReceiptOptions { verify_bodies: true };
        let receipt = self.mover.receipt(self.account, &options).await.unwrap();
        let verdict = sterna_migrate::verify(&receipt.json().unwrap()).unwrap();
        assert_eq!(verdict.comparison, receipt.comparison);
        assert!(receipt.markdown().contains("# Receipt: anne@example.org"));
        receipt.comparison
    }

    /// Both sides are the same to a client, the receipt says so, and the account is sound.
    pub async fn assert_same_as(&self, dovecot: &Dovecot, user: &User) -> Comparison {
        let source = snapshot(&mut dovecot.login(user));
        let mut here = self.snapshot().await;
        let special = |a: &String| Role::from_imap_attribute(a).is_some();
        if !source.0.values().any(|f| f.attributes.iter().any(special)) {
            // Such a source tells no special uses: they are guessed from names, which its clients do not mind.
            here.0.values_mut().for_each(|f| f.attributes.retain(|a| !special(a)));
        }
        source.assert_same(&here, IGNORE);
        let receipt = self.receipt().await;
        assert!(receipt.equal, "{receipt:#?}");
        assert_eq!(receipt.check_findings, Vec::<String>::new());
        receipt
    }

    pub async fn assert_sound(&self) {
        let report = self.account().await.check(sterna_message::check_structure).await.unwrap();
        assert!(report.is_sound(), "{:?}", report.findings);
    }

    /// What an IMAP client would be shown.
    pub async fn snapshot(&self) -> Mailboxes {
        let read = |tx: &sterna_store::Tx<'_>| {
            let tree = tx.mailbox_tree()?;
            let delimiter = tree.delimiter().to_string().into_bytes();
            let mut mailboxes = Mailboxes::default();
            for (_, mailbox) in tree.iter() {
                let folder = folder(tx, mailbox, &delimiter)?;
                mailboxes.0.insert(wire_name(&tree, mailbox), folder);
            }
            for path in tx.dangling_subscriptions()? {
                let name = MailboxName::from_text(&path).to_wire(NameEncoding::ModifiedUtf7);
                let attributes = BTreeSet::from(["\\nonexistent".to_owned()]);
                let delimiter = delimiter.clone();
                mailboxes.0.insert(name, Folder { attributes, delimiter, subscribed: true, ..Folder::default() });
            }
            Ok(mailboxes)
        };
        self.account().await.read(read).await.unwrap()
    }
}

fn wire_name(tree: &MailboxTree, mailbox: &Mailbox) -> Vec<u8> {
    let own = match &mailbox.raw_name {
        Some(raw) => raw.clone(),
        None => MailboxName::from_text(&mailbox.name).to_wire(NameEncoding::ModifiedUtf7),
    };
    match mailbox.parent.and_then(|p| tree.get(p)) {
        Some(parent) => [wire_name(tree, parent), tree.delimiter().to_string().into_bytes(), own].concat(),
        None => own,
    }
}

fn folder(tx: &sterna_store::Tx<'_>, mailbox: &Mailbox, delimiter: &[u8]) -> sterna_store::Result<Folder> {
    let mut folder = Folder { delimiter: delimiter.to_vec(), subscribed: mailbox.subscribed, ..Folder::default() };
    if !mailbox.selectable {
        folder.attributes.insert("\\noselect".to_owned());
        return Ok(folder);
    }
    folder.attributes.extend(mailbox.role.and_then(Role::imap_attribute).map(str::to_lowercase));
    folder.uid_validity = mailbox.uid_validity.get();
    folder.uid_next = u32::try_from(mailbox.uid_next).unwrap();
    folder.highest_mod_seq = mailbox.highest_modseq.0;
    let keysets = tx.keysets()?;
    let mut found = Vec::new();
    let _ = tx.emails(mailbox.id, UidRange::ALL, |message, email| {
        found.push((message.uid, keysets.flags(message.flags), email.internaldate, email.size, email.blob));
        Ok(ControlFlow::Continue(()))
    })?;
    for (uid, flags, date, size, blob) in found {
        let mut message = Message::new(&flags.to_string(), &date.imap().to_string(), &tx.blob(blob)?);
        message.size = size;
        folder.messages.insert(uid.get(), message);
    }
    Ok(folder)
}
