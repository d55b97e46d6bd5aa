//! RFC 5231 (relational), RFC 5233 (subaddress), RFC 5260 (date, index), RFC 5173 (body), RFC 5183 (environment).

use super::{Account, MAIL, holds, run_on};

#[test]
fn rfc5231_values_and_counts_are_compared() {
    let capabilities = "\"relational\",\"comparator-i;ascii-numeric\"";
    for (test, expected) in [
        ("header :value \"ge\" :comparator \"i;ascii-numeric\" \"x-spam-score\" \"5\"", true),
        ("header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-spam-score\" \"10\"", false),
        ("header :value \"gt\" \"x-spam-score\" \"10\"", true),
        ("header :count \"eq\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] \"2\"", true),
        ("address :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] [\"3\"]", true),
        ("address :count \"gt\" :comparator \"i;ascii-numeric\" [\"to\", \"cc\"] \"3\"", false),
    ] {
        assert_eq!(holds(capabilities, test), expected, "{test}");
    }
}

#[test]
fn rfc5233_an_address_has_user_and_detail() {
    for (test, expected) in [
        ("envelope :user \"to\" \"anne\"", true),
        ("envelope :detail \"to\" \"lists\"", true),
        ("envelope :detail \"from\" \"\"", false),
        ("address :user \"from\" \"bob\"", true),
    ] {
        assert_eq!(holds("\"subaddress\",\"envelope\"", test), expected, "{test}");
    }
}

#[test]
fn rfc5260_dates_are_taken_apart_in_a_zone() {
    for (test, expected) in [
        ("date :originalzone \"date\" \"date\" \"2026-11-22\"", true),
        ("date :zone \"+0000\" \"date\" \"date\" \"2026-11-23\"", true),
        ("date :originalzone \"date\" \"hour\" \"23\"", true),
        ("date :zone \"-0500\" \"date\" \"weekday\" \"0\"", true),
        ("date :zone \"+0100\" \"date\" \"time\" \"05:30:00\"", true),
        ("date :originalzone \"date\" \"zone\" \"-0500\"", true),
        ("date :originalzone \"date\" \"year\" \"2026\"", true),
        ("date :originalzone \"date\" \"julian\" \"61366\"", true),
        ("date :value \"ge\" :originalzone \"date\" \"hour\" \"18\"", true),
        ("date :originalzone \"received\" \"hour\" \"10\"", true),
        ("date \"x-none\" \"year\" \"2026\"", false),
        ("currentdate :value \"ge\" \"year\" \"2026\"", true),
        ("currentdate :value \"lt\" :zone \"+0000\" \"date\" \"2026-01-01\"", false),
    ] {
        assert_eq!(holds("\"date\",\"relational\"", test), expected, "{test}");
    }
}

#[test]
fn rfc5260_6_one_of_several_fields_is_looked_at() {
    let mail = MAIL.replace("X-Spam-Score: 7", "X-A: 1\r\nX-A: 2\r\nX-A: 3");
    for (test, expected) in [
        (":index 1 \"x-a\" \"1\"", true),
        (":index 2 \"x-a\" \"1\"", false),
        (":index 1 :last \"x-a\" \"3\"", true),
        (":index 4 \"x-a\" \"3\"", false),
    ] {
        let script = format!("require \"index\"; if header {test} {{ discard; }}");
        assert_eq!(run_on(&script, &mail, &Account::default()).unwrap().is_empty(), expected, "{test}");
    }
}

#[test]
fn rfc5173_the_body_is_searched() {
    let parts = MAIL.replace("\r\n\r\n", "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n").replace(
        "Shall we meet?\r\n",
        "pre\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw6l0w6kgbWVldA==\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n<p>hello <b>wor</b>ld</p>\r\n\
         --b\r\nContent-Type: application/pdf\r\n\r\nsecret\r\n--b--\r\n",
    );
    for (mail, test, expected) in [
        (MAIL, "body :contains \"MEET\"", true),
        (MAIL, "body :raw :contains \"we meet\"", true),
        (MAIL, "body :contains \"noon\"", false),
        (parts.as_str(), "body :text :contains \"été\"", true),
        (parts.as_str(), "body :raw :contains \"w6l0\"", true),
        (parts.as_str(), "body :text :contains \"hello world\"", true),
        (parts.as_str(), "body :content \"text\" :contains \"<b>\"", true),
        (parts.as_str(), "body :content \"application/pdf\" :contains \"secret\"", true),
        (parts.as_str(), "body :content \"text/plain\" :contains \"secret\"", false),
        (parts.as_str(), "body :text :contains \"secret\"", false),
        (parts.as_str(), "body :text :matches \"*été*\"", true),
    ] {
        let script = format!("require \"body\"; if {test} {{ discard; }}");
        assert_eq!(run_on(&script, mail, &Account::default()).unwrap().is_empty(), expected, "{test}");
    }
}

#[test]
fn rfc5183_the_environment_is_told() {
    for (test, expected) in [
        ("environment \"name\" \"Sterna\"", true),
        ("environment \"host\" \"mx.example.org\"", true),
        ("environment \"domain\" \"example.org\"", true),
        ("environment :matches \"remote-ip\" \"192.0.2.*\"", true),
        ("environment \"vnd.sterna.external\" \"yes\"", true),
        ("environment :contains \"x-unknown\" \"\"", false),
    ] {
        assert_eq!(holds("\"environment\"", test), expected, "{test}");
    }
}
