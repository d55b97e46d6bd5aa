//! RFC 6609 (include).

use super::{Account, MAIL, run_on, short};
use crate::{Action, RunError};

fn with(scripts: &[(&'static str, &str)], script: &str) -> Result<Vec<Action>, RunError> {
    let scripts = scripts.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let account = Account { scripts, ..Account::default() };
    run_on(&format!("require [\"include\",\"fileinto\",\"variables\"]; {script}"), MAIL, &account)
}

#[test]
fn rfc6609_3_2_a_script_is_done_where_it_is_included() {
    let inner = "require [\"fileinto\",\"include\"]; fileinto \"A\"; return; fileinto \"B\";";
    assert_eq!(short(&with(&[("in", inner)], "include \"in\"; fileinto \"C\";").unwrap()), ["file A", "file C"]);
    assert_eq!(short(&with(&[("in", "stop;")], "include :personal \"in\"; fileinto \"C\";").unwrap()), ["keep"]);
    assert_eq!(short(&with(&[], "include :optional \"in\";").unwrap()), ["keep"]);
    assert!(matches!(with(&[], "include \"in\";"), Err(RunError::Script(text)) if text.contains("\"in\"")));
    assert!(with(&[("in", "")], "include :global \"in\";").is_err(), "the provider's scripts are others");
}

#[test]
fn rfc6609_3_2_once_is_once() {
    let inner = "require [\"variables\",\"include\"]; global \"n\"; set \"n\" \"${n}x\";";
    let script =
        |once: &str| format!("global \"n\"; include {once} \"in\"; include {once} \"in\"; fileinto \"${{n}}\";");
    assert_eq!(short(&with(&[("in", inner)], &script("")).unwrap()), ["file xx"]);
    assert_eq!(short(&with(&[("in", inner)], &script(":once")).unwrap()), ["file x"]);
}

#[test]
fn rfc6609_3_4_only_global_variables_are_shared() {
    let inner = "require [\"variables\",\"include\"]; global \"shared\"; set \"shared\" \"1\"; set \"own\" \"2\";";
    let script = "global \"shared\"; include \"in\"; fileinto \"${shared}${own}${global.shared}\";";
    assert_eq!(short(&with(&[("in", inner)], script).unwrap()), ["file 11"]);
}

#[test]
fn rfc6609_3_2_a_script_that_includes_itself_ends_in_an_error() {
    let error = with(&[("a", "require \"include\"; include \"a\";")], "include \"a\";").unwrap_err();
    assert!(matches!(error, RunError::Limit("nested includes")), "{error}");
    let pair = [("a", "require \"include\"; include \"b\";"), ("b", "require \"include\"; include \"a\";")];
    assert!(matches!(with(&pair, "include \"a\";"), Err(RunError::Limit("nested includes"))));
}
