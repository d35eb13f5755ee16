//! `scalecam demo`: the whole path with nothing plugged in, and every part of it real: a pseudo-terminal, TLS,
//! the same agent that runs as a service.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use super::{Exit, decode, give, runtime, say};
use crate::agent::Agent;
use crate::config::Config;
use crate::outcome::{Outcome, milliseconds};
use crate::practice::scale::{Options, PracticeScale};
use crate::practice::service::{self, Service};
use crate::scale::Family;
use crate::stamp::Clock;
use crate::weight::Weight;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How many weighings
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    weighings: u32,
    /// The protocol that the practice scale speaks
    #[arg(long, value_name = "P", default_value = "mt-sics", value_parser = decode::family)]
    protocol: &'static Family,
    /// Go on until interrupted
    #[arg(long)]
    forever: bool,
}

/// What is put on the scale, in grams, one after the other.
const ITEMS: [i32; 8] = [1235, 180, 640, 95, 2310, 455, 1020, 310];
/// A placement that has no outcome by then never gets one: settling takes two seconds at most, the deadline is three.
const OUTCOME_LIMIT: Duration = Duration::from_secs(15);
/// How long the practice scale may take to come to rest empty.
const EMPTY_LIMIT: Duration = Duration::from_secs(10);

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    crate::host::log_quietly();
    let folder = Folder::make().map_err(|error| Exit::failed(format!("a temporary folder: {error}")))?;
    runtime()?.block_on(async {
        tokio::select! {
            done = demonstrate(arguments, &folder.path) => done,
            _ = tokio::signal::ctrl_c() => Err(Exit::failed("interrupted")),
        }
    })
}

async fn demonstrate(arguments: &Arguments, folder: &Path) -> Result<(), Exit> {
    say("DEMO: everything is simulated and marked as such; the terminal, TLS and the agent are real.");
    let service = Service::start(service::Options::default()).await.map_err(Exit::unavailable)?;
    let scale = PracticeScale::start(Options::new(arguments.protocol.name)).map_err(Exit::unavailable)?;
    let device = scale.path().ok_or_else(|| Exit::unavailable("the practice scale has no terminal"))?;
    say(format_args!("  scale    {} on {} (practice)", arguments.protocol.name, device.display()));
    say(format_args!("  camera   synthetic, 640x360 at 30 frames a second"));
    say(format_args!("  service  {} (practice)", service.url()));
    let config = settings(arguments.protocol, &device, &service, folder)?;
    let agent = Agent::start(&config, None, &Clock::system()).map_err(Exit::failed)?;
    let mut outcomes = agent.outcomes();

    let mut table = Table::default();
    let mut number = 0;
    while arguments.forever || number < arguments.weighings {
        let item =
            usize::try_from(number).ok().and_then(|n| ITEMS.get(n % ITEMS.len())).copied().unwrap_or(500);
        number += 1;
        say(format_args!("\nweighing {number}: {item} g are put down, waiting for the weight to settle …"));
        scale.put(item);
        let outcome = next(&mut outcomes).await?;
        table.add(&outcome, item, arguments.protocol.writes.text.is_some(), scale.shown().as_deref());
        give(&outcome.json())?;
        scale.take_away();
        empty(&scale).await?;
    }
    agent.stop().await;
    say(table.text());
    let counters = service.counters();
    say(format_args!("{} recognitions over {} TCP connections", counters.recognitions, counters.connections));
    if table.wrong == 0 { Ok(()) } else { Err(Exit::failed(format!("{} weighings went wrong", table.wrong))) }
}

async fn next(outcomes: &mut Receiver<Arc<Outcome>>) -> Result<Arc<Outcome>, Exit> {
    match timeout(OUTCOME_LIMIT, outcomes.recv()).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(Exit::failed(format!("the agent ended: {error}"))),
        Err(_) => Err(Exit::failed(format!("no outcome within {} s", OUTCOME_LIMIT.as_secs()))),
    }
}

/// Waits until the practice scale rests empty for so long that the same weight would fire again.
async fn empty(scale: &PracticeScale) -> Result<(), Exit> {
    let mut state = scale.watch();
    let rests = state.wait_for(|state| state.stable && state.shown.weight() == Weight::ZERO);
    timeout(EMPTY_LIMIT, rests)
        .await
        .map_err(|_| Exit::failed("the practice scale does not come to rest"))?
        .map_err(|_| Exit::failed("the practice scale ended"))?;
    // The plate must be seen empty for 300 ms; the poll is back to back while it changes.
    tokio::time::sleep(Duration::from_millis(600)).await;
    Ok(())
}

/// The settings of a desk: exactly what a person would write into `config.toml`.
fn settings(family: &Family, device: &Path, service: &Service, folder: &Path) -> Result<Config, Exit> {
    let (ca, key) = (folder.join("ca.pem"), folder.join("api-key"));
    let written = fs::write(&ca, service.ca_pem()).and_then(|()| fs::write(&key, "practice"));
    written.map_err(|error| Exit::failed(format!("{}: {error}", folder.display())))?;
    let sink = match family.writes.text {
        Some(_) => "[[sink]]\nkind = \"scale-display\"\ntext = \"{product} {weight}\"\n",
        None => "",
    };
    let products: BTreeMap<_, _> =
        service::catalogue().iter().map(|product| (product.id, product.name)).collect();
    let products = toml::to_string(&products).map_err(Exit::failed)?;
    let text = format!(
        "[device]\nid = \"DEMO\"\n\
         [scale]\nport = \"{}\"\nprotocol = \"{}\"\nunit = \"kg\"\ndivision_g = 5\n\
         [camera]\nkind = \"synthetic\"\n\
         [recognition]\nurl = \"{}\"\napi_key_file = \"{}\"\nca_file = \"{}\"\n\
         {sink}[products]\n{products}",
        device.display(),
        family.name,
        service.url(),
        key.display(),
        ca.display(),
    );
    Config::parse(&text, Path::new("the demo's settings")).map_err(Exit::failed)
}

/// The closing table.
#[derive(Default)]
struct Table {
    rows: Vec<String>,
    totals: Vec<f64>,
    wrong: u32,
}

impl Table {
    /// Adds a row. `has_display`: the product must also stand on the scale's display, which shows `shown`.
    fn add(&mut self, outcome: &Outcome, item: i32, has_display: bool, shown: Option<&str>) {
        let weight = outcome.quantity.map(crate::weight::Quantity::weight);
        let product = outcome
            .product_id()
            .map(|id| outcome.products.get(id).map_or(id, |product| product.name.as_str()));
        let expected = weight.and_then(service::product_for).map(|product| product.name);
        let total = milliseconds(outcome.took.total);
        let on_display = shown.zip(product).is_some_and(|(text, name)| text.contains(name));
        let right = weight == Some(Weight::from_grams(item.into()))
            && product.is_some()
            && product == expected
            && (on_display || !has_display);
        self.wrong += u32::from(!right);
        self.totals.push(total);
        let ms = |took: Option<Duration>| {
            took.map_or_else(|| "-".to_owned(), |took| format!("{:.1}", milliseconds(took)))
        };
        self.rows.push(format!(
            "{:>3}  {:>8} g  {:<12} {:>7} {:>6} {:>8} {:>8} {:>7} {:>8.1}  {}",
            self.rows.len() + 1,
            outcome.grams().unwrap_or_default(),
            product.unwrap_or_else(|| outcome.word()),
            ms(outcome.took.settle),
            ms(outcome.took.frame),
            ms(outcome.took.picture),
            ms(outcome.took.request),
            ms(outcome.took.write_back),
            total,
            if right { "right" } else { "WRONG" },
        ));
        say(format_args!(
            "  {} g: {}, {total:.1} ms after the weight settled{}",
            outcome.grams().unwrap_or_default(),
            product.unwrap_or_else(|| outcome.word()),
            shown.map(|text| format!(", on the scale's display: {text:?}")).unwrap_or_default()
        ));
    }

    fn text(&self) -> String {
        let mut sorted = self.totals.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part: usize| {
            sorted.get((sorted.len().saturating_sub(1)) * part / 100).copied().unwrap_or_default()
        };
        format!(
            "\n  #    weight    product       settle  frame  picture  request   write    total   (milliseconds)\n{}\n\
             median {:.1} ms, 95th percentile {:.1} ms, slowest {:.1} ms from the settled weight to the result; \
             {} of {} right (SIMULATION)",
            self.rows.join("\n"),
            at(50),
            at(95),
            at(100),
            self.rows.len() - usize::try_from(self.wrong).unwrap_or(usize::MAX).min(self.rows.len()),
            self.rows.len(),
        )
    }
}

/// A folder of our own that goes away with the demo.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("scalecam-demo-{}", ulid::Ulid::generate()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed from the temporary folder goes with the next boot.
        let _ = fs::remove_dir_all(&self.path);
    }
}
