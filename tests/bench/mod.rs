//! What the tests of the session have in common: a practice service, a session with it, a picture, and a
//! relay between the two that goes silent on command.

#![allow(dead_code, reason = "each test program uses what it needs")]

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes};
use chrono::DateTime;
use scalecam::practice::service::{Fault, Options, Service};
use scalecam::recognition::{
    About, Attempted, BodyBuilder, Failure, KeySource, ServiceUrl, Session, Settings, State,
};
use scalecam::stamp::Clock;
use scalecam::weight::Weight;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

pub(crate) const KEY: &str = "tk-9d1f0e6b7a5c";
/// Long enough that only a fault that never ends reaches it.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A practice service and a session with it, with a key file and a trust file of their own.
pub(crate) struct Bench {
    pub(crate) service: Service,
    pub(crate) session: Session,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(options: Options) -> Self {
        Self::with(Options { api_key: options.api_key.or(Some(KEY.to_owned())), ..options }, |_| {}).await
    }

    pub(crate) async fn with(options: Options, change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(options, change, Clock::system()).await
    }

    pub(crate) async fn at(options: Options, change: impl FnOnce(&mut Settings), clock: Clock) -> Self {
        let service = Service::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), KEY).unwrap();
        std::fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
        let mut settings = Settings {
            url: ServiceUrl::parse(&service.url()).unwrap(),
            api_key_file: folder.path().join("key"),
            ca_file: Some(folder.path().join("ca.pem")),
            ..Settings::default()
        };
        change(&mut settings);
        let source = KeySource::new(None, settings.api_key_file.clone());
        let session = Session::open(settings, source, clock).unwrap();
        Self { service, session, folder }
    }

    /// Waits until the session has reached a state.
    pub(crate) async fn until(&self, is: impl FnMut(&State) -> bool) -> State {
        let mut state = self.session.state();
        state.wait_for(is).await.unwrap().clone()
    }

    /// A session whose connection is open.
    pub(crate) async fn connected(options: Options) -> Self {
        let bench = Self::new(options).await;
        bench.until(|state| *state == State::Connected).await;
        bench
    }

    pub(crate) async fn weigh(&self, grams: i64, within: Duration) -> Attempted {
        self.session.recognise(body(grams), &format!("01JWEIGHING{grams}"), within).await
    }

    /// Weighs while the service makes one fault.
    pub(crate) async fn fault(&self, fault: Fault, within: Duration) -> Attempted {
        self.service.script([fault]);
        self.weigh(500, within).await
    }

    pub(crate) async fn closed(&self, count: u64) {
        let mut counters: watch::Receiver<_> = self.service.watch();
        counters.wait_for(|counters| counters.closed >= count).await.unwrap();
    }
}

/// A grey plate, 640 by 360.
pub(crate) fn picture() -> &'static [u8] {
    static PICTURE: OnceLock<Vec<u8>> = OnceLock::new();
    PICTURE.get_or_init(|| {
        let mut bytes = Vec::new();
        let pixels = vec![90; 640 * 360];
        jpeg_encoder::Encoder::new(&mut bytes, 80)
            .encode(&pixels, 640, 360, jpeg_encoder::ColorType::Luma)
            .unwrap();
        bytes
    })
}

pub(crate) fn body(grams: i64) -> Bytes {
    let picture = STANDARD.encode(picture());
    let about = About {
        device_id: "LANE-01",
        camera_type: "generic",
        captured_at: DateTime::from_timestamp_millis(1_795_000_000_123).unwrap(),
        weight: Some(Weight::from_grams(grams)),
        max_options: None,
    };
    BodyBuilder::new().build(&about, picture.len(), |buffer| buffer.put_slice(picture.as_bytes()))
}

pub(crate) fn failure(attempted: Attempted) -> Failure {
    attempted.result.expect_err("the weighing must have failed")
}

/// A relay whose connections can go silent, as behind a router that lost its table: the old ones carry nothing
/// any more, new ones work.
pub(crate) struct Relay {
    frozen: watch::Sender<u32>,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Listens at `address`, with small buffers, and passes everything on.
    pub(crate) fn start(address: SocketAddr, inside: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.bind(address).unwrap();
        let door = socket.listen(16).unwrap();
        let frozen = watch::Sender::new(0);
        let notice = frozen.clone();
        let task = tokio::spawn(async move {
            while let Ok((outer, _)) = door.accept().await {
                let mut freeze = notice.subscribe();
                tokio::spawn(async move {
                    let inner = TcpStream::connect(inside).await.unwrap();
                    let ((mut out_read, mut out_write), (mut in_read, mut in_write)) =
                        (outer.into_split(), inner.into_split());
                    let pass = async {
                        tokio::join!(
                            async {
                                let _ = tokio::io::copy(&mut out_read, &mut in_write).await;
                                let _ = in_write.shutdown().await;
                            },
                            async {
                                let _ = tokio::io::copy(&mut in_read, &mut out_write).await;
                                let _ = out_write.shutdown().await;
                            }
                        )
                    };
                    tokio::select! {
                        _ = pass => return,
                        _ = freeze.changed() => {}
                    }
                    // both ends stay open and nobody reads: as silent as a lost packet
                    std::future::pending::<()>().await;
                });
            }
        });
        Self { frozen, task }
    }

    /// Silences all connections there are.
    pub(crate) fn freeze(&self) {
        self.frozen.send_modify(|count| *count += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address on which nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
