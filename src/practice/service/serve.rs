//! One connection after the other, one request after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, LOCATION};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::options::Fault;
use super::wire::{self, Wire};
use super::{BASE, Received, Report, Shared, catalogue, check, lock, reports};
use crate::weight::Weight;

/// A handshake that takes longer was abandoned.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Nothing of an answer is written: the connection itself does what the fault says.
#[derive(Debug, thiserror::Error)]
#[error("the connection is taken out of the server's hands")]
pub(super) struct TakenOver;

/// Takes connections until the service is dropped; the connections end with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // out of descriptors: the connections that end make room
                let Ok((socket, _)) = accepted else { tokio::task::yield_now().await; continue };
                let acceptor = TlsAcceptor::from(Arc::clone(&lock(&shared.tls)));
                connections.spawn(connection(socket, acceptor, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(socket: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut number = 0;
    shared.count(|counters| {
        counters.connections += 1;
        number = counters.connections;
    });
    let _ = socket.set_nodelay(true);
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
        serve(stream, &shared, number).await;
    } else {
        shared.count(|counters| counters.failed_handshakes += 1);
    }
    shared.count(|counters| counters.closed += 1);
}

async fn serve(stream: TlsStream<TcpStream>, shared: &Arc<Shared>, number: u64) {
    let wire = Arc::new(Mutex::new(None::<Wire>));
    let (all, acts) = (Arc::clone(shared), Arc::clone(&wire));
    let service = service_fn(move |request| {
        let (shared, wire) = (Arc::clone(&all), Arc::clone(&acts));
        async move { Visit { shared, wire, number }.answer(request).await }
    });
    if stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice()) {
        let server = http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
        return;
    }
    let mut server = http1::Builder::new();
    if let Some(idle) = lock(&shared.options).idle {
        server.timer(TokioTimer::new()).header_read_timeout(idle);
    }
    let mut serving = server.serve_connection(TokioIo::new(stream), service);
    let _ = (&mut serving).await;
    let stream = serving.into_parts().io.into_inner();
    let taken = lock(&wire).take().unwrap_or(Wire::Close);
    wire::act(taken, stream).await;
}

/// One request on one connection.
pub(super) struct Visit {
    shared: Arc<Shared>,
    wire: Arc<Mutex<Option<Wire>>>,
    number: u64,
}

pub(super) type Answer = Result<Response<Full<Bytes>>, TakenOver>;

impl Visit {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let is_recognition = path == format!("{BASE}recognition/") && request.method() == Method::POST;
        if is_recognition {
            self.shared.count(|counters| counters.recognitions += 1);
            return self.recognition(request).await;
        }
        if let Some(route) = reports::route(&path).filter(|_| request.method() == Method::POST) {
            self.shared.count(|counters| counters.reports += 1);
            return self.report(&route, request).await;
        }
        self.shared.count(|counters| counters.others += 1);
        if path == BASE || path == format!("{BASE}recognition/") {
            let allowed = if path == BASE { Method::GET } else { Method::POST };
            if request.method() != allowed {
                let mut refused =
                    say(StatusCode::METHOD_NOT_ALLOWED, &json!({"detail": "Method Not Allowed"}));
                insert(&mut refused, ALLOW.as_str(), allowed.as_str());
                return Ok(refused);
            }
            return Ok(self
                .refusal(request.headers())
                .unwrap_or_else(|| say(StatusCode::OK, &json!({"status": "ok", "practice": true}))));
        }
        if BASE.trim_end_matches('/') == path || path == format!("{BASE}recognition") {
            let mut away = say(StatusCode::TEMPORARY_REDIRECT, &json!({"detail": "the slash is missing"}));
            insert(&mut away, LOCATION.as_str(), &format!("{path}/"));
            return Ok(away);
        }
        Ok(say(StatusCode::NOT_FOUND, &json!({"detail": "Not Found"})))
    }

    async fn recognition(&self, request: Request<Incoming>) -> Answer {
        let fault = self.shared.next_fault();
        let (head, body) = request.into_parts();
        let idempotency_key = text(&head.headers, "idempotency-key").map(str::to_owned);
        let mut received = Received { idempotency_key, ..self.blank() };
        if fault == Fault::ResetEarly {
            self.shared.remember(received);
            return self.take_over(Wire::Reset);
        }
        let limited = Limited::new(body, lock(&self.shared.options).most_bytes);
        let body = match limited.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let refused =
                    say(StatusCode::PAYLOAD_TOO_LARGE, &json!({"detail": "Request body too large"}));
                return Ok(self.ended(received, refused));
            }
            Err(_) => return self.take_over(Wire::Close),
        };
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.shared.count(|counters| counters.bytes += length);
        let delay = lock(&self.shared.options).delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let answer = self.refusal(&head.headers).unwrap_or_else(|| recognise(&body, &mut received));
        if !lock(&self.shared.options).pictures {
            received.file = Vec::new();
        }
        match self.spoil(fault, answer).await {
            Ok(answer) => Ok(self.ended(received, answer)),
            Err(taken_over) => {
                self.shared.remember(received);
                Err(taken_over)
            }
        }
    }

    async fn report(&self, route: &reports::Route, request: Request<Incoming>) -> Answer {
        let fault = lock(&self.shared.report_faults).pop_front().unwrap_or(Fault::None);
        let (head, body) = request.into_parts();
        let most = lock(&self.shared.options).most_bytes;
        let Ok(body) = Limited::new(body, most).collect().await else {
            return self.take_over(Wire::Close);
        };
        let body = body.to_bytes();
        let answer = self.refusal(&head.headers).unwrap_or_else(|| {
            let (status, answer) = reports::take(route, &body);
            say(status, &answer)
        });
        let answer = self.spoil(fault, answer).await;
        self.shared.remember_report(Report {
            path: head.uri.path().trim_start_matches(BASE).to_owned(),
            status: answer.as_ref().map_or(0, |answer| answer.status().as_u16()),
            idempotency_key: text(&head.headers, "idempotency-key").map(str::to_owned),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        answer
    }

    /// 401 without a key, 403 with a wrong one, 415 for a body that is not JSON.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let key = text(headers, "tiliter-api-key").filter(|key| !key.is_empty());
        let Some(key) = key else {
            return Some(say(StatusCode::UNAUTHORIZED, &json!({"detail": "Not authenticated"})));
        };
        if lock(&self.shared.options).api_key.as_deref().is_some_and(|wanted| wanted != key) {
            return Some(say(StatusCode::FORBIDDEN, &json!({"detail": "Could not validate credentials"})));
        }
        let kind = text(headers, CONTENT_TYPE.as_str());
        if kind.is_some_and(|kind| !kind.starts_with("application/json")) {
            let detail = json!({"detail": "content-type must be application/json"});
            return Some(say(StatusCode::UNSUPPORTED_MEDIA_TYPE, &detail));
        }
        None
    }

    pub(super) fn take_over(&self, wire: Wire) -> Answer {
        *lock(&self.wire) = Some(wire);
        Err(TakenOver)
    }

    fn ended(&self, received: Received, answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.shared.remember(Received { status: answer.status().as_u16(), ..received });
        if answer.status() == StatusCode::OK {
            self.shared.count(|counters| counters.answered += 1);
        }
        answer
    }

    fn blank(&self) -> Received {
        Received {
            connection: self.number,
            status: 0,
            recognition_id: String::new(),
            product_id: None,
            device_id: String::new(),
            camera_type: String::new(),
            capture_time: String::new(),
            weight_grams: None,
            idempotency_key: None,
            picture: (0, 0, 0),
            file: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

/// Checks a request and sees a product.
fn recognise(body: &[u8], received: &mut Received) -> Response<Full<Bytes>> {
    let request = match check::check(body) {
        Ok(request) => request,
        Err(findings) => {
            let detail = check::detail(&findings);
            received.remarks = vec![detail.to_string()];
            return say(StatusCode::UNPROCESSABLE_ENTITY, &detail);
        }
    };
    let weight = request.weight();
    // without a weight the first product will do: a picture was sent, so there is something on the plate
    let offers = catalogue::offers(weight.unwrap_or(Weight::from_grams(1)), request.max_options);
    let id = recognition_id();
    let options: Vec<_> = offers
        .iter()
        .zip(["0.95", "0.03", "0.01"].into_iter().chain(std::iter::repeat("0.001")))
        .map(|(product, score)| {
            let pieces = weight.zip(product.piece_grams).map(|(weight, piece)| pieces(weight, piece));
            let score = score.parse::<f64>().ok().filter(|_| request.include_scores);
            json!({"product_id": product.id, "quantity": pieces, "score": score})
        })
        .collect();
    let answer = json!({
        "id": id,
        "product_recognition": {
            "result_type": if offers.is_empty() { "background" } else { "recognised" },
            "options": options,
        },
        "bag_recognition": {"present": false, "type": Value::Null},
    });
    received.recognition_id = id;
    received.product_id = offers.first().map(|product| product.id);
    received.device_id = request.device_id;
    received.camera_type = request.camera_type;
    received.capture_time = request.capture_time;
    received.weight_grams = request.weight_grams;
    received.picture = request.picture;
    received.file = request.file;
    received.remarks = request.warnings;
    say(StatusCode::OK, &answer)
}

/// How many pieces a weight stands for: at least one.
fn pieces(weight: Weight, piece_grams: u32) -> i64 {
    let piece = i64::from(piece_grams) * 1_000_000;
    ((weight.micrograms() + piece / 2) / piece).max(1)
}

/// A version 4 UUID whose first eight digits say that it is practice.
fn recognition_id() -> String {
    let random = ulid::Ulid::generate().random();
    let part = |shift: u32, mask: u128| (random >> shift) & mask;
    format!(
        "{}{:04x}-4{:03x}-8{:03x}-{:012x}",
        reports::OWN,
        part(64, 0xFFFF),
        part(52, 0xFFF),
        part(40, 0xFFF) ^ part(48, 0xF),
        part(0, 0xFFFF_FFFF_FFFF)
    )
}

pub(super) fn say(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    with(status, "application/json", body.to_string())
}

pub(super) fn with(status: StatusCode, content_type: &str, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    insert(&mut answer, CONTENT_TYPE.as_str(), content_type);
    insert(&mut answer, "x-scalecam-practice", "true");
    answer
}

pub(super) fn insert(answer: &mut Response<Full<Bytes>>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (hyper::header::HeaderName::try_from(name), hyper::header::HeaderValue::try_from(value))
    {
        answer.headers_mut().insert(name, value);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
