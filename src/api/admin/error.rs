//! Errors of the admin routes: `{"error": {"message"}}`.

use axum::{
    Json,
    body::to_bytes,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::json;

/// What went wrong and what to do.
#[derive(Clone, Debug)]
pub struct AdminError {
    status: StatusCode,
    message: String,
}

impl AdminError {
    /// 400: the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// 403: not for whoever asks.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
    }

    /// 404: no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    /// 409: it changed meanwhile, or may not be changed now.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, message: message.into() }
    }

    /// 503: the part behind it does not answer.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }

    /// 404: no such path.
    pub fn unknown_path(method: &Method, path: &str) -> Self {
        Self::not_found(format!("Invalid URL ({method} {path})"))
    }

    /// 401: no token.
    pub fn no_token() -> Self {
        let message =
            "This needs the operator's token: send `Authorization: Bearer TOKEN`, or set BANTO_TOKEN for `banto`.";
        Self { status: StatusCode::UNAUTHORIZED, message: message.into() }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let kind = if self.status.is_client_error() { "invalid_request_error" } else { "server_error" };
        (self.status, Json(json!({ "error": { "message": self.message, "type": kind } }))).into_response()
    }
}

/// The longest sentence of a reader that is passed on. Unit: bytes.
const LONGEST: usize = 4 << 10;

/// What the readers of bodies and paths say in plain text, in the form of all other errors; a wrong shape is a 400 like any
/// other mistake in a request.
pub(super) async fn in_json(response: Response) -> Response {
    let text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    let bare = status == StatusCode::METHOD_NOT_ALLOWED;
    if !status.is_client_error() || !(text || bare) {
        return response;
    }
    let said = to_bytes(response.into_body(), LONGEST).await.unwrap_or_default();
    let message = match String::from_utf8_lossy(&said).into_owned() {
        message if message.is_empty() => "this path does not know this method".to_owned(),
        message => message,
    };
    let status = if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
    AdminError { status, message }.into_response()
}
