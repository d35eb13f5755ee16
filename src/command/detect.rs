//! `scalecam detect`: finds framing and protocol of an unknown scale, by listening first and by harmless requests.
//!
//! What is sent, and nothing else: `W CR`, ENQ, `SI CR LF`, `EOT STX 08 ETX`. (`Ehello` would be harmless too, but it
//! leaves a Toledo in its echo mode and spoils the next line of the others; a Toledo answers the `W` of `W CR`.) `W CR`
//! comes again behind `SI CR LF`, whose line feed makes it the question of an SMA scale.
//!
//! Not to be found by these: Magellan, Sartorius on demand, Ohaus, Adam, whose questions are orders elsewhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::{Exit, give, say};
use crate::scale::guess::{Candidate, Guess, SURE, guess};
use crate::scale::{Framing, Line};
use crate::serial::{Ear, Port};
use crate::stamp::{Clock, Stamp};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The serial port
    #[arg(value_name = "PORT", required_unless_present = "file")]
    port: Option<PathBuf>,
    /// Look at captured bytes and touch no port
    #[arg(long, value_name = "CAPTURE", conflicts_with = "port")]
    file: Option<PathBuf>,
    /// The findings as one JSON line
    #[arg(long)]
    json: bool,
}

/// The whole search; a technician waits for it.
const SEARCH: Duration = Duration::from_secs(29);
/// A stream says something within this.
const LISTEN: Duration = Duration::from_secs(2);
/// A stream at another rate is listened to for so long.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Scales answer within this.
const ANSWER: Duration = Duration::from_millis(300);
/// After an answer; longer than an adapter holds bytes back.
const QUIET: Duration = Duration::from_millis(80);
/// A scale that answers is asked so often, or until it is sure which one it is: the first answer may be a complaint
/// about what was asked before.
const AGAIN: usize = 5;
/// The rates that scales leave the factory with, the usual first.
const RATES: [u32; 5] = [9600, 4800, 2400, 19_200, 1200];
const FRAMINGS: [Framing; 3] = [Framing::SevenEvenOne, Framing::SevenOddOne, Framing::EightNoneOne];
/// Requests that change nothing on any scale, in the order in which they are tried.
const HARMLESS: [&[u8]; 5] = [b"W\r", b"\x05", b"SI\r\n", b"SI\r\nW\r", b"\x04\x0208\x03"];
/// A file is not read further than this.
const MOST_BYTES: u64 = 1024 * 1024;

/// What was found.
#[derive(Serialize)]
struct Findings {
    found: bool,
    protocol: Option<&'static str>,
    baud: Option<u32>,
    framing: Option<Framing>,
    confidence: u8,
    needed: u8,
    candidates: Vec<(&'static str, u8)>,
    readings: Vec<serde_json::Value>,
    settings: Option<String>,
    remark: String,
}

/// The best that was heard so far, and where.
struct Best {
    guess: Guess,
    line: Line,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let findings = match (&arguments.file, &arguments.port) {
        (Some(file), _) => of_file(file)?,
        (None, Some(port)) => Search::new(port).run()?,
        (None, None) => return Err(Exit::wrong_usage("name a port or a file")),
    };
    if arguments.json {
        let line = serde_json::to_string(&findings).map_err(Exit::failed)?;
        give(&line)?;
    } else if let (Some(settings), Some(protocol)) = (&findings.settings, findings.protocol) {
        say(format_args!("{protocol}, {} % sure. {}", findings.confidence, findings.remark));
        for reading in &findings.readings {
            say(format_args!("  {reading}"));
        }
        give(settings)?;
    }
    if findings.found { Ok(()) } else { Err(Exit::failed(findings.remark)) }
}

fn of_file(file: &Path) -> Result<Findings, Exit> {
    use std::io::Read;
    let failed = |error: std::io::Error| Exit::failed(format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(file).map_err(failed)?.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    let guess = guess(&bytes);
    Ok(findings(&guess, None, None, bytes.is_empty()))
}

/// One search over a port.
struct Search<'a> {
    port: &'a Path,
    clock: Clock,
    end: Stamp,
    heard_anything: bool,
    acknowledged: bool,
    best: Option<Best>,
    /// What the scale answered to.
    request: Option<&'static [u8]>,
}

impl<'a> Search<'a> {
    fn new(port: &'a Path) -> Self {
        let clock = Clock::system();
        let end = clock.now() + SEARCH;
        Self { port, clock, end, heard_anything: false, acknowledged: false, best: None, request: None }
    }

    fn run(mut self) -> Result<Findings, Exit> {
        say("listening …");
        if self.hands_reports() {
            let heard = Ear::open_reports(self.port, self.clock.clone()).map_err(Exit::unavailable)?;
            let heard = heard.listen(LISTEN, LISTEN).map_err(Exit::unavailable)?;
            self.heard_anything = !heard.is_empty();
            let guess = guess(&heard);
            return Ok(findings(&guess, Some(self.port), None, heard.is_empty()));
        }
        if self.listen(RATES[0], LISTEN)? {
            return Ok(self.found());
        }
        if self.heard_anything {
            for baud in RATES.into_iter().skip(1).chain([38_400]) {
                if self.listen(baud, LISTEN_AGAIN)? {
                    return Ok(self.found());
                }
            }
        } else {
            say("silence; asking harmlessly …");
            for baud in RATES {
                for framing in FRAMINGS {
                    if self.ask(Line { baud, framing })? {
                        self.prefer_the_usual()?;
                        return Ok(self.found());
                    }
                }
            }
        }
        Ok(self.found())
    }

    fn open(&self, line: Line) -> Result<Ear, Exit> {
        let port = Port { path: self.port.to_owned(), line };
        Ear::open(&port, self.clock.clone()).map_err(Exit::unavailable)
    }

    /// Listens at a rate with eight bits, which show a parity in bit 7. Says whether that was enough.
    fn listen(&mut self, baud: u32, limit: Duration) -> Result<bool, Exit> {
        let line = Line { baud, framing: Framing::EightNoneOne };
        let heard = self.open(line)?.listen(limit, limit).map_err(Exit::unavailable)?;
        self.heard_anything |= !heard.is_empty();
        Ok(self.weigh_up(guess(&heard), line))
    }

    /// Asks on a line. Says whether that was enough.
    fn ask(&mut self, line: Line) -> Result<bool, Exit> {
        if self.clock.now() >= self.end {
            return Ok(false);
        }
        let ear = self.open(line)?;
        for request in HARMLESS {
            if self.clock.now() >= self.end {
                return Ok(false);
            }
            let mut heard = Vec::new();
            for _ in 0..AGAIN {
                ear.say(request).map_err(Exit::unavailable)?;
                let answer = ear.listen(ANSWER, QUIET).map_err(Exit::unavailable)?;
                self.acknowledged |= request == b"\x05" && answer == [0x06];
                if answer.is_empty() {
                    break;
                }
                heard.extend(answer);
                if self.weigh_up(guess(&heard), line) {
                    self.request = Some(request);
                    return Ok(true);
                }
            }
            self.heard_anything |= !heard.is_empty();
        }
        Ok(false)
    }

    /// Where nothing tells one framing from another (a pseudo-terminal, a USB scale without a line), the scale answers
    /// under the family's usual settings as well, and those are named.
    fn prefer_the_usual(&mut self) -> Result<(), Exit> {
        let (Some(request), Some(best)) = (self.request, &self.best) else { return Ok(()) };
        let Some(found) = best.guess.sure() else { return Ok(()) };
        let (family, usual) = (found.family, found.family.line);
        if best.line == usual || best.guess.parity.is_some() {
            return Ok(());
        }
        let ear = self.open(usual)?;
        let mut heard = Vec::new();
        for _ in 0..AGAIN {
            ear.say(request).map_err(Exit::unavailable)?;
            heard.extend(ear.listen(ANSWER, QUIET).map_err(Exit::unavailable)?);
            let guess = guess(&heard);
            let same = guess.sure().is_some_and(|sure| sure.family == family) && guess.parity.is_none();
            if same {
                self.best = Some(Best { guess, line: usual });
                return Ok(());
            }
        }
        Ok(())
    }

    /// A device that hands whole reports over has no line to try, and is only listened to.
    fn hands_reports(&self) -> bool {
        let node = std::fs::canonicalize(self.port).unwrap_or_else(|_| self.port.to_owned());
        node.to_string_lossy().starts_with("/dev/hidraw")
    }

    /// Keeps the better guess; says whether it is sure.
    fn weigh_up(&mut self, guess: Guess, line: Line) -> bool {
        let confidence = |guess: &Guess| guess.candidates.first().map_or(0, |best| best.confidence);
        let before = self.best.as_ref().map_or(0, |best| confidence(&best.guess));
        let sure = guess.sure().is_some();
        if confidence(&guess) > before || (self.best.is_none() && guess.parity.is_some()) {
            self.best = Some(Best { guess, line });
        }
        sure
    }

    fn found(self) -> Findings {
        let nothing = Guess { candidates: Vec::new(), parity: None };
        let silent = !self.heard_anything;
        let Some(Best { guess, line }) = self.best else {
            let mut findings = findings(&nothing, Some(self.port), None, silent);
            if self.acknowledged {
                let remark = "the scale acknowledges ENQ, as cas-dc1 and berkel do; which of them only a request \
                              shows that is not sent here: try both";
                remark.clone_into(&mut findings.remark);
            }
            return findings;
        };
        findings(&guess, Some(self.port), Some(line), silent)
    }
}

fn findings(guess: &Guess, port: Option<&Path>, line: Option<Line>, silent: bool) -> Findings {
    let best = guess.sure();
    let framing = guess.parity.or(line.map(|line| line.framing));
    let baud = line.map(|line| line.baud);
    Findings {
        found: best.is_some(),
        protocol: best.map(|best| best.family.name),
        baud,
        framing,
        confidence: guess.candidates.first().map_or(0, |best| best.confidence),
        needed: SURE,
        candidates: guess.candidates.iter().map(|each| (each.family.name, each.confidence)).collect(),
        readings: best.map(sample).unwrap_or_default(),
        settings: best.map(|best| settings(best, port, baud, framing)),
        remark: remark(guess, silent),
    }
}

fn sample(best: &Candidate) -> Vec<serde_json::Value> {
    best.sample.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What goes into the settings.
fn settings(best: &Candidate, port: Option<&Path>, baud: Option<u32>, framing: Option<Framing>) -> String {
    let mut lines = vec!["[scale]".to_owned()];
    lines.extend(port.map(|port| format!("port = {:?}", port.display().to_string())));
    lines.push(format!("protocol = {:?}", best.family.name));
    lines.extend(baud.map(|baud| format!("baud = {baud}")));
    let name = framing.and_then(|framing| serde_json::to_string(&framing).ok());
    lines.extend(name.map(|name| format!("framing = {name}")));
    if !best.family.sends_unit {
        lines.push("# unit = …  (not on the wire: the one that the scale's display shows)".to_owned());
    }
    lines.join("\n")
}

fn remark(guess: &Guess, silent: bool) -> String {
    let names: Vec<_> = guess.candidates.iter().take(4).map(|each| each.family.name).collect();
    match (guess.sure(), guess.parity) {
        (Some(_), Some(_)) => "Bit 7 is parity: the scale sends seven bits.".to_owned(),
        (Some(_), None) => "The readings below are what it says now.".to_owned(),
        (None, _) if silent => "silence: nothing was heard, neither by itself nor after harmless requests; check power \
                                and cable (crossed or straight), the scale's interface menu, and the wrong parity, \
                                which makes many scales deaf; a few scales also say nothing while the plate is empty, and a \
                                few are not asked because their question is an order to others (magellan, sbi, ohaus, \
                                adam): put something on the scale, or name one of these in the settings"
            .to_owned(),
        (None, Some(_)) => "bit 7 is parity (set framing to 7E1 or 7O1), but no protocol fits the characters".to_owned(),
        (None, None) if names.is_empty() => {
            "bytes were heard, but no protocol fits them: check baud and framing, or describe them as a custom one"
                .to_owned()
        }
        (None, None) => format!("not sure enough to claim one: it may be {}", names.join(" or ")),
    }
}
