//! The agent as a program, with scales that tell each load once or keep silent for a reason.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;
use scalecam::practice::service::{Options as ServiceOptions, Service};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

/// A plate, and what a scale remembers of it.
#[derive(Default)]
struct Plate {
    grams: u32,
    given: bool,
    priced: bool,
    code: &'static str,
    text: String,
}

type Answer = fn(&mut Plate, &[u8]) -> Vec<u8>;

/// One result for each load, then "not moved since"; nothing on the plate is below the minimum.
fn dialog(plate: &mut Plate, request: &[u8]) -> Vec<u8> {
    match request.strip_prefix(b"\x04").unwrap() {
        b"\x0208\x03" => format!("\x0209\x1B{}\x03", plate.code).into_bytes(),
        b"\x05" if plate.grams > 0 && !plate.given && plate.priced => {
            (plate.given, plate.priced, plate.code) = (true, false, "21");
            format!("\x0202\x1B3\x1B{:05}\x1B000001\x1B000001\x03", plate.grams).into_bytes()
        }
        b"\x05" => {
            plate.code = if plate.grams == 0 {
                "30"
            } else if plate.given {
                "21"
            } else {
                "22"
            };
            vec![0x15]
        }
        [0x02, b'0', b'1', ..] => {
            plate.priced = true;
            plate.text.clear();
            vec![0x06]
        }
        [0x02, b'0', b'5', 0x1B, _, _, _, _, _, _, 0x1B, b'0', b'0', b'0', b'0', 0x1B, text @ .., 0x03] => {
            plate.priced = true;
            String::from_utf8_lossy(text).trim_end().clone_into(&mut plate.text);
            vec![0x06]
        }
        other => panic!("{other:?}"),
    }
}

/// `AZextra`: an answer for a new load, otherwise silence.
fn az_extra(plate: &mut Plate, request: &[u8]) -> Vec<u8> {
    if request != b"P\r\n" || plate.grams == 0 || std::mem::replace(&mut plate.given, true) {
        return Vec::new();
    }
    format!("{:7.3}kg\r\n", f64::from(plate.grams) / 1000.0).into_bytes()
}

/// PRT5: silence while nothing is on the plate.
fn prt5(plate: &mut Plate, request: &[u8]) -> Vec<u8> {
    assert_eq!(request, b"\x05");
    if plate.grams == 0 { Vec::new() } else { format!("\x02{:05}\x03", plate.grams).into_bytes() }
}

/// A scale on a pseudo-terminal, and how many questions it has heard.
struct Scale {
    plate: Arc<Mutex<Plate>>,
    asked: watch::Receiver<u64>,
    path: PathBuf,
}

impl Scale {
    fn start(answer: Answer) -> Self {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let path = PathBuf::from(rustix::pty::ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let host =
            rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let mut settings = rustix::termios::tcgetattr(&host).unwrap();
        settings.make_raw();
        rustix::termios::tcsetattr(&host, OptionalActions::Now, &settings).unwrap();
        let plate = Arc::new(Mutex::new(Plate::default()));
        let (count, asked) = watch::channel(0);
        let at_plate = Arc::clone(&plate);
        std::thread::spawn(move || {
            let (_host, mut buffer) = (host, [0_u8; 256]);
            while let Ok(length) = rustix::io::read(&master, &mut buffer) {
                let reply = answer(&mut at_plate.lock().unwrap(), &buffer[..length]);
                rustix::io::write(&master, &reply).unwrap();
                count.send_modify(|count| *count += 1);
            }
        });
        Self { plate, asked, path }
    }

    fn lay(&self, grams: u32) {
        let mut plate = self.plate.lock().unwrap();
        (plate.grams, plate.given) = (grams, false);
    }

    /// Waits until the scale has been asked so many times more.
    async fn asked(&mut self, times: u64) {
        let now = *self.asked.borrow();
        timeout(LIMIT, self.asked.wait_for(|count| *count >= now + times)).await.unwrap().unwrap();
    }
}

struct Agent {
    _child: Child,
    _folder: TempDir,
    _service: Service,
    outcomes: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    scale: Scale,
}

impl Agent {
    async fn start(protocol: &str, answer: Answer, more: &str) -> Self {
        let (folder, scale) = (tempfile::tempdir().unwrap(), Scale::start(answer));
        let service =
            Service::start(ServiceOptions { api_key: Some("k".to_owned()), ..ServiceOptions::default() })
                .await
                .unwrap();
        let at = folder.path().display();
        fs::write(folder.path().join("key"), "k").unwrap();
        fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
        let text = format!(
            "[device]\nid = \"LANE-07\"\n[scale]\nport = {:?}\nprotocol = \"{protocol}\"\ndivision_g = 5\n\
             [camera]\nkind = \"synthetic\"\n\
             [recognition]\nurl = \"{}\"\napi_key_file = \"{at}/key\"\nca_file = \"{at}/ca.pem\"\n\
             [[sink]]\nkind = \"stdout\"\n{more}",
            scale.path.display().to_string(),
            service.url()
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_scalecam"))
            .args(["run", "--config"])
            .arg(folder.path().join("config.toml"))
            .env("SCALECAM_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { _child: child, _folder: folder, _service: service, outcomes, log, scale }
    }

    async fn log_until(&mut self, word: &str) {
        let log = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(word) {
                    return;
                }
            }
            panic!("the log ended before {word:?}");
        };
        timeout(LIMIT, log).await.unwrap_or_else(|_| panic!("{word:?} was not said"));
    }

    async fn outcome(&mut self) -> Value {
        let next = async {
            loop {
                tokio::select! {
                    line = self.outcomes.next_line() => return serde_json::from_str(&line.unwrap().unwrap()).unwrap(),
                    _ = self.log.next_line() => {}
                }
            }
        };
        timeout(LIMIT, next).await.expect("no outcome")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dialog_scale_is_weighed_once_for_each_placement_and_shows_the_result() {
    let more =
        "[[sink]]\nkind = \"scale-display\"\ntext = \"{product}\"\n[products]\n\"405310\" = \"Lemon\"\n";
    let mut agent = Agent::start("dialog-06", dialog, more).await;
    agent.log_until("scale: ok").await;
    for grams in [1235, 180, 180] {
        agent.scale.lay(grams);
        let outcome = agent.outcome().await;
        assert_eq!(
            (&outcome["grams"], &outcome["result"]),
            (&f64::from(grams).into(), &"recognised".into()),
            "{outcome}"
        );
        assert_eq!(outcome["disturbed"], false, "{outcome}");
        agent.scale.asked(12).await;
        assert!(!agent.scale.plate.lock().unwrap().text.is_empty(), "the text stays with every price");
        agent.scale.lay(0);
        agent.log_until("phase=Empty").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scale_that_answers_once_is_weighed_once_for_each_answer() {
    let mut agent = Agent::start("adam", az_extra, "[trigger]\nsettle_ms = 300\n").await;
    agent.log_until("port open").await;
    for grams in [500, 500, 1235] {
        agent.scale.lay(grams);
        let outcome = agent.outcome().await;
        assert_eq!(outcome["grams"], f64::from(grams), "{outcome}");
        agent.scale.asked(3).await;
        agent.scale.lay(0);
        agent.scale.asked(3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_silence_of_a_prt5_empties_the_plate() {
    let mut agent = Agent::start("prix", prt5, "").await;
    agent.log_until("port open").await;
    for grams in [500, 500, 1235] {
        agent.scale.lay(grams);
        let outcome = agent.outcome().await;
        assert_eq!(outcome["grams"], f64::from(grams), "{outcome}");
        agent.scale.lay(0);
        agent.log_until("phase=Empty").await;
    }
}
