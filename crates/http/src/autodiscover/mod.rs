//! Outlook's autodiscover: the plain XML form (POX), and the JSON form that points at it.
//!
//! [`request`] reads what comes in, [`pox`] answers it, [`json`] is the pointer. Nobody logs in: what is told is the same
//! for every address of a domain.

mod json;
mod pox;
mod request;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::query::Parameters;
use crate::service::Service;

/// Where the XML form is asked for. Clients write it in any case.
const XML: &str = "/autodiscover/autodiscover.xml";

/// Where the JSON form is asked for; an address may stand behind it.
const JSON: &str = "/autodiscover/autodiscover.json";

/// Answers a path that is Outlook's, in whatever case it is written; `None` if it is not.
pub(crate) async fn answer(
    service: &Arc<Service>,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
    tls: bool,
) -> Option<Response> {
    let path = uri.path().to_ascii_lowercase();
    if path == XML {
        return Some(match *method {
            Method::POST => pox::post(service, body).await,
            Method::GET | Method::HEAD => pox::get(service, tls),
            _ => refused("GET, HEAD, POST"),
        });
    }
    if path != JSON && !path.strip_prefix(JSON)?.starts_with("/v1.0/") {
        return None;
    }
    Some(match *method {
        Method::GET | Method::HEAD => {
            let parameters: Result<Parameters, _> = Query::try_from_uri(uri);
            json::get(service, uri.path(), &parameters.map(|Query(pairs)| pairs).unwrap_or_default()).await
        }
        _ => refused("GET, HEAD"),
    })
}

fn refused(allow: &'static str) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
}
