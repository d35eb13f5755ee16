//! The ways to the service: through proxies with and without passwords, past them, and with proofs of who is who.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod bench;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bench::{Bench, KEY, PATIENT, SHORT, failure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scalecam::practice::service::{Certificate, Options, Service};
use scalecam::recognition::reports::{Audit, Outbox, Report, Settings as ReportSettings};
use scalecam::recognition::{KeySource, NoTrust, ServiceUrl, Session, Settings, State};
use scalecam::stamp::Clock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const PASSWORD: &str = "hunter-2-hunter";
/// `till:hunter-2-hunter`
const BASIC: &str = "Basic dGlsbDpodW50ZXItMi1odW50ZXI=";

/// A proxy that opens a way to whoever is asked for, perhaps only for those who know the password.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn start(password: bool, tls: Option<TlsAcceptor>) -> Self {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heads) = (door.local_addr().unwrap(), Arc::default());
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = door.accept().await {
                let (seen, tls) = (Arc::clone(&seen), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, password, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, password, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, heads, task }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, password: bool, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    seen.lock().unwrap().push(head.clone());
    let known = head.lines().any(|line| {
        line.split_once(": ")
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value == BASIC)
    });
    if password && !known {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes()).await;
        return;
    }
    let target = head.split(' ').nth(1).unwrap();
    let mut service = TcpStream::connect(target).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut service).await;
}

/// Settings that lead through a proxy, whose password stands in a file beside the key.
fn through(proxy: &Proxy, scheme: &str, password: Option<&str>) -> impl FnOnce(&mut Settings) + use<> {
    let url = format!("{scheme}://{}", proxy.address);
    let line = password.map(|password| format!("till:{password}\n"));
    move |settings| {
        let set: Settings = toml::from_str(&format!("proxy = '{url}'")).unwrap();
        settings.proxy = set.proxy;
        if let Some(line) = line {
            let file = settings.api_key_file.with_file_name("proxy");
            std::fs::write(&file, line).unwrap();
            settings.proxy_credentials_file = Some(file);
        }
    }
}

fn report() -> Report {
    Report::Selection(serde_json::from_str(r#"{"method":"manual","product_id":"834437"}"#).unwrap())
}

#[tokio::test]
async fn weighings_and_reports_go_through_the_proxy_and_only_the_tunnel_knows_the_key() {
    let proxy = Proxy::start(true, None).await;
    let bench = Bench::with(Options::default(), through(&proxy, "http", Some(PASSWORD))).await;
    bench.until(|state| *state == State::Connected).await;
    for grams in [70, 80] {
        let attempted = bench.weigh(grams, PATIENT).await;
        assert!(attempted.facts.reused, "one tunnel carries them all");
        let id = attempted.result.unwrap().id;
        if grams == 80 {
            let file = bench.folder.path().join("outbox.db");
            let outbox = Outbox::open(
                file,
                ReportSettings::default(),
                Audit::default(),
                &bench.session,
                Clock::system(),
            )
            .unwrap();
            outbox.saw("01J", id.as_str());
            outbox.accept("01J", &report()).await.unwrap();
            bench.service.watch().wait_for(|counters| counters.reports == 1).await.unwrap();
        }
    }
    let heads = proxy.heads();
    assert_eq!(heads.len(), 2, "one way for the weighings, one for the reports: {heads:?}");
    for head in heads {
        assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", bench.service.address())), "{head}");
        assert!(!head.contains(KEY), "the key went to the proxy");
    }
    assert_eq!(bench.service.counters().connections, 2);
}

#[tokio::test]
async fn a_proxy_that_does_not_know_us_is_named_and_the_password_is_not() {
    let proxy = Proxy::start(true, None).await;
    for (password, said) in [
        (None, "set recognition.proxy_credentials_file"),
        (Some("wrong-secret"), "check recognition.proxy_cred"),
    ] {
        let bench = Bench::with(Options::default(), through(&proxy, "http", password)).await;
        let failed = failure(bench.weigh(70, PATIENT).await);
        let (text, debug) = (failed.to_string(), format!("{failed:?} {:?}", bench.session));
        assert_eq!(failed.kind(), "proxy", "{text}");
        assert!(text.contains(said) && text.contains(&proxy.address.to_string()), "{text}");
        assert!(
            !text.contains("wrong-secret") && !debug.contains("wrong-secret") && !debug.contains("Basic ")
        );
        assert_eq!(bench.service.counters().connections, 0);
    }
}

#[tokio::test]
async fn a_service_that_is_excluded_is_reached_without_the_proxy() {
    let proxy = Proxy::start(false, None).await;
    let bench = Bench::with(Options::default(), |settings| {
        through(&proxy, "http", None)(settings);
        settings.proxy_exclude =
            toml::from_str::<Settings>("proxy_exclude = ['127.0.0.0/8']").unwrap().proxy_exclude;
    })
    .await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
    assert!(proxy.heads().is_empty());
}

#[tokio::test]
async fn a_proxy_that_is_gone_or_silent_is_unreachable_by_its_own_name() {
    let proxy = Proxy::start(false, None).await;
    let (address, change) = (proxy.address, through(&proxy, "http", None));
    drop(proxy);
    let bench = Bench::with(Options::default(), change).await;
    let failed = failure(bench.weigh(70, PATIENT).await);
    assert_eq!(failed.kind(), "unreachable");
    assert!(failed.to_string().contains(&format!("{address} cannot be reached")), "{failed}");
    let silent = TcpListener::bind(address).await.unwrap();
    let failed = failure(bench.weigh(70, SHORT).await);
    assert_eq!(failed.kind(), "deadline", "{failed}");
    drop(silent);
}

#[tokio::test]
async fn the_way_to_the_proxy_may_be_encrypted_too() {
    let authority = rcgen::CertifiedIssuer::self_signed(
        {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        },
        rcgen::KeyPair::generate().unwrap(),
    )
    .unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(leaf.pem().as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    let proxy = Proxy::start(true, Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let bench = Bench::with(Options::default(), |settings| {
        let file = settings.ca_file.clone().unwrap();
        let both = std::fs::read_to_string(&file).unwrap() + &authority.pem();
        std::fs::write(&file, both).unwrap();
        through(&proxy, "https", Some(PASSWORD))(settings);
    })
    .await;
    assert!(bench.weigh(70, PATIENT).await.result.is_ok());
    assert_eq!(proxy.heads().len(), 1);
    // and a proxy that does not prove who it is gets no password
    let stranger = Bench::with(Options::default(), through(&proxy, "https", Some(PASSWORD))).await;
    let failed = failure(stranger.weigh(70, PATIENT).await);
    assert_eq!(failed.kind(), "tls", "{failed}");
    assert!(failed.to_string().contains(&proxy.address.to_string()), "{failed}");
    assert_eq!(proxy.heads().len(), 1);
}

/// Writes a client's certificate beside the key and puts it into the settings.
fn with_client(service: &Service, settings: &mut Settings) {
    let file = settings.api_key_file.with_file_name("client.pem");
    std::fs::write(&file, service.client_pem().unwrap()).unwrap();
    settings.client_certificate_file = Some(file);
}

/// A session with a service that runs already.
fn open(service: &Service, folder: &std::path::Path, change: impl FnOnce(&mut Settings)) -> Session {
    std::fs::write(folder.join("key"), KEY).unwrap();
    std::fs::write(folder.join("ca.pem"), service.ca_pem()).unwrap();
    let mut settings = Settings {
        url: ServiceUrl::parse(&service.url()).unwrap(),
        api_key_file: folder.join("key"),
        ca_file: Some(folder.join("ca.pem")),
        ..Settings::default()
    };
    change(&mut settings);
    let source = KeySource::new(None, folder.join("key"));
    Session::open(settings, source, Clock::system()).unwrap()
}

#[tokio::test]
async fn a_service_that_wants_to_know_who_we_are_is_shown_the_certificate() {
    for http2 in [false, true] {
        let service =
            Service::start(Options { client_certificate: true, http2, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let session = open(&service, folder.path(), |settings| {
            with_client(&service, settings);
            settings.session.http2 = http2;
        });
        let attempted = session.recognise(bench::body(70), "01J", PATIENT).await;
        assert_eq!(attempted.facts.protocol, if http2 { "h2" } else { "http/1.1" });
        let outbox = Outbox::open(
            folder.path().join("outbox.db"),
            ReportSettings::default(),
            Audit::default(),
            &session,
            Clock::system(),
        );
        let outbox = outbox.unwrap();
        outbox.saw("01J", attempted.result.unwrap().id.as_str());
        outbox.accept("01J", &report()).await.unwrap();
        service.watch().wait_for(|counters| counters.reports == 1).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_certificate_it_is_said_and_the_service_is_not_beset() {
    let service = Service::start(Options { client_certificate: true, ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = open(&service, folder.path(), |_| {});
    let mut states = session.state();
    let state = states.wait_for(|state| matches!(state, State::Unreachable(_))).await.unwrap().clone();
    let State::Unreachable(failure) = state else { panic!("{state:?}") };
    assert!(failure.to_string().contains("set recognition.client_certificate_file"), "{failure}");
    // 0.25 s, 0.5 s, 1 s …: whoever is turned away at once would else come back at once
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let seen = service.counters().connections;
    assert!(seen <= 5, "{seen} connections in 1.5 s");
    let failed = failure_of(&session).await;
    assert!(failed.contains("client_certificate_file"), "{failed}");
}

async fn failure_of(session: &Session) -> String {
    session.recognise(bench::body(70), "01J", PATIENT).await.result.unwrap_err().to_string()
}

#[tokio::test]
async fn files_that_are_not_what_they_should_be_stop_the_start() {
    let service = Service::start(Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = open(&service, folder.path(), |_| {});
    drop(session);
    let (ca, absent) = (folder.path().join("ca.pem"), folder.path().join("absent"));
    let client = folder.path().join("client.pem");
    std::fs::write(&client, service.client_pem().unwrap()).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let foreign = folder.path().join("foreign.pem");
    std::fs::write(&foreign, other.serialize_pem()).unwrap();
    let proxy: Settings = toml::from_str("proxy = 'http://h:1'").unwrap();
    for (settings, said) in [
        (
            Settings { client_certificate_file: Some(ca), ..Settings::default() },
            "recognition.client_key_file: ",
        ),
        (
            Settings { client_certificate_file: Some(absent.clone()), ..Settings::default() },
            "recognition.client_certificate_file: ",
        ),
        (
            Settings {
                client_certificate_file: Some(client),
                client_key_file: Some(foreign),
                ..Settings::default()
            },
            "it cannot be used with its key",
        ),
        (Settings { proxy_credentials_file: Some(absent), ..proxy }, "recognition.proxy_credentials_file: "),
    ] {
        let source = KeySource::new(None, folder.path().join("key"));
        let refused = Session::open(settings, source, Clock::system()).unwrap_err();
        assert!(matches!(refused, NoTrust::File { .. }) && refused.to_string().contains(said), "{refused}");
    }
}

#[tokio::test]
async fn only_this_machine_may_go_unproved_and_only_when_the_settings_say_so_aloud() {
    let service =
        Service::start(Options { certificate: Certificate::SelfSigned, ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session =
        open(&service, folder.path(), |settings| settings.accept_any_certificate_on_loopback = true);
    assert!(session.recognise(bench::body(70), "01J", PATIENT).await.result.is_ok());
    // by a name it could be anybody: the setting is refused in the file, and has no force here
    let port = service.address().port();
    let session = open(&service, folder.path(), |settings| {
        settings.url = ServiceUrl::parse(&format!("https://localhost:{port}/v1/15/")).unwrap();
        settings.accept_any_certificate_on_loopback = true;
    });
    assert!(failure_of(&session).await.contains("does not prove who it is"));
}
