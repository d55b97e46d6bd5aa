//! `GET /health`: whether this node can serve, for load balancers. Says nothing but that.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::answer::{Problem, ok};
use crate::service::Service;

/// 200 if the store answers, 503 if it does not.
pub(crate) async fn health(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    service.serves(&service.config.hostname).await?;
    Ok(ok("application/json", "{\"status\":\"ok\"}\n".to_owned()))
}
