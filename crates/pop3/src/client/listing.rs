//! STAT, LIST and UIDL.

use super::connection::Connection;
use super::error::{Error, ErrorKind};

impl Connection {
    /// How many messages there are, and their octets by the server's own count.
    pub async fn stat(&mut self) -> Result<(u32, u64), Error> {
        let text = self.run("STAT", "waiting for STAT").await?.map_err(|text| self.refused("STAT", text))?;
        let mut numbers = text.split(' ');
        let count = numbers.next().and_then(|n| n.parse().ok());
        let octets = numbers.next().and_then(|n| n.parse().ok());
        count.zip(octets).ok_or_else(|| self.protocol(format!("it answered {text:?} to STAT")))
    }

    /// Each message's number and size, which servers may get wrong.
    pub async fn list(&mut self) -> Result<Vec<(u32, u64)>, Error> {
        self.run("LIST", "waiting for LIST").await?.map_err(|text| self.refused("LIST", text))?;
        let (mut list, mut odd) = (Vec::new(), false);
        let read = |line: &[u8]| match pair(line).and_then(|(n, rest)| Some((n, decimal(rest)?))) {
            Some(entry) => list.push(entry),
            None => odd = true,
        };
        self.lines("reading LIST", read).await?;
        match odd {
            false => Ok(list),
            true => Err(self.protocol("a line of its LIST has no number and size")),
        }
    }

    /// Each message's number and unique id as sent; `None` if the server has none.
    pub async fn uidl(&mut self) -> Result<Option<Vec<(u32, Vec<u8>)>>, Error> {
        if self.run("UIDL", "waiting for UIDL").await?.is_err() {
            return Ok(None);
        }
        let (mut list, mut odd) = (Vec::new(), false);
        let read = |line: &[u8]| match pair(line) {
            Some((number, uidl)) => list.push((number, uidl.to_vec())),
            None => odd = true,
        };
        self.lines("reading UIDL", read).await?;
        match odd {
            false => Ok(Some(list)),
            true => Err(self.protocol("a line of its UIDL has no number and id")),
        }
    }

    fn refused(&self, command: &'static str, text: String) -> Error {
        self.error(ErrorKind::Refused { command, text })
    }
}

/// `7 rest`; blanks around are no part of it.
fn pair(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let space = line.iter().position(|b| *b == b' ')?;
    let number = u32::try_from(decimal(line.get(..space)?)?).ok().filter(|n| *n > 0)?;
    Some((number, line.get(space..)?.trim_ascii()))
}

/// Digits, up to a blank and whatever a server adds.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.split(|b| *b == b' ').next()?;
    std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_listing_are_read_as_servers_write_them() {
        assert_eq!(pair(b"1 abc"), Some((1, &b"abc"[..])));
        assert_eq!(pair(b" 12  a b "), Some((12, &b"a b"[..])));
        assert_eq!(decimal(b"1205 extra"), Some(1205));
        for line in ["", "1", "0 a", "x a", "4294967296 a"] {
            assert_eq!(pair(line.as_bytes()), None, "{line:?}");
        }
    }
}
