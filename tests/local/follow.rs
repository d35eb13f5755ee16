//! Following the events.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::Request;
use crate::shop::{LIMIT, Shop};

pub(crate) struct Reader {
    stream: TcpStream,
    pub(crate) head: String,
    text: String,
}

pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Reader {
    pub(crate) async fn open(shop: &Shop, last: Option<&str>) -> Self {
        let mut request = Request::get("/v1/events");
        if let Some(last) = last {
            request = request.with("Last-Event-ID", last);
        }
        let mut stream = TcpStream::connect(shop.at).await.unwrap();
        stream.write_all(&request.bytes(shop)).await.unwrap();
        let mut reader = Self { stream, head: String::new(), text: String::new() };
        while !reader.text.contains("\r\n\r\n") {
            assert!(reader.more().await, "the events ended");
        }
        let (head, rest) =
            reader.text.split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        reader.head = head + "\r\n\r\n";
        reader.text = rest;
        reader
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = timeout(LIMIT, self.stream.read(&mut bytes)).await.expect("no event").unwrap_or(0);
        self.text.push_str(str::from_utf8(&bytes[..count]).unwrap());
        count > 0
    }

    /// The next event; none when there will be no more. The marks of the chunks stand on lines of their own.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while !self.text.contains("\n\n") {
                if !self.more().await {
                    return None;
                }
            }
            let (block, rest) =
                self.text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            self.text = rest;
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(ToOwned::to_owned))
            };
            if let (Some(name), Some(data)) = (field("event"), field("data")) {
                return Some(Event { id: field("id"), name, data: serde_json::from_str(&data).unwrap() });
            }
        }
    }

    pub(crate) async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the events ended");
            if event.name == name {
                return event;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_follows_and_misses_nothing_when_it_comes_back() {
    let shop = Shop::open().await;
    let mut reader = Reader::open(&shop, None).await;
    let first = reader.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["parts"]["scale"]["ok"]), ("state", &Value::Bool(true)));
    let reading = reader.until("reading").await;
    assert_eq!(reading.data["reading"]["protocol"], "mt-sics");
    assert_eq!(reading.data["simulated"], true);
    shop.scale.put(500);
    let outcome = reader.until("outcome").await;
    assert_eq!((&outcome.data["grams"], &outcome.data["simulated"]), (&500.0.into(), &true.into()));
    let seen = outcome.id.unwrap();
    drop(reader);

    let triggered = Request::post(&shop, "/v1/trigger", "").send(&shop).await.json();
    let mut again = Reader::open(&shop, Some(&seen)).await;
    assert_eq!(again.until("outcome").await.data, triggered);
    let mut stranger = Reader::open(&shop, Some("of-another-run-7")).await;
    assert_eq!(stranger.next().await.unwrap().name, "missed");
    assert_eq!(stranger.until("outcome").await.data["grams"], 500.0);
    drop(stranger);

    shop.scale.unplug();
    let lost = again.until("state").await;
    let lost = if lost.data["ok"] == true { again.until("state").await } else { lost };
    assert_eq!((&lost.data["ok"], &lost.data["parts"]["scale"]["state"]), (&false.into(), &"lost".into()));
    shop.signal(rustix::process::Signal::TERM);
    while again.next().await.is_some() {}
    shop.end().await;
}
