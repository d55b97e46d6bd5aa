//! What leaves a mailbox again: forwards, redirects, automatic replies. All of it goes through the queue.

use bytes::Bytes;
use sterna_core::Address;
use sterna_store::{NewQueued, NewQueuedRecipient, QueueId, Result};

use crate::address::{Mailbox, fold_domain};
use crate::filter::Reply;
use crate::letter::Letter;
use crate::service::Inner;
use crate::{Body, Envelope, Mail, Notify, Recipient, queued};

const DAY_MS: i64 = 86_400_000;

/// A field, as it is put in front of a mail that reaches a mailbox of ours.
pub(crate) fn delivered_to(address: &str) -> Vec<u8> {
    format!("Delivered-To: {address}\r\n").into_bytes()
}

impl Inner {
    /// Puts a mail into the queue as it is.
    pub async fn enqueue(&self, mail: &Mail, recipients: &[Recipient]) -> Result<QueueId> {
        self.enqueue_letter(Letter::new(Vec::new(), mail), mail, recipients).await
    }

    /// The same with other bytes. Of `mail` everything but its bytes is used.
    async fn enqueue_letter(&self, letter: Letter, mail: &Mail, recipients: &[Recipient]) -> Result<QueueId> {
        let now_ms = self.store.clock().unix().saturating_mul(1000);
        let blob = letter.prepare(self.store.queue_blobs()).await?;
        let recipients = recipients.iter().map(|recipient| NewQueuedRecipient {
            address: recipient.address.clone(),
            destination: self.destination(&recipient.address),
            options: queued::recipient_options(recipient),
            due_ms: 0,
        });
        let new = NewQueued {
            sender: mail.envelope.sender.clone(),
            blob,
            options: queued::message_options(mail),
            submitter: mail.submitter,
            expires_ms: now_ms.saturating_add(i64::from(self.config.queue_days) * DAY_MS),
            recipients: recipients.collect(),
        };
        self.store.enqueue(new).await
    }

    /// What the queue limits together: the domain. What has none is ours (postmaster).
    fn destination(&self, address: &str) -> String {
        match (Mailbox::parse(address), address.rsplit_once('@')) {
            (Some(mailbox), _) => mailbox.domain,
            (None, Some((_, domain))) => domain.to_lowercase(),
            (None, None) => self.config.hostname.to_lowercase(),
        }
    }

    /// Whether a domain is one of ours, in any spelling.
    pub async fn is_ours(&self, domain: &str) -> Result<bool> {
        let Some(domain) = fold_domain(domain) else { return Ok(false) };
        for name in (Mailbox { local: String::new(), domain }).domain_spellings() {
            if self.store.domain(&name).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a mail on to foreign addresses in the name of `forwarder`, whose trace it carries from now on.
    pub async fn send_on(
        &self,
        letter: Letter,
        mail: &Mail,
        by: &Address,
        recipients: &[Recipient],
    ) -> Result<QueueId> {
        let sender = self.sender_by(&mail.envelope.sender, by).await?;
        // Its parameters but not its identity: ENVID and RET belong to the first envelope (RFC 3461 §5.2.7.1 d).
        let envelope = Envelope { sender, headers_only: None, envid: None, ..mail.envelope.clone() };
        let mail = Mail { envelope, ..mail.clone() };
        self.enqueue_letter(letter, &mail, recipients).await
    }

    /// The envelope sender of what `by` sends on: rewritten if it is a foreign one.
    async fn sender_by(&self, sender: &str, by: &Address) -> Result<String> {
        let Some(from) = Mailbox::parse(sender) else { return Ok(sender.to_owned()) };
        if self.is_ours(&from.domain).await? {
            return Ok(sender.to_owned());
        }
        let domain = fold_domain(by.domain()).unwrap_or_else(|| by.domain().to_owned());
        Ok(self.srs.forward(sender, &domain, self.store.clock().unix()))
    }

    /// A script's redirect: the sender stays unless a foreign one would go to a foreign server. A failure is told to the
    /// sender, a delay is not.
    pub async fn redirect(&self, letter: Letter, mail: &Mail, by: &Address, to: &str) -> Result<()> {
        let notify = Notify { success: false, failure: true, delay: false };
        let recipients = [Recipient { notify, ..Recipient::new(to) }];
        let domain = to.rsplit_once('@').map_or("", |(_, domain)| domain);
        if self.is_ours(domain).await? {
            self.enqueue_letter(letter, mail, &recipients).await?;
        } else {
            self.send_on(letter, mail, by, &recipients).await?;
        }
        Ok(())
    }

    /// An automatic message, with the null sender: nobody answers it or bounces it (RFC 3834 §3.3).
    pub async fn reply(&self, reply: Reply) -> Result<()> {
        let notify = Notify::NEVER;
        let recipients: Vec<Recipient> = reply.to.iter().map(|to| Recipient { notify, ..Recipient::new(to) }).collect();
        let header = reply.message.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(reply.message.len());
        let ascii =
            reply.message.get(..header).is_some_and(<[u8]>::is_ascii) && reply.to.iter().all(|to| to.is_ascii());
        let mail = Mail {
            envelope: Envelope { smtputf8: !ascii, ..Envelope::default() },
            trace: Bytes::new(),
            body: Body::Memory(reply.message.into()),
            received: self.store.clock().now(),
            authenticated: true,
            quarantine: false,
            queued: None,
            submitter: None,
        };
        self.enqueue(&self.signed(mail).await, &recipients).await?;
        Ok(())
    }
}
