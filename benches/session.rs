//! Measures requests over a line with delay, in milliseconds from the request to its answer.
//!
//! `session serve ADDRESS PORT FOLDER` runs the practice service there and writes its authority to FOLDER/ca.pem.
//! `session ours|reqwest URL FOLDER COUNT PAUSE_MS [ARM_MS]` sends COUNT requests of 130 KB with that pause before
//! each; `ARM_MS` before each request the session hears that the load has left zero.

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
use tokio::time::{Instant, sleep};

const KEY: &str = "bench";
/// What a camera's 720p picture of 97 KB becomes in the request.
const BODY_BYTES: usize = 130_000;
const PATIENCE: Duration = Duration::from_mins(1);

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|each| each != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.as_slice() {
        ["serve", address, port, folder] => {
            runtime.block_on(serve(address.parse()?, port.parse()?, Path::new(folder)))
        }
        [way @ ("ours" | "reqwest"), url, folder, count, pause, arm @ ..] => {
            let arm = arm.first().map(|arm| arm.parse()).transpose()?.map(Duration::from_millis);
            let plan = Plan {
                url: (*url).to_owned(),
                folder: PathBuf::from(folder),
                count: count.parse()?,
                pause: Duration::from_millis(pause.parse()?),
                arm,
            };
            runtime.block_on(async {
                let took = if *way == "ours" { ours(&plan).await? } else { stock(&plan).await? };
                report(way, &plan, took);
                Ok(())
            })
        }
        // `cargo bench` and `cargo test --benches` without a line to measure on
        _ => Ok(()),
    }
}

struct Plan {
    url: String,
    folder: PathBuf,
    count: u32,
    pause: Duration,
    arm: Option<Duration>,
}

async fn serve(address: IpAddr, port: u16, folder: &Path) -> Result<(), Failed> {
    let service = Service::start(Options { address, port, ..Options::default() }).await?;
    std::fs::write(folder.join("ca.pem"), service.ca_pem())?;
    std::fs::write(folder.join("key"), KEY)?;
    let mut counters = service.watch();
    while counters.changed().await.is_ok() {
        let seen = *counters.borrow_and_update();
        std::fs::write(folder.join("seen"), format!("{seen:?}\n"))?;
    }
    Ok(())
}

async fn ours(plan: &Plan) -> Result<Vec<Duration>, Failed> {
    let settings = Settings {
        url: ServiceUrl::parse(&plan.url)?,
        ca_file: Some(plan.folder.join("ca.pem")),
        ..Settings::default()
    };
    let source = KeySource::new(None, plan.folder.join("key"));
    let session = Session::open(settings, source, Clock::system())?;
    session.state().wait_for(|state| *state == State::Connected).await?;
    let (body, mut took) = (body(), Vec::new());
    for _ in 0..plan.count {
        let arm = plan.arm.unwrap_or(Duration::ZERO).min(plan.pause);
        sleep(plan.pause.saturating_sub(arm)).await;
        if plan.arm.is_some() {
            session.arm();
            sleep(arm).await;
        }
        let began = Instant::now();
        let attempted = session.recognise(body.clone(), "01JBENCH", PATIENCE).await;
        took.push(began.elapsed());
        attempted.result?;
    }
    eprintln_tally(&session);
    Ok(took)
}

#[expect(clippy::print_stderr, reason = "a benchmark speaks to people")]
fn eprintln_tally(session: &Session) {
    eprintln!("{:?}", session.tally());
}

async fn stock(plan: &Plan) -> Result<Vec<Duration>, Failed> {
    let pem = std::fs::read(plan.folder.join("ca.pem"))?;
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "TLS is set up already")?;
    let client =
        reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&pem)?]).build()?;
    let (body, mut took) = (body(), Vec::new());
    for index in 0..=plan.count {
        sleep(plan.pause).await;
        let began = Instant::now();
        let request = client.post(format!("{}recognition/", plan.url)).header("tiliter-api-key", KEY);
        let answer = request.header("content-type", "application/json").body(body.clone()).send().await?;
        answer.error_for_status()?.text().await?;
        // the first one makes the connection, which the session made beforehand
        if index > 0 {
            took.push(began.elapsed());
        }
    }
    Ok(took)
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

#[expect(clippy::print_stdout, reason = "a benchmark speaks to people")]
fn report(way: &str, plan: &Plan, mut took: Vec<Duration>) {
    took.sort();
    let at = |part: f64| {
        let index = (f64::from(plan.count.saturating_sub(1)) * part).round();
        took.iter()
            .zip(0_u32..)
            .find(|(_, each)| f64::from(*each) >= index)
            .map_or(0.0, |(each, _)| each.as_secs_f64() * 1_000.0)
    };
    println!(
        "{way:8} pause {:>6} ms  n {:>4}  median {:>7.1} ms  p05 {:>7.1}  p95 {:>7.1}  worst {:>7.1}",
        plan.pause.as_millis(),
        plan.count,
        at(0.5),
        at(0.05),
        at(0.95),
        at(1.0),
    );
}
