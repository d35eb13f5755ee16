//! What was wrong with a request, as its sender gets to know it: a status, one word for programs and a sentence
//! that says what to change.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    kind: &'static str,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Told<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    kind: &'a str,
    message: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), header: None }
    }

    /// Not allowed; another page or program than the till asks.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The request cannot be read.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// The request reads well and says something that cannot be.
    pub(super) fn senseless(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "senseless", message)
    }

    /// There is no token, or not the right one.
    pub(super) fn unauthorised() -> Self {
        let message = "send \"Authorization: Bearer TOKEN\" with the token from its file; `local.token_file` in the \
                       settings says where it is";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", message)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// There is no such page.
    pub(super) fn nowhere() -> Self {
        let paths: Vec<&str> = super::ROUTES.iter().map(|(_, path)| *path).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            format!("there is no such path; there are {}", paths.join(", ")),
        )
    }

    /// The path is there, for other methods.
    pub(super) fn method(path: &str) -> Self {
        let method = super::ROUTES.iter().find(|(_, known)| super::routes::leads(known, path));
        let method = method.map_or("GET", |(method, _)| *method);
        let allow = HeaderValue::from_static(if method == "GET" { "GET, HEAD" } else { "POST" });
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", format!("this path takes {method} only"))
            .with(ALLOW, allow)
    }

    /// Not now; a moment later.
    pub(super) fn later(self, seconds: u16) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The body.
    pub(super) fn json(&self) -> String {
        let told = Told { error: Error { kind: self.kind, message: &self.message } };
        // two texts under fixed names
        serde_json::to_string(&told).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}
