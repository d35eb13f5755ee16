//! The scale itself: a few seconds of the conversation that the agent would hold.

use std::path::Path;
use std::time::Duration;

use super::Finding;
use super::port::{self, Around};
use crate::config::{Config, PortName};
use crate::practice::scale::{Options, PracticeScale};
use crate::scale::dialogue::{Dialogue, Event, Step};
use crate::scale::{Garbled, Heard, Reading, Stability, Talk, Terms};
use crate::serial::{Ear, Port};
use crate::stamp::{Clock, Stamp};

/// How long the scale is listened to: a scale that sends by itself speaks within two seconds.
const CONVERSATION: Duration = Duration::from_secs(5);
/// So many readings tell enough.
const ENOUGH: usize = 20;
/// A quicker answer than this is not worth a word.
const SLOW: Duration = Duration::from_millis(300);

/// What was heard.
#[derive(Default)]
struct Findings {
    readings: Vec<Reading>,
    garbled: Vec<Garbled>,
    answers: usize,
    /// From a question to the first byte of its answer.
    took: Vec<Duration>,
    barred: Option<String>,
    /// The silence that stands for an empty plate.
    empty: bool,
    bytes: usize,
}

/// All checks of the scale; those that need the ones before it end where those failed.
pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    match &config.scale.port {
        PortName::Device(path) => of_device(config, path, findings),
        PortName::Practice(family) => {
            findings.push(Finding::warn(
                "scale-port",
                "SIMULATION: a practice scale",
                "set scale.port for a real lane",
            ));
            match PracticeScale::start(Options::new(family.name)) {
                Ok(scale) => talk(config, &scale.path().unwrap_or_default(), findings),
                Err(error) => findings.push(Finding::fail("scale", error.to_string(), "").without_advice()),
            }
        }
    }
}

fn of_device(config: &Config, path: &Path, findings: &mut Vec<Finding>) {
    use super::Verdict::Fail;
    let reports = matches!(config.scale.family.talk, Talk::Reports);
    findings.push(port::present(path));
    if findings.last().is_some_and(|finding| finding.verdict == Fail) {
        return;
    }
    findings.push(port::permitted(path, reports));
    let permitted = findings.last().is_none_or(|finding| finding.verdict != Fail);
    let around = Around::default();
    if !reports {
        findings.extend(around.neighbours(path));
        findings.extend(around.mini_uart(path, config.scale.line.framing));
    }
    let held = port::held(path);
    let free = held.is_none();
    findings.extend(held);
    if permitted && free {
        talk(config, path, findings);
    }
}

fn talk(config: &Config, path: &Path, findings: &mut Vec<Finding>) {
    match converse(config, path) {
        Ok(heard) => judge(config, &heard, findings),
        Err(why) => findings.push(Finding::fail("scale", why, "").without_advice()),
    }
}

/// Holds the agent's conversation for a while.
fn converse(config: &Config, path: &Path) -> Result<Findings, String> {
    let clock = Clock::system();
    let setup = config.link(path.to_owned());
    let port = Port { path: path.to_owned(), line: setup.port.line };
    let reports = matches!(setup.family.talk, Talk::Reports);
    let opened =
        if reports { Ear::open_reports(path, clock.clone()) } else { Ear::open(&port, clock.clone()) };
    let ear = opened.map_err(|trouble| trouble.to_string())?;
    let terms = Terms { custom: setup.custom.clone(), ..Terms::default() };
    let mut dialogue = Dialogue::begin(setup.family, &setup.profile, &terms, setup.hold, clock.now());
    let (mut heard, mut asked) = (Findings::default(), None);
    let end = clock.now() + CONVERSATION;
    while clock.now() < end && !heard.is_enough() {
        let now = clock.now();
        match dialogue.step(now) {
            Step::Send(bytes) => {
                ear.say(&bytes).map_err(|trouble| trouble.to_string())?;
                asked = Some(clock.now());
            }
            Step::Tell(event) => heard.note(event),
            Step::ListenUntil(until) => {
                let limit = until.min(end).since(now).max(Duration::from_millis(1));
                let bytes = ear.listen(limit, Duration::ZERO).map_err(|trouble| trouble.to_string())?;
                let at = clock.now();
                heard.take(&bytes, &mut asked, at);
                let events: Vec<Event> = if reports {
                    dialogue.hear_report(&bytes, at)
                } else {
                    bytes.iter().flat_map(|&byte| dialogue.hear(byte, at)).collect()
                };
                for event in events {
                    heard.note(event);
                }
            }
        }
    }
    Ok(heard)
}

impl Findings {
    /// A scale that was just switched on says for a while that it moves.
    fn is_enough(&self) -> bool {
        let rested = self.readings.iter().any(|reading| reading.stability != Stability::Moving);
        self.readings.len() >= ENOUGH && rested
    }

    fn take(&mut self, bytes: &[u8], asked: &mut Option<Stamp>, at: Stamp) {
        self.bytes += bytes.len();
        if !bytes.is_empty() {
            self.took.extend(asked.take().map(|asked| at.since(asked)));
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Frame(frame, _) => match frame.heard {
                Heard::Reading(reading) => self.readings.push(reading),
                Heard::Garbled(why) => self.garbled.push(why),
                Heard::Answer(_) => self.answers += 1,
            },
            Event::Barred(why, _) => self.barred = Some(why.to_string()),
            Event::Empty(_) => self.empty = true,
            Event::Unchanged(_)
            | Event::Anew(_)
            | Event::Silent(_)
            | Event::Taring(..)
            | Event::Written(..) => {}
        }
    }
}

/// What the conversation says of framing, answer time and stability.
fn judge(config: &Config, heard: &Findings, findings: &mut Vec<Finding>) {
    findings.push(framing(config, heard));
    if heard.readings.is_empty() {
        return;
    }
    if let Some(slowest) = heard.took.iter().max() {
        let says =
            format!("the slowest of {} answers began after {} ms", heard.took.len(), slowest.as_millis());
        findings.push(if *slowest <= SLOW {
            Finding::ok("scale-answer", says)
        } else {
            let advice = "a slow line, or a scale that waits for rest: raise its baud rate, or choose another mode in its menu";
            Finding::warn("scale-answer", says, advice)
        });
    } else {
        let says =
            format!("it sends by itself, {} readings in {} s", heard.readings.len(), CONVERSATION.as_secs());
        findings.push(Finding::ok("scale-answer", says));
    }
    findings.push(stability(config, &heard.readings));
}

fn framing(config: &Config, heard: &Findings) -> Finding {
    let family = config.scale.family.name;
    let (good, bad) = (heard.readings.len(), heard.garbled.len());
    let example = heard.readings.iter().rev().find_map(|reading| reading.quantity);
    let example = example.map(|sent| format!(", for example {sent} {}", sent.unit())).unwrap_or_default();
    let port = match &config.scale.port {
        PortName::Device(path) => path.display().to_string(),
        PortName::Practice(_) => String::new(),
    };
    let detect = format!("`scalecam detect {port}` finds framing and protocol");
    match (good, bad, heard.garbled.first(), &heard.barred) {
        (_, _, _, Some(why)) => Finding::fail("scale-framing", why.clone(), "").without_advice(),
        (0, 0, ..) if heard.empty || heard.answers > 0 => {
            let says = format!("it answers as {family}, without a reading so far");
            Finding::warn("scale-framing", says, "put something on the scale and look again")
        }
        (0, 0, ..) if heard.bytes == 0 && silence_is_normal(family) => Finding::warn(
            "scale-framing",
            "it says nothing, which it does while the plate is empty or the load has been told",
            "put something on the scale and look again",
        ),
        (0, 0, ..) if heard.bytes == 0 => Finding::fail(
            "scale-framing",
            "it says nothing: power, cable (straight or crossed), its interface menu, or the wrong parity, which makes \
             many scales deaf",
            detect,
        ),
        (0, ..) => {
            let why = heard
                .garbled
                .first()
                .map_or_else(|| "bytes came, but no frame of this protocol".to_owned(), ToString::to_string);
            Finding::fail("scale-framing", why, detect)
        }
        (_, 1.., Some(why), _) => {
            let says = format!("{bad} of {} frames were garbled: {why}", good + bad);
            Finding::warn("scale-framing", says, "a loose plug, a long or unshielded cable, or a ground loop")
        }
        _ => Finding::ok("scale-framing", format!("{good} readings as {family}{example}")),
    }
}

/// Families that say nothing for a reason.
fn silence_is_normal(family: &str) -> bool {
    matches!(family, "adam" | "prix" | "hid-pos")
}

fn stability(config: &Config, readings: &[Reading]) -> Finding {
    let seen = |what| readings.iter().any(|reading| reading.stability == what);
    let settle = config.rules();
    if seen(Stability::Stable) {
        return Finding::ok("scale-stability", "the scale says when the load rests");
    }
    if !config.scale.family.sends_stability || seen(Stability::Unknown) {
        let held = settle.settle_unflagged.as_millis();
        return Finding::ok(
            "scale-stability",
            format!("it does not say so itself: a load is held for {held} ms"),
        );
    }
    Finding::warn(
        "scale-stability",
        "every reading says that the load moves",
        "leave the plate alone and look again; against draught and vibration set a stronger filter in the scale's menu",
    )
}
