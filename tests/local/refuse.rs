//! Those who should not ask, and those who ask too much.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::http::{Answer, Request, exchange};
use crate::shop::Shop;

async fn raw(shop: &Shop, bytes: &[u8]) -> Answer {
    exchange(TcpStream::connect(shop.at).await.unwrap(), bytes).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_in_a_wrong_way_is_told_what_to_change() {
    let shop = Shop::open().await;
    let host = shop.at;
    let many = "x: 1\r\n".repeat(101);
    for (bytes, status, kind) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "malformed"),
        (format!("GET /v1/health HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"), 400, "malformed"),
        (
            format!("GET /v1/health HTTP/1.1\r\nHost: {host}\r\nx: {}\r\n\r\n", "y".repeat(9_000)),
            431,
            "too_large",
        ),
        (format!("GET /v1/health HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"), 431, "too_large"),
        (format!("GET http://evil.test/v1/health HTTP/1.1\r\nHost: {host}\r\n\r\n"), 421, "misdirected"),
        (format!("GET /v1/health HTTP/1.1\r\nHost: localhost:{}0\r\n\r\n", host.port()), 421, "misdirected"),
        (format!("GET /v1/health HTTP/1.1\r\nHost: {host}\r\n"), 408, "too_slow"),
    ] {
        let answer = raw(&shop, bytes.as_bytes()).await;
        assert_eq!((answer.status, answer.kind().as_str()), (status, kind), "{bytes}: {answer:?}");
    }
    for name in ["localhost", "LOCALHOST", "[::1]", "127.0.0.1"] {
        let answer =
            Request::get("/v1/health").with("Host", &format!("{name}:{}", host.port())).send(&shop).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    let other = Request::of("DELETE", "/v1/health").with("Authorization", &format!("Bearer {}", shop.token));
    let other = other.send(&shop).await;
    assert_eq!((other.status, other.headers["allow"].as_str()), (405, "GET, HEAD"), "{other:?}");
    let other = Request::get("/v1/weighings/x/selection").send(&shop).await;
    assert_eq!(
        (other.status, other.headers["allow"].as_str(), other.kind().as_str()),
        (405, "POST", "method")
    );
    let nowhere = Request::get("/").send(&shop).await;
    assert_eq!((nowhere.status, nowhere.kind().as_str()), (404, "no_such_path"));
    assert!(nowhere.body.contains("/v1/weighing/latest"), "{nowhere:?}");
    let head = Request::of("HEAD", "/metrics").send(&shop).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_in_a_browser_gets_nothing_and_changes_nothing() {
    let shop = Shop::open().await;
    let trigger = Request::post(&shop, "/v1/trigger", "");
    let own = format!("http://{}", shop.at);
    for (name, value) in [
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1"),
        ("Origin", "https://localhost"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let answer = trigger.clone().with(name, value).send(&shop).await;
        assert_eq!((answer.status, answer.kind().as_str()), (403, "forbidden"), "{name}: {value}");
    }
    let preflight = Request::of("OPTIONS", "/v1/trigger")
        .with("Origin", &own)
        .with("Access-Control-Request-Method", "POST")
        .send(&shop)
        .await;
    assert_eq!(preflight.status, 403, "{preflight:?}");
    for answer in [preflight, Request::get("/v1/health").with("Origin", &own).send(&shop).await] {
        assert!(answer.headers.keys().all(|name| !name.starts_with("access-control")), "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
    }
    for wrong in ["Bearer x", "Basic x", "Bearer", &format!("Bearer {}x", shop.token), &shop.token.clone()] {
        let answer = trigger.clone().with("Authorization", wrong).send(&shop).await;
        assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"), "{wrong}");
    }
    assert_eq!(shop.service.counters().recognitions, 0, "nothing was weighed");
    let answer = trigger.with("Origin", &own).with("Sec-Fetch-Site", "same-origin").send(&shop).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_make_no_sense_are_refused_with_the_field() {
    let shop = Shop::open().await;
    let outcome = Request::post(&shop, "/v1/trigger", "").send(&shop).await.json();
    let weighing = outcome["weighing"].as_str().unwrap();
    let wide = format!(r#"{{"type":"x","meta_data":{{"a":"{}"}}}}"#, "x".repeat(4_096));
    for (path, body, status, said) in [
        ("selection", "", 400, "EOF"),
        ("selection", "[]", 422, "invalid"),
        ("selection", r#"{"method":"manual"}"#, 422, "product_id is missing"),
        ("selection", r#"{"method":"unused","product_id":"1"}"#, 422, "nothing was chosen"),
        ("selection", r#"{"method":"manual","product_id":7}"#, 422, "product_id: "),
        ("selection", r#"{"method":"manual","method":"unused"}"#, 422, "duplicate field"),
        ("selection", r#"{"method":"unused"} x"#, 400, "trailing characters"),
        ("transaction", r#"{"type":"x","time":"yesterday"}"#, 422, "time: expected a time with its zone"),
        ("transaction", r#"{"type":"x\u0000"}"#, 422, "control characters"),
        ("transaction", wide.as_str(), 422, "meta_data: expected an object of at most 4 KB"),
    ] {
        let answer =
            Request::post(&shop, &format!("/v1/weighings/{weighing}/{path}"), body).send(&shop).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.body.contains(said), "{body}: {answer:?}");
    }
    for id in ["..", "%2e%2e", "%ff", "x%00y", "x'; DROP TABLE item; --", "01J%20"] {
        let path = format!("/v1/weighings/{}/selection", id.replace(' ', "%20"));
        let answer = Request::post(&shop, &path, r#"{"method":"unused"}"#).send(&shop).await;
        assert_eq!((answer.status, answer.kind().as_str()), (404, "unknown_weighing"), "{id}");
    }
    assert_eq!(shop.kept(), 0);
    assert_eq!(shop.service.counters().reports, 0);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_hold_connections_are_sent_away_and_the_others_are_served() {
    let shop = Shop::open().await;
    let mut slow = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(shop.at).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    let full = raw(&shop, b"").await;
    assert_eq!((full.status, full.kind().as_str()), (503, "full"));
    let unix = UnixStream::connect(shop.folder.path().join("run/local.sock")).await.unwrap();
    let bytes = Request::get("/metrics").with("Host", "localhost").bytes(&shop);
    assert_eq!(exchange(unix, &bytes).await.status, 200, "another door has places of its own");
    for mut stream in slow {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(Answer::parse(&bytes).status, 408);
    }
    assert_eq!(Request::get("/metrics").send(&shop).await.status, 200);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_serves_its_group_and_goes_with_the_agent() {
    let shop = Shop::open().await;
    let path = shop.folder.path().join("run/local.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let ask = async |request: Request| {
        let unix = UnixStream::connect(&path).await.unwrap();
        exchange(unix, &request.with("Host", "localhost").bytes(&shop)).await.status
    };
    assert_eq!(ask(Request::post(&shop, "/v1/trigger", "")).await, 200);
    assert_eq!(ask(Request::post(&shop, "/v1/trigger", "").without("Authorization")).await, 401);
    let before = std::fs::read(shop.folder.path().join("run/local-token")).unwrap();
    let mut shop = shop;
    shop.signal(rustix::process::Signal::HUP);
    shop.said(&["settings read again"]).await;
    assert!(UnixStream::connect(&path).await.is_ok(), "opened again");
    assert_eq!(std::fs::read(shop.folder.path().join("run/local-token")).unwrap(), before);
    shop.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_this_box_everything_takes_the_token() {
    let shop = Shop::with(true, "beyond_this_box = true\nhosts = [\"till-7\"]\n").await;
    let health = Request::get("/metrics").with("Host", "till-7:80");
    assert_eq!(health.send(&shop).await.status, 401);
    let authorised = health.with("Authorization", &format!("Bearer {}", shop.token));
    assert_eq!(authorised.send(&shop).await.status, 200);
    shop.end().await;
}

#[test]
fn without_a_token_or_an_address_the_agent_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let held = std::net::TcpListener::bind(taken).unwrap();
    let start = |local: String| {
        let file = folder.path().join("config.toml");
        let text = format!(
            "[device]\nid = 'a'\n[scale]\nport = 'sim:mt-sics'\n[camera]\nkind = 'synthetic'\n[recognition]\n\
             url = 'https://127.0.0.1:9/'\n[local]\n{local}"
        );
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_scalecam"));
        command.args(["run", "--config"]).arg(&file).env_remove("RUNTIME_DIRECTORY");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = start("listen = ['127.0.0.1:0']\n".to_owned());
    assert!(code == Some(78) && said.contains("local.token_file: is not set"), "{said}");
    let secret = folder.path().join("token");
    std::fs::write(&secret, "0123456789abcdef").unwrap();
    let (code, said) = start(format!("listen = ['{taken}']\ntoken_file = '{}'\n", secret.display()));
    assert!(
        code == Some(1) && said.contains(&format!("local.listen: {taken}: Address already in use")),
        "{said}"
    );
    drop(held);
    let (code, said) = start(format!("socket = '{0}'\ntoken_file = '{0}'\n", secret.display()));
    assert!(code == Some(1) && said.contains("in use"), "{said}");
    assert_eq!(
        std::fs::read_to_string(&secret).unwrap(),
        "0123456789abcdef",
        "no file is taken for a socket"
    );
}
