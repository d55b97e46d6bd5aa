//! Python's `dkim`, which shares no code with us.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sterna_store::{DkimAlgorithm, DkimKey};

/// Debian's own, for its modules.
const PYTHON: &str = "/usr/bin/python3";

/// Runs a script that has `ask` (the request) and sets `tell`; bytes are base64 on both sides.
fn run(script: &str, ask: &serde_json::Value) -> serde_json::Value {
    let opening = "import sys, json, base64, dkim\nask = json.load(sys.stdin)\nraw = base64.b64decode\n";
    let whole = format!("{opening}{script}\njson.dump(tell, sys.stdout)\n");
    let mut child = Command::new(PYTHON)
        .args(["-c", &whole])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start Python: apt-get install --no-install-recommends python3-dkim python3-nacl");
    child.stdin.take().unwrap().write_all(ask.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "needs the packages python3-dkim and python3-nacl");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How Python signs.
pub(super) struct Sign<'a> {
    pub(super) key: &'a DkimKey,
    pub(super) canonicalization: [&'a str; 2],
    /// With `l=`.
    pub(super) length: bool,
    /// Seconds from now until `x=`; negative: in the past.
    pub(super) expires: Option<i64>,
}

impl<'a> Sign<'a> {
    pub(super) fn new(key: &'a DkimKey) -> Sign<'a> {
        Sign { key, canonicalization: ["relaxed", "relaxed"], length: false, expires: None }
    }

    /// The message with its signature.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let (name, secret) = secret(self.key);
        // The module writes no x= of its own: where one is asked for, it goes in where t= is written.
        let script = "
import time, dkim as module
if ask['expires'] is not None:
    plain = module.DKIM.gen_header
    def expiring(self, fields, *rest):
        if not any(k == b'x' for k, v in fields):
            t = int(time.time()) + min(ask['expires'], 0) - 10
            at = [k for k, v in fields].index(b'bh')
            fields[:] = [(k, v if k != b't' else str(t).encode()) for k, v in fields]
            fields.insert(at, (b'x', str(int(time.time()) + ask['expires']).encode()))
        return plain(self, fields, *rest)
    module.DKIM.gen_header = expiring
field = dkim.sign(raw(ask['message']), ask['selector'].encode(), ask['domain'].encode(), raw(ask['secret']),
    canonicalize=tuple(c.encode() for c in ask['canonicalize']), signature_algorithm=ask['algorithm'].encode(),
    length=ask['length'])
tell = base64.b64encode(field).decode()
";
        let ask = serde_json::json!({
            "message": STANDARD.encode(message), "selector": self.key.selector, "domain": self.key.domain,
            "secret": STANDARD.encode(secret), "canonicalize": self.canonicalization, "algorithm": name,
            "length": self.length, "expires": self.expires,
        });
        let field = STANDARD.decode(run(script, &ask).as_str().unwrap()).unwrap();
        [field, message.to_vec()].concat()
    }
}

/// What Python says of each signature of a message, with these records.
pub(super) fn verify(message: &[u8], records: &[(String, String)]) -> Vec<bool> {
    let script = "
records = dict(ask['records'])
def txt(name, timeout=5):
    text = records.get(name.decode().rstrip('.'))
    return None if text is None else text.encode()
signed = dkim.DKIM(raw(ask['message']))
count = sum(1 for name, value in signed.headers if name.lower() == b'dkim-signature')
tell = [bool(dkim.DKIM(raw(ask['message'])).verify(idx=at, dnsfunc=txt)) for at in range(count)]
";
    let ask = serde_json::json!({ "message": STANDARD.encode(message), "records": records });
    run(script, &ask).as_array().unwrap().iter().map(|good| good.as_bool().unwrap()).collect()
}

/// Seals a message that has an Authentication-Results field of `server` (RFC 8617); the fields to put in front.
pub(super) fn seal(message: &[u8], key: &DkimKey, server: &str) -> Vec<u8> {
    // Of `authres`, which it wants to read the field with, it needs this much.
    let script = "
import re, types
def read(text):
    server, *results = text.split(':', 1)[1].split(';')
    found = [re.match(r'\\s*(\\w+)=(\\w+)', result) for result in results]
    found = [types.SimpleNamespace(method=r.group(1), result=r.group(2)) for r in found if r]
    return types.SimpleNamespace(authserv_id=server.strip(), results=found)
dkim.authres = types.SimpleNamespace(AuthenticationResultsHeader=types.SimpleNamespace(parse=read),
    core=types.SimpleNamespace(SyntaxError=ValueError))
fields = dkim.arc_sign(raw(ask['message']), ask['selector'].encode(), ask['domain'].encode(), raw(ask['secret']),
    ask['server'].encode())
assert len(fields) == 3, fields
tell = base64.b64encode(b''.join(fields)).decode()
";
    let ask = serde_json::json!({
        "message": STANDARD.encode(message), "selector": key.selector, "domain": key.domain,
        "secret": STANDARD.encode(secret(key).1), "server": server,
    });
    STANDARD.decode(run(script, &ask).as_str().unwrap()).unwrap()
}

/// The algorithm's name and the secret as Python wants it: PEM, or the seed in base64.
pub(super) fn secret(key: &DkimKey) -> (&'static str, Vec<u8>) {
    match key.algorithm {
        DkimAlgorithm::Rsa2048 => {
            let text = STANDARD.encode(&key.secret).into_bytes();
            let lines: Vec<&str> = text.chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            let lines = lines.join("\n");
            ("rsa-sha256", format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n").into_bytes())
        }
        // RFC 8410 §7: the seed ends the structure.
        DkimAlgorithm::Ed25519 => {
            ("ed25519-sha256", STANDARD.encode(&key.secret[key.secret.len() - 32..]).into_bytes())
        }
    }
}
