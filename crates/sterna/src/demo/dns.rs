//! The DNS of the tour, which knows no name: without one, each letter would wait for servers that are out of reach.

use std::net::{SocketAddr, UdpSocket};

use super::Failure;

/// Bytes of the header of a message (RFC 1035 §4.1.1).
const HEADER: usize = 12;

/// Answers "no such name" to everything, as long as the program runs; gives the address.
pub fn nameless() -> Result<SocketAddr, Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut message = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut message) {
            if let Some(answer) = message.get(..length).and_then(no_such_name) {
                let _ = socket.send_to(&answer, peer);
            }
        }
    });
    Ok(address)
}

/// The answer to a question: its header and question with RCODE 3 (RFC 1035 §4.1.1), nothing behind.
fn no_such_name(question: &[u8]) -> Option<Vec<u8>> {
    let mut end = HEADER;
    while *question.get(end)? != 0 {
        end += 1 + usize::from(*question.get(end)?);
    }
    // The root's empty label, type and class.
    let mut answer = question.get(..end + 5)?.to_vec();
    let header = answer.first_chunk_mut::<HEADER>()?;
    let [_, _, flags, code, _, _, counts @ ..] = header;
    (*flags, *code, *counts) = (*flags | 0x80, 0x83, [0; 6]);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_with_no_such_name() {
        let mut question = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        question.extend_from_slice(b"\x02mx\x04test\x00\x00\x01\x00\x01");
        let length = question.len();
        question.extend_from_slice(b"\x00\x00\x29rest of EDNS");
        let answer = no_such_name(&question).unwrap();
        assert_eq!(answer.len(), length);
        assert_eq!(answer[..12], [7, 9, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert!(no_such_name(&question[..14]).is_none());
    }
}
