//! A client that can also be rude: it sends exactly what it is told.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::shop::{LIMIT, Shop};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("this is no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// Sends bytes and reads until the other side ends.
pub(crate) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Answer {
    // a side that answers early may have stopped reading
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("no end of the answer");
    assert!(read.is_ok() || !answer.is_empty(), "{read:?}");
    Answer::parse(&answer)
}

/// A request that is being put together.
#[derive(Clone)]
pub(crate) struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self::of("GET", path)
    }

    /// A good changing request.
    pub(crate) fn post(shop: &Shop, path: &str, body: &str) -> Self {
        Self::of("POST", path)
            .with("Content-Type", "application/json")
            .with("Authorization", &format!("Bearer {}", shop.token))
            .body(body)
    }

    pub(crate) fn of(method: &str, path: &str) -> Self {
        let line = format!("{method} {path} HTTP/1.1");
        Self { line, headers: BTreeMap::new(), body: String::new() }.with("Connection", "close")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.insert(name.to_owned(), String::new());
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.with("Content-Length", &body.len().to_string())
    }

    pub(crate) fn bytes(&self, shop: &Shop) -> Vec<u8> {
        let mut all = self.headers.clone();
        all.entry("Host".to_owned()).or_insert_with(|| shop.at.to_string());
        let shown = all.iter().filter(|(_, value)| !value.is_empty());
        let headers = shown.fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
        format!("{}\r\n{headers}\r\n{}", self.line, self.body).into_bytes()
    }

    pub(crate) async fn send(&self, shop: &Shop) -> Answer {
        exchange(TcpStream::connect(shop.at).await.unwrap(), &self.bytes(shop)).await
    }
}
