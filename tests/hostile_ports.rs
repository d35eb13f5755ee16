//! Ports that vanish in the middle of a frame, flood, or never end a line: bounded memory, a state that says so, and
//! readings again as soon as good frames come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::pty::OpenptFlags;
use scalecam::scale::{Family, Garbled, Heard, Profile, dialogue};
use scalecam::serial::{Event, Link, Port, Setup, Trouble};
use scalecam::stamp::Clock;
use tokio::sync::mpsc;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);
const GOOD: &[u8] = b"ST,GS,+  1.235kg\r\n";

/// The scale's end of a terminal, under a link that outlives it.
fn terminal(link: &Path) -> std::fs::File {
    let end = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&end).unwrap();
    rustix::pty::unlockpt(&end).unwrap();
    let name = rustix::pty::ptsname(&end, Vec::new()).unwrap();
    let raw = rustix::fs::open(&*name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
    let mut settings = rustix::termios::tcgetattr(&raw).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&raw, rustix::termios::OptionalActions::Now, &settings).unwrap();
    let beside = link.with_extension("new");
    std::os::unix::fs::symlink(PathBuf::from(name.to_str().unwrap()), &beside).unwrap();
    std::fs::rename(beside, link).unwrap();
    std::fs::File::from(end)
}

fn link(path: &Path, protocol: &str, capacity: usize) -> (Link, mpsc::Receiver<Event>) {
    let family = Family::named(protocol).unwrap();
    let (events, queue) = mpsc::channel(capacity);
    let setup = Setup {
        port: Port { path: path.to_owned(), line: family.line },
        family,
        profile: Profile::default(),
        hold: Duration::ZERO,
        checksum_file: None,
        custom: None,
    };
    (Link::start(setup, Clock::system(), events).unwrap(), queue)
}

async fn until<T>(queue: &mut mpsc::Receiver<Event>, mut found: impl FnMut(Event) -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = found(queue.recv().await.expect("the link ended")) {
                return found;
            }
        }
    };
    timeout(LIMIT, search).await.expect("it never came")
}

fn weight(event: Event) -> Option<String> {
    let Event::Said(dialogue::Event::Frame(frame, _)) = event else { return None };
    let Heard::Reading(reading) = frame.heard else { return None };
    Some(reading.quantity?.to_string())
}

fn garbled(event: Event) -> Option<Garbled> {
    let Event::Said(dialogue::Event::Frame(frame, _)) = event else { return None };
    let Heard::Garbled(why) = frame.heard else { return None };
    Some(why)
}

/// Writes all the while the other end reads.
async fn say(mut end: std::fs::File, bytes: Vec<u8>) -> std::fs::File {
    tokio::task::spawn_blocking(move || {
        end.write_all(&bytes).unwrap();
        end
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_vanishes_within_a_frame_is_lost_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scale");
    let end = terminal(&path);
    let (_link, mut queue) = link(&path, "st-gs", 128);
    until(&mut queue, |event| matches!(event, Event::Opened).then_some(())).await;
    let end = say(end, [GOOD, b"ST,GS,+  9"].concat()).await;
    assert_eq!(until(&mut queue, weight).await, "1.235");
    drop(end);
    let lost = until(&mut queue, |event| match event {
        Event::Lost(trouble, _) => Some(trouble),
        Event::Opened | Event::Said(_) => None,
    });
    assert!(matches!(lost.await, Trouble::Gone { .. }));
    // the rest of the broken frame comes with the new terminal, and is no weight
    let end = terminal(&path);
    until(&mut queue, |event| matches!(event, Event::Opened).then_some(())).await;
    let _end = say(end, [b".999kg\r\n", GOOD].concat()).await;
    assert_eq!(until(&mut queue, weight).await, "1.235");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_never_ends_is_said_once_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scale");
    let end = terminal(&path);
    let (_link, mut queue) = link(&path, "st-gs", 128);
    until(&mut queue, |event| matches!(event, Event::Opened).then_some(())).await;
    let end = say(end, vec![b'1'; 300_000]).await;
    assert!(matches!(until(&mut queue, garbled).await, Garbled::Endless(_)));
    let _end = say(end, [b"\r\n", GOOD].concat()).await;
    let mut again = 0;
    let shown = until(&mut queue, |event| {
        if let Some(shown) = weight_of(&event) {
            return Some(shown);
        }
        again += usize::from(garbled(event).is_some());
        None
    });
    assert_eq!(shown.await, "1.235");
    assert!(again <= 2, "an endless line was told {again} times more");
}

fn weight_of(event: &Event) -> Option<String> {
    let Event::Said(dialogue::Event::Frame(frame, _)) = event else { return None };
    let Heard::Reading(reading) = &frame.heard else { return None };
    Some(reading.quantity?.to_string())
}

/// What this process holds, in kilobytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_nobody_takes_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scale");
    let end = terminal(&path);
    let (_link, mut queue) = link(&path, "st-gs", 8);
    until(&mut queue, |event| matches!(event, Event::Opened).then_some(())).await;
    let end = say(end, GOOD.repeat(1_000)).await;
    let before = resident();
    let mut end = end;
    for _ in 0..20 {
        end = say(end, GOOD.repeat(5_000)).await;
    }
    assert!(resident() < before + 8_192, "{before} KB became {} KB", resident());
    while queue.try_recv().is_ok() {}
    let _end = say(end, GOOD.to_vec()).await;
    assert_eq!(until(&mut queue, weight).await, "1.235", "it is heard as soon as somebody listens");
}
