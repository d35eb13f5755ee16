//! A device that hands whole reports over, through the thread that holds the conversation.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use scalecam::scale::dialogue;
use scalecam::scale::{Family, Heard, Profile};
use scalecam::serial::{Event, Link, Port, Setup};
use scalecam::stamp::Clock;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::test]
async fn reports_come_through_without_the_one_that_was_left_from_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hidraw0");
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut device = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let family = Family::named("hid-pos").unwrap();
    let setup = Setup {
        port: Port { path, line: family.line },
        family,
        profile: Profile::default(),
        hold: Duration::ZERO,
        checksum_file: None,
        custom: None,
    };
    let (events, mut heard) = mpsc::channel(16);
    for grams in [20, 30, 40] {
        device.write_all(&[3, 4, 2, 0, grams, 0]).unwrap();
    }
    let link = Link::start(setup, Clock::system(), events).unwrap();
    let mut weights = Vec::new();
    while weights.len() < 2 {
        let event = timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
        if let Event::Said(dialogue::Event::Frame(frame, _)) = event {
            let Heard::Reading(reading) = frame.heard else { panic!("{frame:?}") };
            weights.push(reading.quantity.unwrap().to_string());
        }
    }
    assert_eq!(weights, ["30", "40"]);
    drop(link);
}
