//! The server side: reception, submission and LMTP.
