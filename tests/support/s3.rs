//! The S3 server asks for its credentials, keeps objects as files, and keeps them through `kill -9`.

use std::time::Duration;

use sterna_tests::{S3Place, S3Server, backend, python};

/// One request with an AWS signature of version 4: the standard library's Python shares no code with a client of Sterna.
const REQUEST: &str = r#"
import datetime, hashlib, hmac, http.client, sys
method, endpoint, path, access, secret, size = sys.argv[1:7]
host = endpoint.split('//')[1]
body = b'x' * int(size)
now = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
digest = hashlib.sha256(body).hexdigest()
headers = {'host': host, 'x-amz-content-sha256': digest, 'x-amz-date': now}
names = ';'.join(sorted(headers))
canonical = '\n'.join([method, path, ''] + [f'{n}:{headers[n]}' for n in sorted(headers)] + ['', names, digest])
scope = f'{now[:8]}/us-east-1/s3/aws4_request'
text = '\n'.join(['AWS4-HMAC-SHA256', now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
key = ('AWS4' + secret).encode()
for part in scope.split('/') + [text]:
    key = hmac.new(key, part.encode(), hashlib.sha256).digest()
headers['authorization'] = f'AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, Signature={key.hex()}'
connection = http.client.HTTPConnection(host, timeout=20)
connection.request(method, path, body, headers)
response = connection.getresponse()
print(response.status, len(response.read()))
"#;

fn request(method: &str, place: &S3Place, key: &str, size: usize) -> String {
    let path = format!("/{}/{}{key}", place.bucket, place.prefix);
    let arguments = [method, &place.endpoint, &path, &place.access_key, &place.secret_key, &size.to_string()];
    python(REQUEST, &arguments).success().stdout.trim().to_owned()
}

#[test]
fn every_fixture_of_a_process_gets_a_place() {
    let (one, other) = (backend::fresh_s3(), backend::fresh_s3());
    assert_eq!(request("PUT", &one, "17/abc", 100_000), "200 0");
    assert_eq!(request("PUT", &other, "17/abc", 7), "200 0");
    assert_eq!(request("GET", &one, "17/abc", 0), "200 100000");
    assert_eq!(one.objects().into_iter().collect::<Vec<_>>(), [("17/abc".to_owned(), 100_000)]);
    assert_eq!(request("DELETE", &one, "17/abc", 0), "204 0");
    assert_eq!((one.objects().len(), other.objects().len()), (0, 1));
    assert!(request("GET", &one, "17/abc", 0).starts_with("404 "));
    let mut stranger = other.clone();
    stranger.secret_key = "wrong".to_owned();
    assert!(request("GET", &stranger, "17/abc", 0).starts_with("403 "));
    let longest = format!("{}/{}", u64::MAX, "0123456789abcdef".repeat(5) + "-");
    assert_eq!(request("PUT", &other, &longest, 1), "200 0");
}

#[test]
fn objects_survive_kill_9() {
    let mut server = S3Server::start();
    let place = server.place("p/");
    assert_eq!(request("PUT", &place, "key", 5), "200 0");
    assert_eq!(server.objects().into_iter().collect::<Vec<_>>(), [("p/key".to_owned(), 5)]);
    assert_eq!(place.objects().into_iter().collect::<Vec<_>>(), [("key".to_owned(), 5)]);
    assert_eq!(server.unfinished_parts(), 0);
    server.kill_9();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart();
    assert_eq!(request("GET", &place, "key", 0), "200 5");
    server.process().freeze(true);
    let outcome = std::net::TcpStream::connect(("127.0.0.1", server.port())).and_then(|mut stream| {
        use std::io::{Read, Write};
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
        stream.read(&mut [0])
    });
    assert_eq!(outcome.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
