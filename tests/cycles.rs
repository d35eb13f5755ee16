//! One cycle of weighing for each family, through the agent as a program: goods are put down, more are added, all are
//! taken away. Each load that rests makes exactly one outcome, and what is written back reaches the scale.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scalecam::practice::reports::ReportScale;
use scalecam::practice::scale::{Character, Event, Options as ScaleOptions, PracticeScale, What};
use scalecam::practice::service::{Options as ServiceOptions, Service, catalogue, product_for};
use scalecam::weight::Weight;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(40);

/// An agent and what it says.
struct Agent {
    child: Child,
    outcomes: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    heard: String,
    /// Lines of standard output that are no outcome.
    others: Vec<Value>,
}

impl Agent {
    fn start(folder: &TempDir, service: &Service, scale: &str, more: &str) -> Self {
        let path = |name: &str| folder.path().join(name);
        fs::write(path("key"), "practice").unwrap();
        fs::write(path("ca.pem"), service.ca_pem()).unwrap();
        let text = format!(
            "[device]\nid = \"LANE-09\"\n[scale]\n{scale}division_g = 5\n[camera]\nkind = \"synthetic\"\n\
             [recognition]\nurl = \"{}\"\napi_key_file = \"{}\"\nca_file = \"{}\"\n[[sink]]\nkind = \"stdout\"\n{more}",
            service.url(),
            path("key").display(),
            path("ca.pem").display(),
        );
        fs::write(path("config.toml"), text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_scalecam"))
            .args(["run", "--config"])
            .arg(path("config.toml"))
            .env("SCALECAM_LOG", "info,scalecam::lane=trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, outcomes, log, heard: String::new(), others: Vec::new() }
    }

    /// Reads what the agent says until `done` finds what it looks for in the line.
    async fn until<T>(&mut self, what: &str, mut done: impl FnMut(Said<'_>) -> Option<T>) -> T {
        let reading = async {
            loop {
                let found = tokio::select! {
                    line = self.outcomes.next_line() => {
                        let line = line.unwrap().expect("the agent ended");
                        let value: Value = serde_json::from_str(&line).unwrap();
                        self.heard.push_str(&line);
                        if value.get("weighing").is_none() {
                            self.others.push(value.clone());
                        }
                        done(Said::Line(&value))
                    }
                    line = self.log.next_line() => {
                        let line = line.unwrap().expect("the agent ended");
                        self.heard.push_str(&line);
                        self.heard.push('\n');
                        done(Said::Log(&line))
                    }
                };
                if let Some(found) = found {
                    return found;
                }
            }
        };
        match timeout(LIMIT, reading).await {
            Ok(found) => found,
            Err(late) => panic!("{what} never came ({late}): {}", self.heard),
        }
    }

    async fn outcome(&mut self) -> Value {
        self.until("an outcome", |said| match said {
            Said::Line(line) if line.get("weighing").is_some() => Some(line.clone()),
            Said::Line(_) | Said::Log(_) => None,
        })
        .await
    }

    async fn logged(&mut self, word: &str) {
        if self.heard.contains(word) && word.starts_with("bytes=") {
            return;
        }
        self.until(word, |said| matches!(said, Said::Log(line) if line.contains(word)).then_some(())).await;
    }

    /// Ends the agent; gives the outcomes that had not been read.
    async fn end(mut self) -> Vec<Value> {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut left = Vec::new();
        while let Some(line) = self.outcomes.next_line().await.unwrap() {
            let value: Value = serde_json::from_str(&line).unwrap();
            if value.get("weighing").is_some() {
                left.push(value);
            }
        }
        left
    }
}

enum Said<'a> {
    Line(&'a Value),
    Log(&'a str),
}

/// The products of the practice service with a price and no tare.
fn products() -> String {
    let lines = catalogue()
        .iter()
        .map(|product| format!("\"{}\" = {{ name = \"{}\", price = \"2.99\" }}\n", product.id, product.name));
    format!("[products]\n{}", lines.collect::<String>())
}

struct Scale {
    practice: PracticeScale,
    happened: Arc<Mutex<Vec<What>>>,
}

fn scale(folder: &TempDir, language: &str) -> Scale {
    let happened = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&happened);
    let options = ScaleOptions {
        character: Character::default().faster(3),
        link: Some(folder.path().join("scale")),
        ..ScaleOptions::new(language)
    };
    let practice = PracticeScale::start_observed(options, move |event: &Event| {
        told.lock().unwrap().push(event.what.clone());
    });
    Scale { practice: practice.unwrap(), happened }
}

/// Puts down, adds, takes away; `sinks` write back what `is` must be among the things that happened on the scale.
async fn cycle(language: &str, family: &str, settings: &str, sinks: &str, is: &[What]) {
    let folder = tempfile::tempdir().unwrap();
    let scale = scale(&folder, language);
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let link = folder.path().join("scale");
    let table = format!("port = \"{}\"\nprotocol = \"{family}\"\n{settings}", link.display());
    let mut agent = Agent::start(&folder, &service, &table, &format!("{sinks}{}", products()));
    // two of them have nothing to say while nothing is on the plate
    agent.logged(if matches!(family, "adam" | "berkel") { "scale: " } else { "scale: ok" }).await;
    for (grams, shown) in [(1_235, 1235.0), (740, 1975.0)] {
        scale.practice.put(grams);
        let outcome = agent.outcome().await;
        assert_eq!(
            (&outcome["grams"], &outcome["result"]),
            (&shown.into(), &"recognised".into()),
            "{language}: {outcome}"
        );
    }
    scale.practice.take_away();
    if matches!(family, "adam" | "berkel") {
        // their silence, their "no data", may be an empty plate or a moving one: nothing is made of it
        let mut state = scale.practice.watch();
        timeout(LIMIT, state.wait_for(|state| state.stable && state.zero))
            .await
            .expect("it never rests")
            .unwrap();
    } else {
        agent.logged("phase=Empty").await;
    }
    if is.contains(&What::TextCleared) {
        let mut state = scale.practice.watch();
        timeout(LIMIT, state.wait_for(|state| state.text.is_none())).await.expect("the text stays").unwrap();
    }
    let left = agent.end().await;
    assert!(left.is_empty(), "{language}: more outcomes than loads: {left:?}");
    let happened = scale.happened.lock().unwrap();
    for what in is {
        assert!(happened.contains(what), "{language}: {what:?} did not reach the scale: {happened:?}");
    }
    // a text in a Dialog's record has a tare beside it, of nothing
    let nothing = What::Tared { tare: "0.000".into() };
    let ordered = |what: &What| {
        matches!(what, What::Zeroed | What::Tared { .. } | What::SwitchedOff) && *what != nothing
    };
    assert!(!happened.iter().any(ordered), "{language}: {happened:?}");
}

fn name(grams: i64) -> String {
    product_for(Weight::from_grams(grams)).unwrap().name.to_owned()
}

const DISPLAY: &str = "[[sink]]\nkind = \"scale-display\"\ntext = \"{product}\"\n";
const PRICE: &str = "[[sink]]\nkind = \"scale-price\"\n";
const BEEP: &str = "[[sink]]\nkind = \"scale-beep\"\n";

macro_rules! cycles {
    ($($name:ident: $language:literal as $family:literal, $settings:literal, $sinks:expr, $is:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            cycle($language, $family, $settings, $sinks, &$is).await;
        }
    )*};
}

cycles! {
    toledo_8217: "toledo-8217" as "toledo-8217", "", "", [];
    nci_scp: "nci-scp" as "nci-scp", "", "", [];
    dialog_06: "dialog-06" as "dialog-06", "", &format!("{DISPLAY}{PRICE}"),
        [What::Price { minor: 299 }, What::Text { text: name(1975).chars().take(13).collect() }];
    mt_sics: "mt-sics" as "mt-sics", "", DISPLAY,
        [What::Text { text: name(1235) }, What::Text { text: name(1975) }, What::TextCleared];
    cas_dc1: "cas-dc1" as "cas-dc1", "", "", [];
    st_gs: "st-gs" as "st-gs", "", "", [];
    st_gs_dini: "st-gs/dini" as "st-gs", "profile = \"dini\"\n", &format!("{DISPLAY}{BEEP}"),
        [What::Beep, What::Text { text: name(1235) }];
    sma: "sma" as "sma", "", "", [];
    toledo_continuous: "toledo-continuous" as "toledo-continuous", "", "", [];
    magellan: "magellan" as "magellan", "", BEEP, [What::Beep];
    prix: "prix" as "prix", "", "", [];
    prix_prt5: "prix/prt5" as "prix", "profile = \"prt5\"\n", PRICE, [What::Price { minor: 299 }];
    sbi: "sbi" as "sbi", "", BEEP, [What::Beep];
    berkel: "berkel" as "berkel", "", "", [];
    radwag: "radwag" as "radwag", "", BEEP, [What::Beep];
    digi_ds425: "digi-ds425" as "digi-ds425", "unit = \"kg\"\n", "", [];
    adam: "adam" as "adam", "", "", [];
    rinstrum: "rinstrum" as "rinstrum", "unit = \"kg\"\n", "", [];
    ohaus: "ohaus" as "ohaus", "", "", [];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hid_pos_over_a_pipe_of_reports() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("hidraw");
    let scale = ReportScale::start(&pipe).unwrap();
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let table = format!("port = \"{}\"\nprotocol = \"hid-pos\"\n", pipe.display());
    let mut agent = Agent::start(&folder, &service, &table, "");
    agent.logged("scale: ok").await;
    for (grams, shown) in [(1_235, 1235.0), (740, 1975.0)] {
        scale.put(grams);
        let outcome = agent.outcome().await;
        assert_eq!(outcome["grams"], shown, "{outcome}");
    }
    scale.take_away();
    agent.logged("phase=Empty").await;
    let left = agent.end().await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_reports_is_played_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reports");
    let report = |status: u8, grams: u16| {
        let [low, high] = grams.to_le_bytes();
        [3, status, 2, 0, low, high]
    };
    let mut reports = vec![report(2, 0); 4];
    reports.extend([report(3, 600), report(3, 1200)]);
    reports.extend([report(4, 1235); 8]);
    reports.extend([report(2, 0); 8]);
    fs::write(&file, reports.concat()).unwrap();
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let table = format!("port = \"{}\"\nprotocol = \"hid-pos\"\n", file.display());
    let mut agent = Agent::start(&folder, &service, &table, "");
    let outcome = agent.outcome().await;
    assert_eq!(outcome["grams"], 1235.0, "{outcome}");
    agent.logged("phase=Empty").await;
    assert!(agent.end().await.is_empty());
}

/// The wrapping's tare changes what the scale shows; the goods are the same goods, and the tare goes with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tare_makes_no_second_weighing() {
    let folder = tempfile::tempdir().unwrap();
    let scale = scale(&folder, "mt-sics");
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let table = format!("port = \"{}\"\nprotocol = \"mt-sics\"\n", folder.path().join("scale").display());
    let mut agent =
        Agent::start(&folder, &service, &table, "[[sink]]\nkind = \"scale-tare\"\ntare_g = 200\n");
    agent.logged("scale: ok").await;
    scale.practice.put(1_235);
    assert_eq!(agent.outcome().await["grams"], 1235.0);
    agent.logged("bytes=\"54 41 20").await;
    scale.practice.take_away();
    agent.logged("phase=Empty").await;
    agent.logged("bytes=\"54 41 43").await;
    scale.practice.put(500);
    assert_eq!(agent.outcome().await["grams"], 500.0, "the tare of the goods before is gone");
    assert!(agent.end().await.is_empty());
    let tares: Vec<What> = scale
        .happened
        .lock()
        .unwrap()
        .iter()
        .filter(|what| matches!(what, What::Tared { .. }))
        .cloned()
        .collect();
    let (set, cleared) = (What::Tared { tare: "0.200".into() }, What::Tared { tare: "0.000".into() });
    assert_eq!(tares.get(..3), Some(&[set.clone(), cleared, set][..]), "{tares:?}");
}

/// A scanner-scale: what passes the scanner is passed on, between the weighings and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barcode_on_the_scales_wire_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let scale = scale(&folder, "magellan");
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let table = format!("port = \"{}\"\nprotocol = \"magellan\"\n", folder.path().join("scale").display());
    let mut agent = Agent::start(&folder, &service, &table, "");
    agent.logged("scale: ok").await;
    scale.practice.put(500);
    assert_eq!(agent.outcome().await["grams"], 500.0);
    scale.practice.scan("4006381333931");
    let barcode = agent
        .until("a barcode", |said| match said {
            Said::Line(line) if line.get("barcode").is_some() => Some(line.clone()),
            Said::Line(_) | Said::Log(_) => None,
        })
        .await;
    assert_eq!(
        (&barcode["barcode"], &barcode["symbology"]),
        (&"4006381333931".into(), &"EAN-13".into()),
        "{barcode}"
    );
    assert_eq!(barcode["device_id"], "LANE-09");
    scale.practice.put(300);
    assert_eq!(agent.outcome().await["grams"], 800.0);
    assert!(agent.end().await.is_empty());
}

/// A scale that was switched to pounds: refused and said, nothing is weighed; and weighed when it is switched back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scale_in_another_unit_is_refused_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let scale = scale(&folder, "mt-sics");
    let service = Service::start(ServiceOptions::default()).await.unwrap();
    let table = format!(
        "port = \"{}\"\nprotocol = \"mt-sics\"\nunit = \"g\"\n",
        folder.path().join("scale").display()
    );
    let mut agent = Agent::start(&folder, &service, &table, "");
    agent.logged("the scale sends another unit than the settings say").await;
    scale.practice.put(1_235);
    let mut state = scale.practice.watch();
    state.wait_for(|state| state.stable && state.shown.to_string() == "1.235").await.unwrap();
    assert!(agent.end().await.is_empty());
}
