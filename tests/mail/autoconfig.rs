//! A client that knows nothing but an address finds its settings, and they work.

use sterna_tests::python;

use crate::site::Site;

/// Asks as Thunderbird, Outlook and an iPhone do; prints the IMAP and SMTP settings of each.
const ASK: &str = r#"
import sys, urllib.request, xml.etree.ElementTree as ET, plistlib
base = sys.argv[1]
def get(path, data=None, kind=None):
    request = urllib.request.Request(base + path, data=data, headers={'Content-Type': kind} if kind else {})
    return urllib.request.urlopen(request, timeout=10).read()
config = ET.fromstring(get('/mail/config-v1.1.xml?emailaddress=anne%40here.test'))
provider = config.find('emailProvider')
assert 'here.test' in [d.text for d in provider.findall('domain')]
kinds = [s.get('type') for s in provider.findall('incomingServer')]
assert 'imap' in kinds and 'pop3' in kinds, kinds
assert provider.find('outgoingServer').get('type') == 'smtp'
assert provider.find('incomingServer/username').text in ('%EMAILADDRESS%', 'anne@here.test')
same = ET.fromstring(get('/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=anne%40here.test'))
assert ET.tostring(same) == ET.tostring(config)
ask = b'''<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>
<EMailAddress>anne@here.test</EMailAddress>
<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
</Request></Autodiscover>'''
answer = ET.fromstring(get('/Autodiscover/Autodiscover.xml', ask, 'text/xml'))
ns = '{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}'
protocols = {p.find(ns + 'Type').text: p.find(ns + 'Server').text for p in answer.iter(ns + 'Protocol')}
assert set(protocols) >= {'IMAP', 'SMTP'}, protocols
profile = plistlib.loads(get('/mobileconfig?email=anne%40here.test'))
mail = profile['PayloadContent'][0]
assert mail['EmailAddress'] == 'anne@here.test' and mail['IncomingMailServerUsername'] == 'anne@here.test'
imap = [s for s in provider.findall('incomingServer') if s.get('type') == 'imap'][0]
print(imap.find('hostname').text, imap.find('port').text, protocols['IMAP'], mail['IncomingMailServerHostName'])
"#;

#[test]
fn three_kinds_of_clients_find_the_same_server() {
    let site = Site::start();
    let base = format!("http://127.0.0.1:{}", site.sterna.port_of("http"));
    let answer = python(ASK, &[&base]).success().stdout;
    let words: Vec<&str> = answer.split_whitespace().collect();
    assert_eq!((words[0], words[2], words[3]), ("localhost", "localhost", "localhost"), "{answer}");
}

#[test]
fn a_domain_that_is_not_ours_gets_no_settings() {
    let site = Site::start();
    let base = format!("http://127.0.0.1:{}", site.sterna.port_of("http"));
    let script = "import sys, urllib.request, urllib.error\ntry:\n  urllib.request.urlopen(sys.argv[1] + \
                  '/mail/config-v1.1.xml?emailaddress=x%40elsewhere.test', timeout=10)\n  print('found')\n\
                  except urllib.error.HTTPError as e:\n  print(e.code)\n";
    assert_eq!(python(script, &[&base]).success().stdout.trim(), "404");
}
