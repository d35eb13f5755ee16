use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;

/// The host's end of the terminal, as an agent opens it.
struct Host {
    port: File,
    heard: Vec<u8>,
}

/// A test that waits this long for a byte has failed.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

impl Host {
    fn open(path: &Path) -> Self {
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let port = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap();
        Self { port: File::from(port), heard: Vec::new() }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.port.write_all(bytes).unwrap();
    }

    /// Waits for bytes or for the end of the line; false when it has ended.
    fn more(&mut self) -> bool {
        let mut ends = [PollFd::new(&self.port, PollFlags::IN)];
        assert_eq!(poll(&mut ends, Some(&PATIENCE)).unwrap(), 1, "the scale stays silent");
        let mut buffer = [0; 256];
        match self.port.read(&mut buffer) {
            Ok(count) if count > 0 => {
                self.heard.extend(&buffer[..count]);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// The next line.
    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line = self.heard.drain(..=end).collect::<Vec<u8>>();
                return line.escape_ascii().to_string();
            }
            assert!(self.more(), "the terminal is gone");
        }
    }

    fn ask(&mut self, request: &[u8]) -> String {
        self.say(request);
        self.line()
    }
}

/// A scale in fast motion, so that tests need no patience.
fn quick(family: &str) -> Options {
    let character = Character::default().faster(5);
    Options { character, ..Options::new(family) }
}

async fn until(scale: &PracticeScale, met: impl FnMut(&State) -> bool) -> State {
    let mut watch = scale.watch();
    let waited = tokio::time::timeout(Duration::from_secs(20), watch.wait_for(met)).await;
    waited.expect("the scale never got there").unwrap().clone()
}

#[tokio::test]
async fn a_host_asks_over_the_terminal_and_sees_the_load_settle() {
    let scale = PracticeScale::start(quick("mt-sics")).unwrap();
    let mut host = Host::open(&scale.path().unwrap());
    until(&scale, |state| state.stable && state.host).await;
    assert_eq!(host.ask(b"SI\r\n"), r"S S      0.000 kg\r\n");
    host.say(b"SIR\r\n");
    scale.put(1_235);
    let mut lines = vec![host.line()];
    while lines.last().unwrap() != r"S S      1.235 kg\r\n" {
        lines.push(host.line());
    }
    assert!(lines.iter().any(|line| line.starts_with("S D ")), "{lines:?}");
    let state = scale.state();
    assert!(state.stable && state.range == Range::In && !state.zero, "{state:?}");
    assert_eq!(state.shown.to_string(), "1.235");
    scale.take_away();
    while lines.last().unwrap() != r"S S      0.000 kg\r\n" {
        lines.push(host.line());
    }
    assert!(scale.heard().ends_with(b"SIR\r\n"));
}

#[tokio::test]
async fn text_for_the_display_is_seen() {
    let scale = PracticeScale::start(quick("mt-sics")).unwrap();
    let mut host = Host::open(&scale.path().unwrap());
    assert_eq!(scale.shown(), None);
    assert_eq!(host.ask(b"D \"Banana\"\r\n"), r"D A\r\n");
    let state = until(&scale, |state| state.texts == 1).await;
    assert_eq!(state.text.as_deref(), Some("Banana"));
    assert_eq!(host.ask(b"DW\r\n"), r"DW A\r\n");
    until(&scale, |state| state.text.is_none()).await;
}

#[tokio::test]
async fn a_host_comes_and_goes_and_hears_nothing_stale() {
    let scale = PracticeScale::start(quick("st-gs")).unwrap();
    let path = scale.path().unwrap();
    let mut first = Host::open(&path);
    assert!(first.line().contains("0.000kg"));
    drop(first);
    until(&scale, |state| !state.host).await;
    for shown in ["0.350", "0.700"] {
        scale.put(350);
        until(&scale, |state| state.stable && state.shown.to_string() == shown).await;
    }
    let mut second = Host::open(&path);
    let heard = second.line();
    assert!(heard.contains("0.700kg"), "a line from before the host came: {heard}");
}

#[tokio::test]
async fn a_pulled_cable_ends_the_terminal_and_the_link_leads_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("scale");
    let scale = PracticeScale::start(Options { link: Some(link.clone()), ..quick("toledo-8217") }).unwrap();
    assert_eq!(scale.path(), Some(link.clone()));
    let mut host = Host::open(&link);
    until(&scale, |state| state.host && state.stable).await;
    host.say(b"W");
    while !host.heard.ends_with(b"\r") {
        assert!(host.more());
    }
    scale.unplug();
    while host.more() {}
    until(&scale, |state| state.path.is_none()).await;
    assert_eq!(scale.path(), None);
    assert!(link.symlink_metadata().is_err());
    scale.plug_in();
    until(&scale, |state| state.path.is_some()).await;
    let mut host = Host::open(&link);
    host.say(b"Ehi");
    while host.heard != b"\x02E\rhi" {
        assert!(host.more());
    }
    drop(scale);
    assert!(link.symlink_metadata().is_err(), "the link goes with the scale");
}

#[tokio::test]
async fn a_link_never_replaces_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scale");
    std::fs::write(&file, "precious").unwrap();
    let refused = PracticeScale::start(Options { link: Some(file.clone()), ..quick("mt-sics") });
    assert!(matches!(refused, Err(PracticeError::InTheWay { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_host_that_was_killed_leaves_no_lock_behind() {
    let scale = PracticeScale::start(quick("mt-sics")).unwrap();
    let host = Host::open(&scale.path().unwrap());
    rustix::termios::ioctl_tiocexcl(&host.port).unwrap();
    until(&scale, |state| state.host).await;
    drop(host);
    until(&scale, |state| !state.host).await;
    let mut host = Host::open(&scale.path().unwrap());
    assert!(host.ask(b"SI\r\n").starts_with("S "));
}

#[tokio::test]
async fn a_programme_plays_by_itself_and_every_change_is_told_as_practice() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let programme = Programme::loads(&[(300, 500), (900, 0)]);
    let options = Options { programme: Some(programme), ..quick("mt-sics") };
    let scale =
        PracticeScale::start_observed(options, move |event| teller.lock().unwrap().push(event.clone()))
            .unwrap();
    until(&scale, |state| state.stable && state.shown.to_string() == "0.500").await;
    until(&scale, |state| state.stable && state.zero).await;
    drop(scale);
    let told = told.lock().unwrap();
    let put = told.iter().find(|event| event.what == What::Put { grams: 500 }).unwrap();
    assert!(put.at_ms >= 300);
    assert_eq!(put.json(), format!(r#"{{"practice":true,"at_ms":{},"event":"put","grams":500}}"#, put.at_ms));
    assert!(told.iter().any(|event| event.what == What::Rest { shown: "0.500".into() }));
    assert!(told.iter().any(|event| event.what == What::Taken));
    assert!(matches!(told[0].what, What::PluggedIn { .. }));
}

#[tokio::test]
async fn faults_reach_the_host_and_good_frames_come_through() {
    let faults = vec![Fault::Garbage, Fault::Pieces];
    let scale = PracticeScale::start(Options { faults, ..quick("mt-sics") }).unwrap();
    let mut host = Host::open(&scale.path().unwrap());
    until(&scale, |state| state.stable && state.host).await;
    let lines: Vec<String> = (0..20).map(|_| host.ask(b"SI\r\n")).collect();
    let good = r"S S      0.000 kg\r\n";
    assert!(lines.iter().any(|line| line == good), "{lines:?}");
    assert!(lines.iter().any(|line| line != good), "{lines:?}");
}

#[test]
fn what_cannot_be_started_is_said() {
    let error = PracticeScale::start(Options::new("morse")).unwrap_err().to_string();
    assert!(error.contains("\"morse\"") && error.contains("mt-sics"), "{error}");
    for (family, digits, decimals, unit) in
        [("mt-sics", 0, 3, Unit::Kilogram), ("toledo-8217", 1, 1, Unit::Ounce)]
    {
        let division = Quantity::new(false, digits, decimals, unit);
        let error = PracticeScale::start(Options { division, ..quick(family) }).unwrap_err();
        assert!(matches!(error, PracticeError::Division { .. }), "{error}");
        assert!(error.to_string().contains(family), "{error}");
    }
}
