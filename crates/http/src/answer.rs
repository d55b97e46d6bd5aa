//! Answers: a body with its type, or a problem with its status. Fields that every answer carries are added by the router.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What can be wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No address, or a text that is none.
    NoAddress,
    /// An address of a domain whose mail is elsewhere.
    NotOurs,
    /// Settings in this form cannot be told: no such server is configured.
    NoSettings,
    /// The store does not answer.
    Unavailable,
}

impl Problem {
    fn told(self) -> (StatusCode, &'static str) {
        match self {
            Problem::NoAddress => (StatusCode::BAD_REQUEST, "an e-mail address is needed\n"),
            Problem::NotOurs => (StatusCode::NOT_FOUND, "this server knows nothing about that domain\n"),
            Problem::NoSettings => (StatusCode::NOT_FOUND, "this server has no settings in this form\n"),
            Problem::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "try again later\n"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, text) = self.told();
        let mut response = answer(status, "text/plain; charset=utf-8", text.into());
        if self == Problem::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }
}

/// An answer with a body.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A good answer.
pub(crate) fn ok(content_type: &'static str, body: String) -> Response {
    answer(StatusCode::OK, content_type, body)
}

/// Fields of every answer: nothing here is to be framed, sniffed, kept or run.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the fields of every answer, where it has no others. No Strict-Transport-Security: the port without TLS serves
/// what Thunderbird asks without it, under names for which there may be no certificate.
pub(crate) async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
