//! Greetings and logins.

use super::*;

#[tokio::test]
async fn a_password_goes_by_plain_with_its_initial_response() {
    let (mut c, s) = greeted(
        "AUTH=PLAIN SASL-IR",
        "C: S1 AUTHENTICATE PLAIN AHUAcCB3
         S: S1 OK [CAPABILITY IMAP4rev1 IDLE] in",
    )
    .await;
    c.login(&password()).await.unwrap();
    assert!(c.capabilities().has("IDLE") && !c.capabilities().has("SASL-IR"));
    end(c, s).await;
}

#[tokio::test]
async fn without_sasl_ir_the_response_waits_for_the_server() {
    let (mut c, s) = greeted(
        "AUTH=PLAIN",
        "C: S1 AUTHENTICATE PLAIN
         S: +
         C: YWQAbQBw
         S: S1 OK in
         C: S2 CAPABILITY
         S: * CAPABILITY IMAP4rev1 MOVE
         S: S2 OK",
    )
    .await;
    let credentials =
        Credentials::PlainAs { authzid: "ad".to_owned(), authcid: "m".to_owned(), password: "p".to_owned() };
    c.login(&credentials).await.unwrap();
    assert!(c.capabilities().has("MOVE"));
    end(c, s).await;
}

#[tokio::test]
async fn a_master_user_logs_in_with_a_combined_name_and_an_8_bit_password_is_a_literal() {
    let credentials = Credentials::Master {
        user: "user".to_owned(),
        master: "admin".to_owned(),
        separator: "*".to_owned(),
        password: "pé".to_owned(),
    };
    let (mut c, s) = greeted(
        "",
        "C: S1 LOGIN \"user*admin\" {3}
         S: + go
         C: pé
         S: S1 OK [CAPABILITY IMAP4rev1 X] in",
    )
    .await;
    c.login(&credentials).await.unwrap();
    end(c, s).await;
}

#[tokio::test]
async fn plain_that_is_not_understood_is_followed_by_login() {
    let (mut c, s) = greeted(
        "AUTH=PLAIN SASL-IR",
        "C: S1 AUTHENTICATE PLAIN AHUAcCB3
         S: S1 BAD what
         C: S2 LOGIN u \"p w\"
         S: S2 OK [CAPABILITY IMAP4rev1 X] in",
    )
    .await;
    c.login(&password()).await.unwrap();
    end(c, s).await;
}

#[tokio::test]
async fn the_error_hidden_in_a_second_xoauth2_challenge_is_shown() {
    let (mut c, s) = greeted(
        "AUTH=XOAUTH2 SASL-IR",
        "C: S1 AUTHENTICATE XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHQBAQ==
         S: + eyJzdGF0dXMiOiI0MDAifQ==
         C: 
         S: S1 NO failed",
    )
    .await;
    let error = c.login(&Credentials::XOAuth2 { user: "u".to_owned(), token: "t".to_owned() }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "imap://test:143: the login \"u\" was refused (failed {\"status\":\"400\"}); check user name and password"
    );
    end(c, s).await;
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let (mut c, s) = greeted("LOGINDISABLED", "").await;
    let error = c.login(&password()).await.unwrap_err();
    assert!(matches!(*error.kind, ErrorKind::LoginDisabled));
    assert_eq!(error.retry(), Retry::Never);
    end(c, s).await;

    let answers = [
        ("S1 NO [AUTHENTICATIONFAILED] no", Retry::Never),
        ("S1 NO [UNAVAILABLE] Internal error", Retry::After(Duration::from_secs(10))),
        ("S1 NO Suggested Backoff Time: 1500 ms", Retry::After(Duration::from_millis(1500))),
    ];
    for (answer, retry) in answers {
        let (ours, theirs) = tokio::io::duplex(1000);
        let script = format!("S: * OK [CAPABILITY IMAP4rev1] x\nC: S1 LOGIN u \"p w\"\nS: {answer}\n");
        let server = tokio::spawn(async move { play(theirs, &script).await });
        let mut c = Connection::new(Stream::Other(Box::new(ours)), "x", Timeouts::default(), Limits::default());
        c.greet().await.unwrap();
        let error = c.login(&password()).await.unwrap_err();
        assert_eq!(error.retry(), retry);
        assert!(!error.to_string().contains("p w"));
        end(c, server).await;
    }
}

#[tokio::test]
async fn greetings_of_other_servers_are_told_apart() {
    for (script, wanted) in [
        ("S: 220 mail ESMTP Postfix", "220 mail ESMTP Postfix"),
        ("S: +OK POP3 ready", "+OK POP3 ready"),
        ("S- HTTP/1.1 400", "HTTP/1.1 400"),
    ] {
        let (mut c, s) = bare(script);
        let error = c.greet().await.unwrap_err();
        assert!(matches!(&*error.kind, ErrorKind::NotImap(said) if said == wanted), "{error}");
        end(c, s).await;
    }
    let (mut c, s) = bare("S: * BYE [UNAVAILABLE] too busy");
    assert!(matches!(&*c.greet().await.unwrap_err().kind, ErrorKind::Bye { text, .. } if text == "too busy"));
    end(c, s).await;
    let (mut c, _s) = bare("X");
    assert!(matches!(*c.greet().await.unwrap_err().kind, ErrorKind::Closed("its greeting was due")));
}

#[tokio::test]
async fn preauth_needs_no_login() {
    let (mut c, s) = bare("S: * PREAUTH [CAPABILITY IMAP4rev1] hi");
    c.greet().await.unwrap();
    c.login(&password()).await.unwrap();
    end(c, s).await;
}
