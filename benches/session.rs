//! The ends of a line with delay, for `benches/line.py`, which makes the line and prints the table.
//!
//! `session serve ADDRESS FOLDER` runs two practice services there, on port 8443 one that keeps connections, on
//! port 8444 one that closes them after five idle seconds, and writes to FOLDER whom to trust, a key and a body.
//! `session ours|reqwest URL FOLDER` reads lines: `arm` says that the load has left zero, `go` sends the request
//! of 130 KB; the answer is the time it took, in milliseconds.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes};
use chrono::DateTime;
use scalecam::practice::service::{Options, Service};
use scalecam::recognition::{About, BodyBuilder, KeySource, ServiceUrl, Session, Settings, State};
use scalecam::stamp::Clock;
use scalecam::weight::Weight;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::time::Instant;

const KEY: &str = "bench";
/// What a camera's 720p picture of 97 KB becomes in the request.
const BODY_BYTES: usize = 130_000;
/// Long enough for whoever notices a dead line late.
const PATIENCE: Duration = Duration::from_mins(1);
/// The port of the service that keeps connections, and of the one that does not.
const PORTS: [(u16, Option<Duration>); 2] = [(8443, None), (8444, Some(Duration::from_secs(5)))];

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|each| each != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.as_slice() {
        ["serve", address, folder] => runtime.block_on(serve(address.parse()?, Path::new(folder))),
        ["ours", url, folder] => runtime.block_on(ours(url, Path::new(folder))),
        ["reqwest", url, folder] => runtime.block_on(stock(url, Path::new(folder))),
        // `cargo bench` and `cargo test --benches` without a line to measure on
        _ => Ok(()),
    }
}

async fn serve(address: IpAddr, folder: &Path) -> Result<(), Failed> {
    let mut trusted = String::new();
    let mut services = Vec::new();
    for (port, idle) in PORTS {
        let service = Service::start(Options { address, port, idle, ..Options::default() }).await?;
        trusted += service.ca_pem();
        services.push(service);
    }
    std::fs::write(folder.join("ca.pem"), trusted)?;
    std::fs::write(folder.join("body"), body())?;
    std::fs::write(folder.join("key"), KEY)?;
    std::future::pending().await
}

fn orders() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

#[expect(clippy::print_stdout, reason = "a benchmark speaks to people")]
fn tell<E: std::fmt::Display>(began: Instant, result: Result<(), E>) {
    match result {
        Ok(()) => println!("{:.3}", began.elapsed().as_secs_f64() * 1_000.0),
        Err(error) => println!("failed {error}"),
    }
}

async fn ours(url: &str, folder: &Path) -> Result<(), Failed> {
    let settings = Settings {
        url: ServiceUrl::parse(url)?,
        ca_file: Some(PathBuf::from(folder).join("ca.pem")),
        ..Settings::default()
    };
    let source = KeySource::new(None, folder.join("key"));
    let session = Session::open(settings, source, Clock::system())?;
    session.state().wait_for(|state| *state == State::Connected).await?;
    let (body, mut orders) = (Bytes::from(std::fs::read(folder.join("body"))?), orders());
    while let Some(order) = orders.next_line().await? {
        if order == "arm" {
            session.arm();
        } else {
            let began = Instant::now();
            let attempted = session.recognise(body.clone(), "01JBENCH", PATIENCE).await;
            tell(began, attempted.result.map(|_| ()));
        }
    }
    Ok(())
}

async fn stock(url: &str, folder: &Path) -> Result<(), Failed> {
    let trusted = reqwest::Certificate::from_pem_bundle(&std::fs::read(folder.join("ca.pem"))?)?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "TLS is set up already")?;
    let client = reqwest::Client::builder().tls_certs_only(trusted).build()?;
    let (body, mut orders) = (Bytes::from(std::fs::read(folder.join("body"))?), orders());
    while let Some(order) = orders.next_line().await? {
        if order == "arm" {
            continue;
        }
        let began = Instant::now();
        let request = client.post(format!("{url}recognition/")).header("tiliter-api-key", KEY);
        let sent = async {
            let answer = request.header("content-type", "application/json").body(body.clone()).send().await?;
            answer.error_for_status()?.text().await.map(|_| ())
        };
        tell(began, sent.await);
    }
    Ok(())
}

fn body() -> Bytes {
    let mut noise = 1_u32;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0] / 3
    })
    .take(1280 * 720)
    .collect();
    let picture = (1..=20).rev().find_map(|tenth: u8| {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, tenth * 4);
        encoder.encode(&pixels, 1280, 720, jpeg_encoder::ColorType::Luma).ok()?;
        (bytes.len() < BODY_BYTES * 3 / 4).then_some(bytes)
    });
    let mut picture = picture.unwrap_or_default();
    // a comment behind the start brings it to the size wanted
    let lacking = (BODY_BYTES - 170) * 3 / 4 - picture.len();
    let mut padded = picture.drain(..2).collect::<Vec<_>>();
    for part in vec![b'x'; lacking].chunks(60_000) {
        let length = u16::try_from(part.len() + 2).unwrap_or(2).to_be_bytes();
        padded.extend_from_slice(&[0xFF, 0xFE, length[0], length[1]]);
        padded.extend_from_slice(part);
    }
    padded.append(&mut picture);
    let text = STANDARD.encode(padded);
    let about = About {
        device_id: "LANE-01",
        camera_type: "generic",
        captured_at: DateTime::UNIX_EPOCH,
        weight: Some(Weight::from_grams(500)),
        max_options: None,
    };
    BodyBuilder::new().build(&about, text.len(), |buffer| buffer.put_slice(text.as_bytes()))
}
