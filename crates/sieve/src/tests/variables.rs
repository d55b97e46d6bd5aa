//! RFC 5229 (variables).

use super::done;

fn files(script: &str) -> Vec<String> {
    done(&format!("require [\"variables\",\"fileinto\"]; {script}"))
}

#[test]
fn rfc5229_3_a_variable_outlives_the_block_that_sets_it() {
    assert_eq!(files("if true { set \"a\" \"X\"; } else { set \"a\" \"Y\"; } fileinto \"${A}-\";"), ["file X-"]);
    assert_eq!(files("set \"a\" \"1\"; if true { if true { set \"a\" \"${a}2\"; } } fileinto \"${a}\";"), ["file 12"]);
}

#[test]
fn rfc5229_3_what_is_no_variable_stays() {
    assert_eq!(files("fileinto \"a${none}b${}c$ {x}${a b}${1a}$\";"), ["file ab${}c$ {x}${a b}${1a}$"]);
    assert_eq!(files("set \"a\" \"${\"; set \"b\" \"a}\"; fileinto \"${a}${b}\";"), ["file ${a}"]);
    assert_eq!(files("set \"cost\" \"5\"; fileinto \"$${cost}\";"), ["file $5"]);
    assert_eq!(done("require \"fileinto\"; fileinto \"${a}\";"), ["file ${a}"], "without the extension");
}

#[test]
fn rfc5229_3_2_matches_are_variables() {
    assert_eq!(files("if header :matches \"subject\" \"* at *\" { fileinto \"${2}.${1}\"; }"), ["file noon.Café"]);
    assert_eq!(
        files("if header :matches \"subject\" \"caf?*\" { } fileinto \"${0}|${1}|${2}\";"),
        ["file Café at noon|é| at noon"]
    );
    assert_eq!(
        files(
            "if header :matches \"subject\" \"*\" { if header :matches \"to\" \"nobody*\" { stop; } fileinto \"${1}\"; }"
        ),
        ["file Café at noon"]
    );
}

#[test]
fn rfc5229_3_2_the_match_that_held_counts() {
    let script = "if header :matches \"subject\" \"x*\" { fileinto \"a${1}\"; } \
                  elsif address :matches \"from\" \"*@*\" { fileinto \"${2}/${1}\"; }";
    assert_eq!(files(script), ["file example.net/bob"]);
    let script = "if anyof(header :matches \"subject\" \"x*\", header :matches \"to\" \"* <*\") { fileinto \"${1}\"; }";
    assert_eq!(files(script), ["file Anne"]);
    let script =
        "if true { if not header :matches \"subject\" \"*noon\" { stop; } set \"s\" \"${1}\"; } fileinto \"[${s}]\";";
    assert_eq!(files(script), ["file [Café at ]"]);
    let script = "if header :matches \"x-spam-score\" \"*\" { set :length \"l\" \"${1}\"; if string :is \"${l}\" \"1\" \
                  { if true { fileinto \"S${1}\"; } } }";
    assert_eq!(files(script), ["file S7"]);
}

#[test]
fn rfc5229_4_1_modifiers_have_an_order() {
    for (modifiers, expected) in [
        (":lower", "juMBLED lETTERS"),
        (":upper", "JUMBLED LETTERS"),
        (":lowerfirst", "juMBLED lETTERS"),
        (":upperfirst :lower", "Jumbled letters"),
        (":length", "15"),
    ] {
        let expected = if modifiers == ":lower" { "jumbled letters" } else { expected };
        let script = format!("set \"a\" \"juMBlEd lETteRS\"; set {modifiers} \"b\" \"${{a}}\"; fileinto \"${{b}}\";");
        let expected = if modifiers == ":lowerfirst" { "juMBlEd lETteRS" } else { expected };
        assert_eq!(files(&script), [format!("file {expected}")], "{modifiers}");
    }
    assert_eq!(files(r#"set :quotewildcard "a" "a*b?c\\d"; fileinto "${a}";"#), [r"file a\*b\?c\\d"]);
}

#[test]
fn rfc5229_5_strings_are_tested() {
    assert_eq!(files("set \"s\" \"ham\"; if string :is \"${s}\" [\"x\", \"HAM\"] { fileinto \"A\"; }"), ["file A"]);
    assert_eq!(files("if string :matches \"a-b\" \"*-*\" { fileinto \"${2}${1}\"; }"), ["file ba"]);
    assert_eq!(
        done(
            "require [\"variables\",\"relational\",\"comparator-i;ascii-numeric\"]; set \"n\" \"\";\
              if string :count \"eq\" :comparator \"i;ascii-numeric\" [\"a\", \"${n}\", \"b\"] \"2\" { discard; }"
        ),
        [""; 0]
    );
}
