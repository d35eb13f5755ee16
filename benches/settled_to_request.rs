//! From the last byte of the frame that settles the weight to the answer of a service that answers at once, less the
//! wait for the next camera frame: the agent's own part of what a shopper waits for. The same request over a new
//! connection each time, the way a program without a kept session does it, is measured in the same run.
//!
//! `cargo bench --bench settled_to_request [-- N]`

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::time::Duration;

use scalecam::agent::Agent;
use scalecam::config::Config;
use scalecam::outcome::milliseconds;
use scalecam::practice::scale::{Character, Options, PracticeScale};
use scalecam::practice::service::{self, Service};
use scalecam::recognition::{About, BodyBuilder, KeySource, Session};
use scalecam::stamp::Clock;
use scalecam::weight::Weight;

fn main() {
    let weighings = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(60);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure(weighings));
}

async fn measure(weighings: usize) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(service::Options::default()).await.unwrap();
    std::fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
    std::fs::write(folder.path().join("key"), "practice").unwrap();
    let scale = PracticeScale::start(Options {
        character: Character::default().faster(8),
        ..Options::new("mt-sics")
    });
    let scale = scale.unwrap();
    let config = settings(&scale, &service, folder.path());

    let agent = Agent::start(&config, None, &Clock::system()).unwrap();
    let mut outcomes = agent.outcomes();
    let (mut own, mut waits, mut bytes) = (Vec::new(), Vec::new(), 0);
    for number in 0..weighings {
        scale.put(200 + i32::try_from(number % 50).unwrap() * 40);
        let outcome = outcomes.recv().await.unwrap();
        let picture = outcome.picture.clone().unwrap();
        let took = outcome.took;
        let wait = Duration::from_millis(picture.frame_age_ms);
        let before = took.frame.unwrap() + took.picture.unwrap() + took.request.unwrap();
        own.push(before.saturating_sub(wait));
        waits.push(wait);
        bytes = picture.bytes;
        scale.take_away();
        let mut state = scale.watch();
        state.wait_for(|state| state.stable && state.shown.weight() == Weight::ZERO).await.unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    agent.stop().await;
    let fresh = new_connections(&config, weighings, bytes).await;
    println!("{weighings} weighings, {bytes} bytes of JPEG, service on loopback that answers at once");
    println!("  wait for the next frame (30 a second)        median {:6.2} ms", median(waits));
    let kept = median(own);
    let new = median(fresh);
    println!("  settled byte to answer, less that wait       median {kept:6.2} ms");
    println!(
        "  the request alone, a new connection each     median {new:6.2} ms   {:.1} times as long",
        new / kept
    );
}

/// The same request, each over a session of its own.
async fn new_connections(config: &Config, count: usize, bytes: usize) -> Vec<Duration> {
    let clock = Clock::system();
    let mut took = Vec::new();
    for number in 0..count.min(20) {
        let picture = vec![b'A'; bytes.div_ceil(3) * 4];
        let about = About {
            device_id: "BENCH",
            camera_type: "generic",
            captured_at: clock.utc_at(clock.now()),
            weight: Some(Weight::from_grams(500)),
            max_options: None,
        };
        let body = BodyBuilder::new().build(&about, picture.len(), |body| body.extend_from_slice(&picture));
        let began = clock.now();
        let key = KeySource::new(None, config.recognition.api_key_file.clone());
        let session = Session::open(config.recognition.clone(), key, clock.clone()).unwrap();
        let _ = session.recognise(body, &format!("bench-{number}"), Duration::from_secs(3)).await;
        took.push(clock.now().since(began));
    }
    took
}

fn median(mut took: Vec<Duration>) -> f64 {
    took.sort();
    milliseconds(took[took.len() / 2])
}

fn settings(scale: &PracticeScale, service: &Service, folder: &Path) -> Config {
    let text = format!(
        "[device]\nid = \"BENCH\"\n[scale]\nport = \"{}\"\nprotocol = \"mt-sics\"\ndivision_g = 5\n\
         [camera]\nkind = \"synthetic\"\nwidth = 1280\nheight = 720\n\
         [recognition]\nurl = \"{}\"\napi_key_file = \"{}/key\"\nca_file = \"{}/ca.pem\"\n",
        scale.path().unwrap().display(),
        service.url(),
        folder.display(),
        folder.display()
    );
    Config::parse(&text, Path::new("bench")).unwrap()
}
