//! `scalecam watch`: live readings with the raw bytes in hex beside them.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{Exit, Settings, give, runtime, say};
use crate::config::{Config, PortName};
use crate::practice::scale::{Options, Pace, PracticeScale, Programme};
use crate::scale::{Frame, Heard, dialogue, hex_from_bytes, report};
use crate::serial::{Event, Link, Trouble};
use crate::stamp::Clock;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// One JSON line per reading instead of the table
    #[arg(long)]
    json: bool,
    /// End after so many readings
    #[arg(long, value_name = "N")]
    readings: Option<u64>,
}

/// Frames that may wait for the terminal.
const QUEUE: usize = 1024;

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let config = arguments.settings.read()?;
    let (_practice, device) = match &config.scale.port {
        PortName::Device(device) => (None, device.clone()),
        PortName::Practice(family) => {
            let programme = Some(Programme::endless(1, Pace::default()));
            let scale = PracticeScale::start(Options { programme, ..Options::new(family.name) })
                .map_err(Exit::failed)?;
            say("SIMULATION: a practice scale");
            let device = scale.path().unwrap_or_default();
            (Some(scale), device)
        }
    };
    let (events, queue) = mpsc::channel(QUEUE);
    let _link = Link::start(config.link(device), Clock::system(), events).map_err(Exit::failed)?;
    runtime()?.block_on(show(arguments, &config, queue))
}

async fn show(arguments: &Arguments, config: &Config, mut queue: mpsc::Receiver<Event>) -> Result<(), Exit> {
    let name = config.scale.family.name;
    let (mut frames, mut garbled) = (0_u64, 0_u64);
    let mut end = signal(SignalKind::interrupt()).map_err(Exit::failed)?;
    let mut term = signal(SignalKind::terminate()).map_err(Exit::failed)?;
    loop {
        let event = tokio::select! {
            event = queue.recv() => event,
            _ = end.recv() => None,
            _ = term.recv() => None,
        };
        match event {
            None => {
                summarise(frames, garbled);
                return Ok(());
            }
            Some(Event::Opened) => say("port open"),
            Some(Event::Lost(
                trouble @ (Trouble::Busy { .. } | Trouble::Denied { .. } | Trouble::NotSerial { .. }),
                _,
            )) => {
                return Err(Exit::unavailable(trouble));
            }
            Some(Event::Lost(trouble, _)) => say(trouble),
            Some(Event::Said(dialogue::Event::Silent(_))) => say("the scale says nothing"),
            Some(Event::Said(dialogue::Event::Barred(why, _))) => say(why),
            Some(Event::Said(dialogue::Event::Unchanged(_))) => note(arguments, "the load is unchanged"),
            Some(Event::Said(dialogue::Event::Empty(_))) => {
                note(arguments, "the plate is empty, says the silence");
            }
            Some(Event::Said(dialogue::Event::Anew(_))) => note(arguments, "another load"),
            Some(Event::Said(dialogue::Event::Written(..) | dialogue::Event::Taring(..))) => {}
            Some(Event::Said(dialogue::Event::Frame(frame, _))) => {
                frames += 1;
                garbled += u64::from(matches!(frame.heard, Heard::Garbled(_)));
                give(&if arguments.json {
                    report::line(name, &frame)
                } else {
                    row(&frame, frames, garbled)
                })?;
                if arguments.readings.is_some_and(|most| frames >= most) {
                    summarise(frames, garbled);
                    return Ok(());
                }
            }
        }
    }
}

/// How good the line was.
fn summarise(frames: u64, garbled: u64) {
    say(format_args!("{frames} frames, {garbled} of them garbled"));
}

/// What a scale says without a frame: for people, not for programs.
fn note(arguments: &Arguments, text: &str) {
    if !arguments.json {
        say(text);
    }
}

/// One line of the table: number, errors, weight, state, raw bytes.
fn row(frame: &Frame, frames: u64, garbled: u64) -> String {
    let (weight, state) = match &frame.heard {
        Heard::Reading(reading) => {
            let weight = reading.quantity.map_or_else(|| "-".to_owned(), |q| format!("{q} {}", q.unit()));
            let mut state = format!("{:?} {:?}", reading.stability, reading.range).to_lowercase();
            for (word, set) in [("zero", reading.zero), ("net", reading.net)] {
                if set == Some(true) {
                    state = format!("{state} {word}");
                }
            }
            if let Some(fault) = &reading.fault {
                state = format!("{state} fault: {fault}");
            }
            (weight, state)
        }
        Heard::Answer(answer) => ("-".to_owned(), format!("answer: {}", answer.word)),
        Heard::Garbled(why) => ("-".to_owned(), format!("garbled: {why}")),
    };
    format!("{frames:>6} {garbled:>4} bad  {weight:>12}  {state:<24}  {}", hex_from_bytes(&frame.raw))
}
