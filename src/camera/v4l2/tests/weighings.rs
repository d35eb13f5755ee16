//! A thousand weighings from the kernel's buffers to the service, with frames that show when they were exposed and
//! what lay on the plate: what arrives is read again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};

use super::*;
use crate::camera::Tally;
use crate::config::Config;
use crate::jpeg::{self, Image, Plane, Rect, Scale};
use crate::lane::{Lane, Shop};
use crate::outcome::Outcome;
use crate::practice::service::{Options, Service};
use crate::pulse::Pulse;
use crate::recognition::{KeySource, Session};
use crate::scale::{Family, Profile, dialogue};
use crate::serial::{Event, Link};
use crate::sink::Sinks;
use crate::stability::Detector;
use crate::stamp::{Clock, Stamp};
use fake::Feed;
use tokio::sync::{broadcast, mpsc, oneshot};

/// What a frame shows: twice, in its upper and in its lower half, so that two frames in one are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    number: u16,
    exposed_ms: u32,
    /// What lay on the plate; zero for nothing.
    placement: u8,
}

/// Blocks of eight by eight, one bit each: 16 for the number, 24 for the time, 8 for the placement.
const ACROSS: u32 = 12;
const DOWN: u32 = 8;
const BITS: u32 = 48;
/// From the exposure to the driver's stamp: more than a frame, so that frames come that are stamped after the
/// settled moment and were exposed before it.
const LATENCY_MS: u64 = 40;

impl Shown {
    fn file(self) -> Vec<u8> {
        let bits = u64::from(self.number) << 32 | u64::from(self.exposed_ms) << 8 | u64::from(self.placement);
        let mut plane = Plane::even(ACROSS * 8, DOWN * 8, 0);
        for y in 0..DOWN * 8 {
            for (x, sample) in (0..).zip(plane.row_mut(y)) {
                let bit = (y / 8 * ACROSS + x / 8) % BITS;
                let grain = (x * 7 + y * 13 + x * y + u32::from(self.number)) % 23;
                *sample = u8::try_from(grain + if bits >> bit & 1 == 1 { 190 } else { 40 }).unwrap();
            }
        }
        jpeg::encode(&[&plane], 80).unwrap()
    }

    /// What a picture shows; nothing when its halves are of two frames.
    fn read(file: &[u8]) -> Option<Self> {
        let image = Image::read(file).unwrap();
        let decoded = jpeg::decode(&image, Rect::whole(ACROSS * 8, DOWN * 8), &[], Scale::Eighth).unwrap();
        let half = |rows: std::ops::Range<u32>| {
            let means = rows.flat_map(|y| decoded.planes[0].row(y).to_vec());
            (0..).zip(means).fold(0_u64, |bits, (place, mean)| bits | u64::from(mean > 128) << place)
        };
        let (upper, lower) = (half(0..DOWN / 2), half(DOWN / 2..DOWN));
        let number = |bits: u64, mask: u64| u32::try_from(bits & mask).unwrap();
        (upper == lower).then(|| Self {
            number: number(upper >> 32, 0xFFFF).try_into().unwrap(),
            exposed_ms: number(upper >> 8, 0xFF_FFFF),
            placement: number(upper, 0xFF).try_into().unwrap(),
        })
    }
}

/// A file without its Huffman tables.
fn bare(file: &[u8]) -> Vec<u8> {
    let (mut at, mut bare) = (2, file[..2].to_vec());
    while file[at + 1] != 0xDA {
        let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        if file[at + 1] != 0xC4 {
            bare.extend(&file[at..end]);
        }
        at = end;
    }
    bare.extend(&file[at..]);
    bare
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    None,
    /// The driver says so.
    Flagged,
    /// The camera stopped in the middle; behind it the buffer still holds an older frame.
    Cut,
    /// The camera stopped in the middle and went on with the next frame.
    RunTogether,
    /// Bytes are missing in the middle.
    Lossy,
    /// It comes behind a newer one.
    Late,
}

/// The world around the lane.
struct Counter {
    nanos: Arc<AtomicU64>,
    acts: std_mpsc::Sender<Act>,
    idle: mpsc::UnboundedReceiver<()>,
    scale: mpsc::Sender<Event>,
    sequence: u32,
    /// Numbers of frames that nobody may see.
    bad: HashSet<u16>,
    /// What lay on the plate, and since when.
    plates: Vec<(u64, u8)>,
    dice: u64,
}

impl Counter {
    fn now_ms(&self) -> u64 {
        self.nanos.load(Ordering::Relaxed) / 1_000_000
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    /// Lets the camera do something, and waits until the program has dealt with it.
    async fn act(&mut self, act: Act) {
        self.acts.send(act).unwrap();
        self.idle.recv().await.unwrap();
    }

    fn plate_at(&self, at: u64) -> u8 {
        self.plates.iter().rev().find(|(since, _)| *since <= at).map_or(0, |(_, placement)| *placement)
    }

    /// The camera delivers a frame.
    async fn frame(&mut self, flaw: Flaw) {
        let jitter = self.roll(20);
        self.nanos.fetch_add(jitter * 1_000_000, Ordering::Relaxed);
        // The camera's script lets this much pass before it fills the buffer.
        let exposed = self.now_ms() + 33 - LATENCY_MS;
        let shown = |number: u32, exposed: u64| Shown {
            number: u16::try_from(number).unwrap(),
            exposed_ms: u32::try_from(exposed).unwrap(),
            placement: self.plate_at(exposed),
        };
        let whole = shown(self.sequence, exposed).file();
        let mut fill = Fill {
            sequence: self.sequence,
            bytes: whole.clone(),
            faulty: false,
            stamped: true,
            at_end: false,
        };
        let mut fills = Vec::new();
        let cut = whole.len() * 6 / 10;
        match flaw {
            // Some cameras leave the Huffman tables out.
            Flaw::None if self.sequence.is_multiple_of(3) => fill.bytes = bare(&whole),
            Flaw::None => {}
            Flaw::Flagged => fill.faulty = true,
            Flaw::Cut => fill.bytes.truncate(cut),
            Flaw::RunTogether => {
                fill.bytes.truncate(cut);
                fill.bytes.extend(whole);
            }
            Flaw::Lossy => drop(fill.bytes.drain(cut..cut + whole.len() / 5)),
            Flaw::Late => {
                fills.push(Fill {
                    sequence: self.sequence + 1,
                    bytes: shown(self.sequence + 1, exposed).file(),
                    ..fill.clone()
                });
            }
        }
        if !matches!(flaw, Flaw::None) {
            self.bad.insert(u16::try_from(self.sequence).unwrap());
        }
        self.sequence += 1 + u32::try_from(fills.len()).unwrap();
        fills.push(fill);
        self.act(Act::Fill(fills)).await;
    }

    async fn weight(&self, text: &str) {
        let family = Family::named("mt-sics").unwrap();
        let mut decoder = (family.decoder)(&Profile::default());
        let frames = text.bytes().filter_map(|byte| decoder.push(byte));
        for frame in frames.collect::<Vec<_>>() {
            let at = Stamp::from_millis(self.now_ms());
            self.scale.send(Event::Said(dialogue::Event::Frame(frame, at))).await.unwrap();
        }
    }

    fn lay(&mut self, placement: u8) {
        self.plates.push((self.now_ms(), placement));
    }

    /// Goods are put down and weighed; gives the settled moment and the outcome.
    async fn weigh(
        &mut self,
        number: u32,
        outcomes: &mut broadcast::Receiver<Arc<Outcome>>,
    ) -> (u64, Arc<Outcome>) {
        let weight = format!("{:10.3} kg\r\n", f64::from(500 + number % 300 * 5) / 1_000.0);
        self.lay(u8::try_from(number % 250 + 1).unwrap());
        self.weight(&format!("S D {weight}")).await;
        for _ in 0..self.roll(3) {
            self.frame(Flaw::None).await;
        }
        let settled = self.now_ms();
        self.weight(&format!("S S {weight}")).await;
        if number % 50 == 10 {
            self.act(Act::Unplug).await;
            self.act(Act::Plug).await;
        }
        for step in 0..200 {
            // At least two that nobody may see come first.
            match self.roll(if step < 2 { 5 } else { 10 }) {
                0 => self.frame(Flaw::Flagged).await,
                1 => self.frame(Flaw::Cut).await,
                2 => self.frame(Flaw::RunTogether).await,
                3 => self.frame(Flaw::Lossy).await,
                4 => self.frame(Flaw::Late).await,
                _ => self.frame(Flaw::None).await,
            }
            self.weight(&format!("S S {weight}")).await;
            let outcome = tokio::time::timeout(Duration::from_millis(4), outcomes.recv()).await;
            if let Ok(outcome) = outcome {
                return (settled, outcome.unwrap());
            }
        }
        panic!("weighing {number} had no outcome");
    }

    async fn clear(&mut self) {
        self.lay(0);
        for _ in 0..3 {
            self.weight("S S      0.000 kg\r\n").await;
            // A plate counts as empty after some time.
            self.nanos.fetch_add(200_000_000, Ordering::Relaxed);
            self.frame(Flaw::None).await;
        }
    }
}

/// The camera's thread: the driver against a scripted device that does what it is told.
fn camera(config: &Config, feed: Feed, nanos: Arc<AtomicU64>, ring: Arc<Ring>, tally: Tally) {
    let world = World::fed(Arc::clone(&nanos), feed);
    let desk = Desk {
        ring,
        clock: Clock::set_by(nanos),
        stop: Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap()),
        heartbeat: Heartbeat::of(Arc::new(AtomicU64::new(0))),
        tally,
        name: "fake".to_owned(),
        latency: config.camera.latency,
        delivered: Cell::new(false),
    };
    let (mut driver, desk) = (V4l2::at(Box::new(world), &config.camera), Rc::new(desk));
    while let End::Lost(why) = driver.run(&desk) {
        desk.lose(&why);
    }
}

fn settings(folder: &std::path::Path, service: &Service, choice: &str) -> Config {
    std::fs::write(folder.join("ca.pem"), service.ca_pem()).unwrap();
    std::fs::write(folder.join("key"), "practice").unwrap();
    let text = format!(
        "[device]\nid = \"TEST\"\n[scale]\nport = \"{0}/none\"\nprotocol = \"mt-sics\"\ndivision_g = 5\n\
         [camera]\nkind = \"v4l2\"\ndevice = \"/dev/v4l/by-id/fake\"\nwarm_up_ms = 0\nlatency_ms = {LATENCY_MS}\n\
         {choice}[picture]\naspect = \"3:2\"\n\
         [recognition]\nurl = \"{1}\"\napi_key_file = \"{0}/key\"\nca_file = \"{0}/ca.pem\"\n",
        folder.display(),
        service.url()
    );
    Config::parse(&text, std::path::Path::new("test")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_weighings_get_no_picture_that_is_older_foreign_or_spliced() {
    weighings(1_000, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_the_sharpest_frame() {
    weighings(250, "choice = \"sharpest\"\n").await;
}

/// Number and time change about every fourth block from frame to frame, and sometimes nearly all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_the_frame_of_a_scene_that_stands_still() {
    weighings(250, "choice = \"sharpest\"\nstill_ms = 60\nstill_change_permille = 500\n").await;
}

async fn weighings(count: u32, choice: &str) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(Options { pictures: true, ..Options::default() }).await.unwrap();
    let config = settings(folder.path(), &service, choice);
    let nanos = Arc::new(AtomicU64::new(1_000_000_000));
    let (clock, ring, tally) =
        (Clock::set_by(Arc::clone(&nanos)), Arc::new(Ring::default()), Tally::default());
    let (acts, fed) = std_mpsc::channel();
    let (told, idle) = mpsc::unbounded_channel();
    let thread = std::thread::spawn({
        let (config, nanos, ring, tally) =
            (config.clone(), Arc::clone(&nanos), Arc::clone(&ring), tally.clone());
        move || camera(&config, Feed { acts: fed, idle: told }, nanos, ring, tally)
    });
    let key = KeySource::new(None, config.recognition.api_key_file.clone());
    let (unheard, _of_no_port) = mpsc::channel(8);
    let link =
        Arc::new(Link::start(config.link(folder.path().join("none")), Clock::system(), unheard).unwrap());
    let shop = Arc::new(Shop {
        device_id: "TEST".to_owned(),
        simulated: false,
        products: Arc::default(),
        ring,
        camera: config.camera.clone(),
        picture: config.picture.clone(),
        recognition: config.recognition.clone(),
        session: Session::open(config.recognition.clone(), key, Clock::system()).unwrap(),
        outbox: None,
        sinks: Sinks::start(&[], &link),
        clock: clock.clone(),
        bodies: Mutex::default(),
        placement: AtomicU64::new(0),
        smaller: AtomicU8::new(0),
        checksum: config.checksum.clone(),
    });
    let pulse = Pulse::new("lane", Duration::from_secs(10), clock.now());
    let lane = Lane::new(shop, Detector::new(config.rules()), false, pulse);
    let (mut outcomes, (scale, readings)) = (lane.outcomes(), mpsc::channel(64));
    let ((halt, halted), (_asks, asked)) = (oneshot::channel(), mpsc::channel(1));
    let lane = tokio::spawn(lane.run(readings, asked, halted, Duration::from_secs(1)));
    let (bad, plates) = (HashSet::new(), Vec::new());
    let mut counter = Counter { nanos, acts, idle, scale, sequence: 1, bad, plates, dice: 7 };
    counter.idle.recv().await.unwrap();

    let (is_gated, mut stood) = (choice.contains("still_ms"), 0);
    for number in 0..count {
        counter.clear().await;
        let (settled, outcome) = counter.weigh(number, &mut outcomes).await;
        assert_eq!(outcome.word(), "recognised", "{}", outcome.json());
        let still = outcome.picture.as_ref().unwrap().still;
        assert_eq!(still.is_some(), is_gated);
        stood += u32::from(still == Some(true));
        let requests = service.take_requests();
        assert_eq!(requests.len(), 1);
        let shown = Shown::read(&requests[0].file).expect("a picture of two frames");
        assert!(u64::from(shown.exposed_ms) > settled, "weighing {number} at {settled}: {shown:?}");
        assert_eq!(u32::from(shown.placement), number % 250 + 1, "{shown:?}");
        assert!(!counter.bad.contains(&shown.number), "{shown:?}");
    }
    let counts = tally.counts();
    let met = [counts.flagged, counts.damaged, counts.late, counts.reopens];
    let enough = [count / 5, count / 5, count / 5, count / 50].map(u64::from);
    assert!(met.iter().zip(enough).all(|(met, least)| *met >= least), "{counts:?}");
    assert!(stood >= if is_gated { count / 2 } else { 0 }, "{stood}");
    drop((counter, halt));
    let _stopped = lane.await.unwrap();
    thread.join().unwrap();
}
