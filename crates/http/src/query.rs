//! Parameters of a request's query, whose names clients write in any case, and the domain that an address belongs to.

use axum::extract::Query;
use sterna_core::Address;

use crate::answer::Problem;

/// The parameters as they came, decoded.
pub(crate) type Parameters = Query<Vec<(String, String)>>;

/// The same of a text, such as a form in a body; none if it is not one.
pub(crate) fn decoded(form: &str) -> Vec<(String, String)> {
    let uri = format!("/?{form}").parse().ok();
    uri.and_then(|uri| Parameters::try_from_uri(&uri).ok()).map_or_else(Vec::new, |Query(parameters)| parameters)
}

/// The first parameter of this name.
pub(crate) fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The address in the first of these parameters.
pub(crate) fn address(parameters: &[(String, String)], names: &[&str]) -> Result<Address, Problem> {
    let given = names.iter().find_map(|name| parameter(parameters, name)).ok_or(Problem::NoAddress)?;
    Address::parse(given).map_err(|_| Problem::NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_taken_in_any_case() {
        let parameters = [("EmailAddress".to_owned(), "Anne@Example.org".to_owned())];
        assert_eq!(address(&parameters, &["email", "emailaddress"]).unwrap().as_str(), "anne@example.org");
        assert_eq!(address(&parameters, &["email"]), Err(Problem::NoAddress));
        assert_eq!(address(&[("email".into(), "anne".into())], &["email"]), Err(Problem::NoAddress));
    }
}
