//! Commands about the session itself: ID, ENABLE, NOOP, NAMESPACE, LOGOUT.

use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::event::Event;
use crate::codec::response_parser::{Namespaces, Response, Status};

impl Connection {
    /// Says who we are and asks who the server is (RFC 2971); empty if it does not tell or knows no ID.
    pub async fn id(&mut self, ours: &[(&str, &str)]) -> Result<Vec<(String, Option<String>)>, Error> {
        if !self.capabilities().has("ID") {
            return Ok(Vec::new());
        }
        let mut command = self.command("ID").text(" (");
        for (i, (field, value)) in ours.iter().enumerate() {
            // RFC 2971 §3.3: strings, never atoms.
            let quoted = |text: &str| format!("\"{}\"", text.replace(['"', '\\', '\r', '\n'], ""));
            let space = if i == 0 { "" } else { " " };
            command = command.text(&format!("{space}{} {}", quoted(field), quoted(value)));
        }
        let mut theirs = Vec::new();
        let command = if ours.is_empty() { self.command("ID").text(" NIL") } else { command.text(")") };
        self.run(command, |response| {
            if let Response::Id(fields) = response {
                theirs = fields;
            }
        })
        .await?;
        Ok(theirs)
    }

    /// Enables those of the extensions that the server offers (RFC 9051 §6.3.1); [`Connection::is_enabled`] tells
    /// which it accepted.
    pub async fn enable(&mut self, extensions: &[&str]) -> Result<(), Error> {
        let offered: Vec<&str> = extensions.iter().copied().filter(|e| self.capabilities().has(e)).collect();
        if offered.is_empty() || !self.capabilities().has("ENABLE") {
            return Ok(());
        }
        let command = self.command("ENABLE").text(" ").text(&offered.join(" "));
        self.run(command, |_| {}).await.map(drop)
    }

    /// The namespaces; empty if the server does not know the command.
    pub async fn namespace(&mut self) -> Result<Namespaces, Error> {
        let mut namespaces = Namespaces::default();
        if self.capabilities().has("NAMESPACE") {
            self.run(self.command("NAMESPACE"), |response| {
                if let Response::Namespace(all) = response {
                    namespaces = all;
                }
            })
            .await?;
        }
        Ok(namespaces)
    }

    /// Asks what is new (RFC 9051 §6.1.2): untagged responses in their order.
    pub async fn noop(&mut self) -> Result<Vec<Response>, Error> {
        let mut news = Vec::new();
        self.run(self.command("NOOP"), |response| news.push(response)).await?;
        Ok(news)
    }

    /// Says goodbye. A server that just closes has done what was asked.
    pub async fn logout(mut self) -> Result<(), Error> {
        let tag = self.send(self.command("LOGOUT"));
        loop {
            match self.next().await {
                Ok(Event::Done { tag: ended, status, .. }) if ended == tag && status.status == Status::Ok => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(error)
                    if matches!(*error.kind, ErrorKind::Bye { .. } | ErrorKind::Closed(_) | ErrorKind::Io(_)) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
