//! What there is to ask. `docs/openapi.json` describes it, and a test holds the two together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::door::Doorway;
use super::events::Stream;
use super::guard;
use super::problem::Problem;
use crate::lane::Ask;
use crate::recognition::reports::{Accepted, NotAccepted, Refused, Report};

/// Every route: its method and its path. `HEAD` goes wherever `GET` does.
pub const ROUTES: [(&str, &str); 7] = [
    ("GET", LATEST),
    ("GET", EVENTS),
    ("POST", TRIGGER),
    ("POST", SELECTION),
    ("POST", TRANSACTION),
    ("GET", HEALTH),
    ("GET", METRICS),
];
const LATEST: &str = "/v1/weighing/latest";
const EVENTS: &str = "/v1/events";
const TRIGGER: &str = "/v1/trigger";
const SELECTION: &str = "/v1/weighings/{id}/selection";
const TRANSACTION: &str = "/v1/weighings/{id}/transaction";
const HEALTH: &str = "/v1/health";
const METRICS: &str = "/metrics";

/// A report takes at most 6 kB; this is the limit for whatever else comes.
const MOST_BODY: usize = 64 * 1024;
/// A body must have come within this.
const BODY_LIMIT: Duration = Duration::from_secs(5);
/// How long the disk may take to keep a report. A till that hears nothing sends it again.
const DISK_LIMIT: Duration = Duration::from_secs(10);
/// Longer than any weighing: the longest deadline is a minute.
const WEIGHING_LIMIT: Duration = Duration::from_secs(65);
/// Events on their way into a connection; the rest waits where it is counted.
const AHEAD: usize = 1;

/// Headers of every answer: nothing here is a page, and nothing is kept by whoever reads it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The routes behind one door.
pub(super) fn router(doorway: Arc<Doorway>) -> Router {
    Router::new()
        .route(LATEST, get(latest))
        .route(EVENTS, get(events))
        .route(TRIGGER, post(trigger))
        .route(SELECTION, post(selection))
        .route(TRANSACTION, post(transaction))
        .route(HEALTH, get(health))
        .route(METRICS, get(metrics))
        .fallback(async || Problem::nowhere())
        .method_not_allowed_fallback(async |uri: Uri| Problem::method(uri.path()))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&doorway), watch))
        .with_state(doorway)
}

/// Whether a request's path is one of a route.
pub(super) fn leads(route: &str, path: &str) -> bool {
    let (mut route, mut path) = (route.split('/'), path.split('/'));
    loop {
        match (route.next(), path.next()) {
            (None, None) => return true,
            (Some(step), Some(taken)) if step == taken || step == "{id}" => {}
            _ => return false,
        }
    }
}

/// Stands in front of everything: checks who asks, and finishes every answer.
async fn watch(State(doorway): State<Arc<Doorway>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let house = &doorway.house;
    let allowed = guard::check(&parts, &doorway.names, &house.token, house.always_token);
    let mut response = match allowed {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    };
    house.meters.answered(response.status().as_u16());
    response.headers_mut().extend(HEADERS);
    response
}

async fn latest(State(doorway): State<Arc<Doorway>>) -> Response {
    match doorway.house.hub.latest() {
        Some(line) => json(StatusCode::OK, line),
        None => Problem::new(
            StatusCode::NOT_FOUND,
            "no_weighing",
            "nothing was weighed since the agent started; put something on the scale",
        )
        .into_response(),
    }
}

async fn health(State(doorway): State<Arc<Doorway>>) -> Response {
    let health = doorway.house.sight.health();
    let status = if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, serde_json::to_string(&health).unwrap_or_default())
}

async fn metrics(State(doorway): State<Arc<Doorway>>) -> Response {
    let text = doorway.house.meters.text(&doorway.house.sight);
    typed(StatusCode::OK, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"), text)
}

async fn events(State(doorway): State<Arc<Doorway>>, headers: HeaderMap) -> Result<Response, Problem> {
    let house = &doorway.house;
    let full = || {
        let message = "too many programs follow the events already; close one of them";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", message).later(5)
    };
    let place = Arc::clone(&doorway.readers).try_acquire_owned().map_err(|_| full())?;
    let last = headers.get("last-event-id").map(|last| last.to_str().unwrap_or_default());
    let begin = house.hub.begin(last);
    let present = serde_json::to_string(&house.sight.health()).unwrap_or_default();
    let (reader, events) = mpsc::channel::<Bytes>(AHEAD);
    let telling = Arc::clone(&house.hub).tell(begin, present, reader, house.stopped.clone());
    tokio::spawn(async move {
        telling.await;
        drop(place);
    });
    let body = Body::new(Stream { events });
    Ok(typed(StatusCode::OK, HeaderValue::from_static("text/event-stream"), body))
}

async fn trigger(State(doorway): State<Arc<Doorway>>, request: Request) -> Result<Response, Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    let body = body(request).await?;
    if !body.is_empty() {
        let Nothing {} = read(&body)?;
    }
    let busy = || {
        let message = "too many weighings are under way; try again";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", message).later(1)
    };
    let (reply, outcome) = oneshot::channel();
    doorway.house.asks.try_send(Ask { reply: Some(reply) }).map_err(|refused| match refused {
        TrySendError::Full(_) => busy(),
        TrySendError::Closed(_) => ending(),
    })?;
    match timeout(WEIGHING_LIMIT, outcome).await {
        Ok(Ok(outcome)) => Ok(json(StatusCode::OK, outcome.json())),
        Ok(Err(_)) if doorway.house.asks.is_closed() => Err(ending()),
        Ok(Err(_)) | Err(_) => Err(busy()),
    }
}

async fn selection(
    State(doorway): State<Arc<Doorway>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body(request).await?;
    keep(&doorway, id, Report::Selection(read(&body)?)).await
}

async fn transaction(
    State(doorway): State<Arc<Doorway>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body(request).await?;
    keep(&doorway, id, Report::Transaction(read(&body)?)).await
}

/// What a till gets when its report is on disk.
#[derive(Serialize)]
struct Kept<'a> {
    weighing: &'a str,
    report: &'a str,
    repeated: bool,
}

async fn keep(
    doorway: &Doorway,
    id: Result<Path<String>, PathRejection>,
    report: Report,
) -> Result<Response, Problem> {
    let Ok(Path(weighing)) = id else { return Err(unknown("that is no name of a weighing".to_owned())) };
    let Some(outbox) = doorway.house.outbox.as_ref() else {
        let message = "reports are not kept on this box: set reports.file in the settings";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message));
    };
    // The disk's thread finishes what it has begun, also when nobody waits any more: it is then recognised as a repetition.
    let accepted = timeout(DISK_LIMIT, outbox.accept(&weighing, &report)).await.map_err(|_| {
        let message = "the disk is too slow; send the same report again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message).later(5)
    })?;
    let Accepted { key, repeated } = accepted.map_err(|why| refused(&why))?;
    let status = if repeated { StatusCode::OK } else { StatusCode::CREATED };
    let kept = Kept { weighing: &weighing, report: &key, repeated };
    Ok(json(status, serde_json::to_string(&kept).unwrap_or_default()))
}

fn refused(why: &NotAccepted) -> Problem {
    let message = why.to_string();
    match why {
        NotAccepted::Senseless(_) => Problem::senseless(message),
        NotAccepted::Refused(Refused::Unknown { .. }) => unknown(message),
        NotAccepted::Refused(Refused::Twice { .. }) => {
            Problem::new(StatusCode::CONFLICT, "reported_already", message)
        }
        NotAccepted::Refused(Refused::Full { .. }) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message).later(60)
        }
        NotAccepted::Refused(Refused::Store(_)) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_kept", message).later(5)
        }
    }
}

fn unknown(message: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_weighing", message)
}

fn ending() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ending", "the agent is ending; try again").later(5)
}

/// The body of a changing request: JSON, not too much of it, within a time.
async fn body(request: Request) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        let message = "send \"Content-Type: application/json\", and no Content-Encoding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message));
    }
    let large = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a body may take {MOST_BODY} bytes"))
    };
    let declared = parts.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| usize::try_from(length).is_ok_and(|length| length > MOST_BODY)) {
        return Err(large());
    }
    match timeout(BODY_LIMIT, Limited::new(body, MOST_BODY).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(large()),
        Ok(Err(_)) => Err(Problem::malformed("the body does not arrive as its headers say")),
        Err(_) => {
            let message = "a body must be there within 5 s; send it again, all at once";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (kind, more) = (types.next(), types.next());
    let essence = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
    more.is_none()
        && !headers.contains_key(CONTENT_ENCODING)
        && essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads a body; the sentence names the field and the place.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let from = &mut serde_json::Deserializer::from_slice(body);
    let wrong = |error: &serde_json::Error, path: &str| {
        let at = if path == "." { String::new() } else { format!("{path}: ") };
        let message = format!("{at}{error}");
        if error.is_data() { Problem::senseless(message) } else { Problem::malformed(message) }
    };
    let value = serde_path_to_error::deserialize(&mut *from)
        .map_err(|error| wrong(error.inner(), &error.path().to_string()))?;
    from.end().map_err(|error| wrong(&error, "."))?;
    Ok(value)
}

fn json(status: StatusCode, text: String) -> Response {
    typed(status, JSON, text)
}

fn typed(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
