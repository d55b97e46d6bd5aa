//! Which path is answered by whom, within which limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::service::Service;
use crate::{answer, autoconfig, autodiscover, health, limits, mobileconfig, page, webmail};

/// What the last resort knows of its connection.
#[derive(Clone)]
struct Rest {
    service: Arc<Service>,
    tls: bool,
}

/// All routes, for a connection with or without TLS.
pub(crate) fn router(service: Arc<Service>, tls: bool) -> Router {
    let patience = service.config.times.request;
    let rest = Router::new().fallback(any_case).with_state(Rest { service: service.clone(), tls });
    Router::new()
        .route("/", get(page::page))
        .route("/page.css", get(page::style))
        .route("/webmail", get(webmail::get).post(webmail::post))
        .route("/health", get(health::health))
        .route("/mail/config-v1.1.xml", get(autoconfig::config))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(autoconfig::config))
        .route("/mobileconfig", get(mobileconfig::profile))
        .route("/email.mobileconfig", get(mobileconfig::profile))
        .with_state(service)
        .fallback_service(rest)
        .layer(DefaultBodyLimit::max(limits::BODY))
        .layer(from_fn_with_state(patience, in_time))
        .layer(map_response(answer::guarded))
}

/// Outlook's paths come in any case; everything else is not found.
async fn any_case(State(rest): State<Rest>, method: Method, uri: Uri, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return closing(rejection.into_response()),
    };
    match autodiscover::answer(&rest.service, &method, &uri, &body, rest.tls).await {
        Some(response) => response,
        None => answer::answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".to_owned()),
    }
}

/// Ends a request whose body does not come, or whose answer is not found, in time.
async fn in_time(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => closing(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

/// The rest of such a request is not waited for.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
