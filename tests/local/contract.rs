//! `docs/openapi.json` and the running interface say the same: each documented status is brought about, each
//! answer is held against its schema, and there is no route that is not documented.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http::{Answer, Request, exchange};
use crate::schema::wrong;
use crate::shop::Shop;

const CHOSEN: &str = r#"{"method":"manual","product_id":"834437"}"#;
const PAID: &str = r#"{"type":"completed","time":"2026-11-22T10:15:30Z"}"#;

/// The document, and which of its answers were seen.
struct Contract {
    document: Value,
    seen: BTreeSet<(String, u16)>,
}

impl Contract {
    fn read() -> Self {
        let document = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
        Self { document, seen: BTreeSet::new() }
    }

    fn operations(&self) -> Vec<(String, String)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, operations)| {
                operations.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
            })
            .collect()
    }

    fn answers(&self) -> BTreeSet<(String, u16)> {
        let mut all = BTreeSet::new();
        for (method, path) in self.operations() {
            let answers =
                self.document["paths"][&path][method.to_lowercase()]["responses"].as_object().unwrap();
            all.extend(answers.keys().map(|status| (path.clone(), status.parse().unwrap())));
        }
        all
    }

    /// Holds an answer against its description.
    fn hold(&mut self, path: &str, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let operation = self.document["paths"][path].as_object().unwrap().values().next().unwrap();
        let described = &operation["responses"][status.to_string()];
        assert!(described.is_object(), "{path} {status} is not described");
        let kind = answer.headers["content-type"].split(';').next().unwrap();
        let schema = &described["content"][kind]["schema"];
        assert!(schema.is_object(), "{path} {status} is not described as {kind}");
        let found = if kind == "application/json" {
            wrong(&self.document, schema, &answer.json(), "")
        } else {
            Vec::new()
        };
        assert!(found.is_empty(), "{path} {status}: {found:?}");
        self.seen.insert((path.to_owned(), status));
    }
}

/// A path with a weighing in it.
fn of(path: &str, weighing: &str) -> String {
    path.replace("{id}", weighing)
}

/// What every route says to those who ask in a wrong way.
async fn asked_wrongly(shop: &Shop, contract: &mut Contract) {
    for (method, path) in contract.operations() {
        let good =
            if method == "POST" { Request::post(shop, &of(&path, "01J"), "{}") } else { Request::get(&path) };
        contract.hold(&path, &good.clone().without("Host").send(shop).await, 400);
        contract.hold(&path, &good.clone().with("Origin", "http://evil.test").send(shop).await, 403);
        contract.hold(&path, &good.clone().with("Host", "evil.test").send(shop).await, 421);
        if method != "POST" {
            continue;
        }
        contract.hold(&path, &good.clone().without("Authorization").send(shop).await, 401);
        contract.hold(&path, &good.clone().with("Content-Type", "text/plain").send(shop).await, 415);
        contract.hold(&path, &good.clone().body("{").send(shop).await, 400);
        contract.hold(&path, &good.clone().body(r#"{"unheard_of":1}"#).send(shop).await, 422);
        contract.hold(&path, &good.clone().with("Content-Length", "65537").send(shop).await, 413);
        contract.hold(&path, &good.body("{}").with("Content-Length", "3").send(shop).await, 408);
    }
    assert_eq!(shop.kept(), 0, "nothing of this was kept");
}

async fn reported(shop: &Shop, contract: &mut Contract, weighing: &str) {
    let selection = "/v1/weighings/{id}/selection";
    for (status, repeated) in [(201, false), (200, true)] {
        let answer = Request::post(shop, &of(selection, weighing), CHOSEN).send(shop).await;
        contract.hold(selection, &answer, status);
        assert_eq!(
            (&answer.json()["repeated"], &answer.json()["weighing"]),
            (&json!(repeated), &json!(weighing))
        );
    }
    let other = Request::post(shop, &of(selection, weighing), r#"{"method":"unused"}"#).send(shop).await;
    contract.hold(selection, &other, 409);
    let transaction = "/v1/weighings/{id}/transaction";
    for status in [201, 200] {
        let answer = Request::post(shop, &of(transaction, weighing), PAID).send(shop).await;
        contract.hold(transaction, &answer, status);
    }
    for (path, body) in [(selection, CHOSEN), (transaction, PAID)] {
        let unknown = Request::post(shop, &of(path, "01JUNKNOWN"), body).send(shop).await;
        contract.hold(path, &unknown, 404);
        assert_eq!(unknown.kind(), "unknown_weighing");
    }
    shop.service.watch().wait_for(|counters| counters.reports == 2).await.unwrap();
    let taken = shop.service.take_reports();
    assert!(taken.iter().all(|report| report.status == 200), "{taken:?}");
}

/// What is answered while the agent ends: the request's body comes when the lane has ended already.
async fn asked_at_the_end(mut shop: Shop, contract: &mut Contract) {
    let path = "/v1/trigger";
    let bytes = Request::post(&shop, path, "{}").bytes(&shop);
    let mut stream = TcpStream::connect(shop.at).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    // whoever asks after it is answered after it was accepted
    Request::get("/v1/health").send(&shop).await;
    shop.signal(rustix::process::Signal::TERM);
    // its socket goes when the lane has ended
    while shop.folder.path().join("run/local.sock").exists() {
        tokio::task::yield_now().await;
    }
    contract.hold(path, &exchange(stream, b"}").await, 503);
    assert!(shop.agent.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_and_the_interface_agree() {
    let mut contract = Contract::read();
    let routes: BTreeSet<_> =
        scalecam::local::ROUTES.map(|(method, path)| (method.to_owned(), path.to_owned())).into();
    assert_eq!(routes, contract.operations().into_iter().collect(), "routes and document");

    let shop = Shop::open().await;
    contract.hold("/v1/weighing/latest", &Request::get("/v1/weighing/latest").send(&shop).await, 404);
    asked_wrongly(&shop, &mut contract).await;

    shop.scale.put(1235);
    let mut latest = Request::get("/v1/weighing/latest").send(&shop).await;
    while latest.status == 404 {
        latest = Request::get("/v1/weighing/latest").send(&shop).await;
    }
    contract.hold("/v1/weighing/latest", &latest, 200);
    let outcome = latest.json();
    assert_eq!(
        (&outcome["result"], &outcome["simulated"]),
        (&json!("recognised"), &json!(true)),
        "{outcome}"
    );
    let triggered = Request::post(&shop, "/v1/trigger", "").send(&shop).await;
    contract.hold("/v1/trigger", &triggered, 200);
    assert_eq!(
        (&triggered.json()["trigger"], &triggered.json()["grams"]),
        (&json!("manual"), &json!(1235.0))
    );
    reported(&shop, &mut contract, outcome["weighing"].as_str().unwrap()).await;

    let healthy = Request::get("/v1/health").send(&shop).await;
    contract.hold("/v1/health", &healthy, 200);
    let metrics = Request::get("/metrics").send(&shop).await;
    contract.hold("/metrics", &metrics, 200);
    for line in [
        "scalecam_weighings_total{result=\"recognised\",error=\"\"} 2",
        "scalecam_latency_seconds_count{stage=\"request\"} 2",
        "scalecam_state{part=\"scale\",state=\"speaking\"} 1",
        "scalecam_session_handshakes_total{tls=\"full\"}",
        "scalecam_session_reused_total",
        "scalecam_session_resends_total{reason=\"not_taken\"} 0",
        "scalecam_camera_frames_total{kind=\"kept\"}",
        "scalecam_reports{state=\"quarantined\"} 0",
        "scalecam_local_answers_total{status=\"421\"} 7",
        "scalecam_simulated 1",
    ] {
        assert!(metrics.body.contains(line), "{line} is not in {}", metrics.body);
    }
    followed(&shop, &mut contract).await;

    shop.scale.unplug();
    let busy: Vec<_> =
        std::iter::repeat_with(|| async { Request::post(&shop, "/v1/trigger", "{}").send(&shop).await })
            .take(12)
            .collect();
    let busy = all(busy).await;
    let refused = busy.iter().find(|answer| answer.status == 429).expect("none of twelve was too much");
    contract.hold("/v1/trigger", refused, 429);
    assert_eq!(refused.headers["retry-after"], "1");
    let mut shop = shop;
    shop.said(&["the device is gone"]).await;
    contract.hold("/v1/health", &Request::get("/v1/health").send(&shop).await, 503);
    asked_at_the_end(shop, &mut contract).await;

    let nowhere = Shop::with(false, "").await;
    for (path, body) in [("/v1/weighings/{id}/selection", CHOSEN), ("/v1/weighings/{id}/transaction", PAID)] {
        let answer = Request::post(&nowhere, &of(path, "01J"), body).send(&nowhere).await;
        contract.hold(path, &answer, 503);
    }
    nowhere.end().await;
    assert_eq!(contract.seen, contract.answers(), "documented, and not seen");
}

/// Polls all of them at the same time.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}

/// Eight may follow the events, the ninth may not.
async fn followed(shop: &Shop, contract: &mut Contract) {
    let mut readers = Vec::new();
    for _ in 0..8 {
        readers.push(crate::follow::Reader::open(shop, None).await);
    }
    let answer = Answer::parse(readers[0].head.as_bytes());
    contract.hold("/v1/events", &answer, 200);
    contract.hold("/v1/events", &Request::get("/v1/events").send(shop).await, 503);
}
