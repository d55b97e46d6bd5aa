//! The bytes of the stored structure: LEB128 numbers and length-prefixed slices, and a reader that cannot fail loudly.
//!
//! [`Reader`] is used on bytes that may be corrupt: whatever it meets, it gives empty values and remembers that it did.

/// Appends a number, seven bits a byte, low bits first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Bytes that [`put_varint`] takes for a number.
pub(crate) fn varint_len(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a length and the bytes.
pub(crate) fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends zero for an absent value, else the length plus one and the bytes: "absent" and "empty" differ in IMAP.
pub(crate) fn put_opt(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(b) => {
            put_varint(out, b.len() as u64 + 1);
            out.extend_from_slice(b);
        }
    }
}

/// Signed numbers with the sign in the lowest bit, so that small ones stay short.
pub(crate) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// Reads what the functions above wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    corrupt: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, corrupt: false }
    }

    /// Whether a read went beyond the bytes.
    pub(crate) fn is_corrupt(&self) -> bool {
        self.corrupt
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn fail(&mut self) {
        self.rest = &[];
        self.corrupt = true;
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((b, rest)) => {
                self.rest = rest;
                *b
            }
            None => {
                self.fail();
                0
            }
        }
    }

    pub(crate) fn varint(&mut self) -> u64 {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte();
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return n;
            }
        }
        self.fail();
        0
    }

    fn take(&mut self, len: u64) -> &'a [u8] {
        match usize::try_from(len).ok().and_then(|n| self.rest.split_at_checked(n)) {
            Some((head, rest)) => {
                self.rest = rest;
                head
            }
            None => {
                self.fail();
                &[]
            }
        }
    }

    pub(crate) fn slice(&mut self) -> &'a [u8] {
        let len = self.varint();
        self.take(len)
    }

    pub(crate) fn opt(&mut self) -> Option<&'a [u8]> {
        match self.varint() {
            0 => None,
            n => Some(self.take(n - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_slices_read_back(n in any::<u64>(), i in any::<i64>(), s in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut out = Vec::new();
            put_varint(&mut out, n);
            prop_assert_eq!(out.len(), varint_len(n));
            put_varint(&mut out, zigzag(i));
            put_slice(&mut out, &s);
            put_opt(&mut out, Some(&s));
            put_opt(&mut out, None);
            let mut r = Reader::new(&out);
            prop_assert_eq!(r.varint(), n);
            prop_assert_eq!(unzigzag(r.varint()), i);
            prop_assert_eq!(r.slice(), &s[..]);
            prop_assert_eq!(r.opt(), Some(&s[..]));
            prop_assert_eq!(r.opt(), None);
            prop_assert!(r.is_empty() && !r.is_corrupt());
        }
    }

    #[test]
    fn reading_beyond_the_end_gives_nothing_and_is_remembered() {
        for bytes in [&b""[..], b"\x05abc", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            let mut r = Reader::new(bytes);
            assert_eq!(r.slice(), b"");
            assert!(r.is_corrupt());
        }
    }
}
