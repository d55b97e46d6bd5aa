//! Bytes between a client and a server behind the front door: both ways at once, in bounded buffers, each side at its own pace.
//!
//! What may pass is the protocol's decision ([`Passing`]); TLS of one side has nothing to do with that of the other.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use crate::Wire;

/// What a client sent before it closed its side may take so long.
const CLOSING: Duration = Duration::from_secs(10);

/// What a protocol says to the bytes that pass. An error ends the relay: nothing behind such bytes can be understood.
pub trait Passing {
    /// Takes from `input`, what the client sent, and appends what the server is to get; an answer of its own goes to `client`.
    fn client_said(&mut self, input: &mut BytesMut, server: &mut Vec<u8>, client: &mut Vec<u8>) -> io::Result<()>;

    /// Takes from `input`, what the server sent, and appends what the client is to get.
    fn server_said(&mut self, input: &mut BytesMut, client: &mut Vec<u8>) -> io::Result<()>;

    /// So much is to be answered that nothing more is taken from the client.
    fn is_full(&self) -> bool;

    /// Everything that the client asked for was answered.
    fn is_idle(&self) -> bool;
}

/// How long a relay waits.
#[derive(Clone, Copy, Debug)]
pub struct RelayTimes {
    /// For anything to pass.
    pub silence: Duration,
    /// For a side to take what is sent to it.
    pub write: Duration,
}

/// How a relay ended.
#[derive(Debug)]
pub enum Relayed {
    /// The client is gone; what it had asked for was done, if it closed in order.
    ClientGone,
    /// The server is gone; the client has all that it sent.
    ServerGone,
    /// Nothing passed for too long.
    Silent,
    /// One of them does not speak the protocol.
    Broken(io::Error),
}

enum Moved {
    Some,
    ClientClosed,
    ClientGone,
    ServerGone,
}

/// Relays until one side has gone. Can be dropped: then both sides are cut off where they stand.
pub async fn relay(client: &mut Wire, server: &mut Wire, passing: &mut impl Passing, times: RelayTimes) -> Relayed {
    let mut closing: Option<Instant> = None;
    let mut lost = false;
    let mut moved_at = Instant::now();
    loop {
        if let Err(error) = pass(client, server, passing, lost) {
            return Relayed::Broken(error);
        }
        if lost && client.is_written() {
            return Relayed::ServerGone;
        }
        let written = client.is_written() && (lost || server.is_written());
        if closing.is_some_and(|until| passing.is_idle() && written || Instant::now() >= until) {
            return Relayed::ClientGone;
        }
        let until = moved_at + if written { times.silence } else { times.write };
        let until = closing.map_or(until, |closing| closing.min(until));
        match timeout_at(until, moved(client, server, passing.is_full(), lost)).await {
            Ok(Moved::Some) => moved_at = Instant::now(),
            Ok(Moved::ClientClosed) => closing = Some(Instant::now() + CLOSING),
            Ok(Moved::ClientGone) => return Relayed::ClientGone,
            Ok(Moved::ServerGone) => lost = true,
            Err(_) if closing.is_some() => return Relayed::ClientGone,
            Err(_) => return Relayed::Silent,
        }
    }
}

fn pass(client: &mut Wire, server: &mut Wire, passing: &mut impl Passing, lost: bool) -> io::Result<()> {
    if !client.is_full() && !server.input.is_empty() {
        passing.server_said(&mut server.input, &mut client.output)?;
    }
    if !lost && !server.is_full() && !client.is_full() && !client.input.is_empty() {
        passing.client_said(&mut client.input, &mut server.output, &mut client.output)?;
    }
    Ok(())
}

/// Moves bytes as far as the sockets allow; resolves when some have moved.
async fn moved(client: &mut Wire, server: &mut Wire, full: bool, lost: bool) -> Moved {
    poll_fn(|cx| {
        let mut some = false;
        match client.poll_output(cx) {
            Poll::Ready(Ok(more)) => some |= more,
            Poll::Ready(Err(_)) => return Poll::Ready(Moved::ClientGone),
            Poll::Pending => {}
        }
        if !lost {
            match server.poll_output(cx) {
                Poll::Ready(Ok(more)) => some |= more,
                Poll::Ready(Err(_)) => return Poll::Ready(Moved::ServerGone),
                Poll::Pending => {}
            }
            if !client.is_full() && !server.ended {
                match server.poll_input(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Moved::ServerGone),
                    Poll::Ready(Ok(_)) => some = true,
                    Poll::Pending => {}
                }
            }
        }
        if !full && !server.is_full() && !client.ended {
            match client.poll_input(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Moved::ClientClosed),
                Poll::Ready(Ok(_)) => some = true,
                Poll::Ready(Err(_)) => return Poll::Ready(Moved::ClientGone),
                Poll::Pending => {}
            }
        }
        if some { Poll::Ready(Moved::Some) } else { Poll::Pending }
    })
    .await
}
