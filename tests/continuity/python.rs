//! Python's imaplib, a client that is not ours and takes the standards literally, works with Sterna unchanged.

use sterna_tests::{User, imaplib};

use crate::sample;

#[test]
fn imaplib_works_with_a_mailbox() {
    let user = User { login: "anne@example.org".into(), password: sample::PASSWORD.into() };
    let server = sample::sterna(&user);
    let script = r#"
import time
typ, data = m.append('INBOX', '(\\Flagged $Work)', imaplib.Time2Internaldate(1700000000), b'Subject: hello\r\n\r\nbody\r\n')
assert typ == 'OK', data
m.create('Projets'); m.subscribe('Projets')
typ, data = m.list(); assert typ == 'OK' and any(b'Projets' in d for d in data), data
typ, data = m.lsub(); assert any(b'Projets' in d for d in data), data
typ, data = m.select('INBOX'); assert data == [b'1'], data
typ, data = m.search(None, 'SUBJECT', '"hel"', 'KEYWORD', '$work'); assert data == [b'1'], data
typ, data = m.fetch('1', '(UID FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE BODY.PEEK[])')
assert data[0][1] == b'Subject: hello\r\n\r\nbody\r\n', data
assert imaplib.Internaldate2tuple(data[0][0]) is not None
typ, data = m.uid('COPY', '1', 'Projets'); assert typ == 'OK', data
typ, data = m.store('1', '+FLAGS', '(\\Deleted)'); assert b'\\Deleted' in data[0], data
typ, data = m.expunge(); assert data == [b'1'], data
typ, data = m.status('Projets', '(MESSAGES UIDNEXT)'); assert b'MESSAGES 1' in data[0], data
typ, data = m.sort('(REVERSE DATE)', 'UTF-8', 'ALL'); assert typ == 'OK', data
m.rename('Projets', 'Archives'); m.delete('Archives')
m.close()
"#;
    imaplib(server.port(), &user.login, &user.password, script);
    server.check();
}
