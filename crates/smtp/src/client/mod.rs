//! The client side: hands one message to one server, over SMTP or LMTP.
