//! The JSON form, version 1: newer clients ask here first for the place of the service that they speak.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sterna_core::Address;

use super::XML;
use crate::answer;
use crate::query::parameter;
use crate::service::Service;

/// The protocol that there is: the XML form.
const PROTOCOL: &str = "AutodiscoverV1";

/// `GET /autodiscover/autodiscover.json?Email=…&Protocol=AutodiscoverV1`, or `…/autodiscover.json/v1.0/ADDRESS?Protocol=…`
pub(super) async fn get(service: &Arc<Service>, path: &str, parameters: &[(String, String)]) -> Response {
    let in_path = path.rsplit('/').next().map(|last| last.replace("%40", "@")).filter(|last| last.contains('@'));
    let given = parameter(parameters, "email").map(str::to_owned).or(in_path);
    let Some(address) = given.and_then(|text| Address::parse(&text).ok()) else {
        return error(StatusCode::BAD_REQUEST, "InvalidUserId", "an e-mail address is needed");
    };
    if !parameter(parameters, "protocol").is_some_and(|p| p.eq_ignore_ascii_case(PROTOCOL)) {
        return error(StatusCode::BAD_REQUEST, "InvalidProtocol", "the only protocol is AutodiscoverV1");
    }
    match service.serves(address.domain()).await {
        Ok(true) => match &service.config.clients.url {
            Some(url) => {
                let value = json!({ "Protocol": PROTOCOL, "Url": format!("{url}{XML}") });
                answer::ok("application/json; charset=utf-8", value.to_string())
            }
            None => error(StatusCode::NOT_FOUND, "ProtocolNotSupported", "the service is not reached with TLS"),
        },
        Ok(false) => error(StatusCode::NOT_FOUND, "UserNotFound", "this server knows nothing about that domain"),
        Err(problem) => problem.into_response(),
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let value = json!({ "ErrorCode": code, "ErrorMessage": message });
    answer::answer(status, "application/json; charset=utf-8", value.to_string())
}

#[cfg(test)]
mod tests {
    use crate::testing::Client;

    #[tokio::test]
    async fn the_json_form_points_at_the_xml_form() {
        let client = Client::start().await;
        for path in [
            "/autodiscover/autodiscover.json?Email=anne@example.org&Protocol=Autodiscoverv1",
            "/Autodiscover/Autodiscover.json/v1.0/anne%40example.org?Protocol=AutodiscoverV1&RedirectCount=1",
        ] {
            let answer = client.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(value["Protocol"], "AutodiscoverV1");
            assert_eq!(value["Url"], "https://mail.example.org/autodiscover/autodiscover.xml");
        }
        for (query, status, code) in [
            ("Email=anne@example.org&Protocol=ActiveSync", 400, "InvalidProtocol"),
            ("Email=anne&Protocol=AutodiscoverV1", 400, "InvalidUserId"),
            ("Email=anne@example.com&Protocol=AutodiscoverV1", 404, "UserNotFound"),
        ] {
            let answer = client.get(&format!("/autodiscover/autodiscover.json?{query}")).await;
            let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!((answer.status, value["ErrorCode"].as_str()), (status, Some(code)));
        }
    }
}
