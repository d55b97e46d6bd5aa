//! All mailboxes as a fresh client sees them.

use sterna_tests::User;
use sterna_tests::wire::{Value, fetch, quote};

use crate::client::{Answer, Client, Mode};
use crate::mail::{Found, Seen};
use crate::view::flag_set;
use crate::wire::{HEADER, identity};

/// An error says why there is nothing to see now.
pub fn look(port: u16, user: &User) -> Result<Seen, String> {
    let mut client = Client::new(99, Mode::Plain);
    client.login(port, &user.login, &user.password)?;
    let mut seen = Seen::new();
    for name in names(&client.command("LIST \"\" \"*\"").ok()?)? {
        let opened = client.command(&format!("EXAMINE {}", quote(&name))).ok()?;
        let validity = opened.code("UIDVALIDITY").and_then(|v| v.parse().ok()).ok_or("no UIDVALIDITY")?;
        let count = opened.untagged.iter().find_map(|r| r.text().strip_suffix(" EXISTS").map(str::to_owned));
        let mut fetched = 0;
        let all = "UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";
        for response in client.command(all).ok()?.untagged {
            let Some((_, told)) = fetch(&response) else { continue };
            let Some(id) = told.get(HEADER).map(|value| identity(value).unwrap_or_default()) else { continue };
            let uid = told.get("UID").and_then(Value::number).and_then(|uid| u32::try_from(uid).ok());
            let uid = (validity, uid.ok_or("FETCH without UID")?);
            let flags = told.get("FLAGS").and_then(flag_set).ok_or("FETCH without FLAGS")?;
            seen.entry((name.clone(), id)).or_default().push(Found { uid, flags });
            fetched += 1;
        }
        if count != Some(format!("* {fetched}")) {
            return Err(format!("{name}: {count:?} and {fetched} fetched"));
        }
    }
    client.command("LOGOUT").ok()?;
    Ok(seen)
}

fn names(listed: &Answer) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for rest in listed.untagged.iter().filter_map(|response| response.strip("* LIST ")) {
        let values = Value::parse_all(rest).ok_or("LIST")?;
        names.push(values.last().and_then(Value::text).ok_or("LIST")?);
    }
    Ok(names)
}

pub fn message(id: &str) -> Vec<u8> {
    format!("Message-ID: <{id}@steps.test>\r\nFrom: bob@there.test\r\nSubject: {id}\r\n\r\nThis is {id}.\r\n")
        .into_bytes()
}
