//! The capture loop against a scripted camera.

mod fake;
mod healing;
mod weighings;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::fault::Step;
use super::{Driver, End, V4l2};
use crate::camera::desk::Desk;
use crate::camera::{Counts, Frame, Heartbeat, PixelFormat, Ring, Settings, Source, Tally};
use crate::kernel::Holder;
use crate::kernel::video::{Control, ControlKind, FourCc};
use crate::stamp::Stamp;
use fake::{Act, Fill, World};

/// A whole JPEG as far as its markers go, told apart by its filling.
fn picture(mark: u8) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    bytes.extend([mark; 200]);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn good(sequence: u32) -> Fill {
    Fill { sequence, bytes: picture(sequence.to_le_bytes()[0]), faulty: false, stamped: true, at_end: false }
}

fn one(fill: Fill) -> Act {
    Act::Fill(vec![fill])
}

/// A camera driver, its desk, and the frames that came.
struct Stage {
    world: World,
    driver: V4l2,
    desk: Rc<Desk>,
}

impl Stage {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let world = World::new();
        world.play(acts);
        let mut settings = Settings::of(Source::V4l2 { device: "/dev/v4l/by-id/fake".parse().unwrap() });
        settings.warm_up = Duration::ZERO;
        let driver = V4l2::at(Box::new(world.clone()), &settings);
        let desk = Desk {
            ring: Arc::new(Ring::default()),
            clock: world.clock(),
            stop: Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap()),
            heartbeat: Heartbeat::of(Arc::new(AtomicU64::new(0))),
            tally: Tally::default(),
            name: "fake".to_owned(),
            latency: Duration::ZERO,
            delivered: Cell::new(false),
        };
        Self { world, driver, desk: Rc::new(desk) }
    }

    fn run(&mut self) -> End {
        self.driver.run(&self.desk)
    }

    fn lost(&mut self) -> String {
        match self.run() {
            End::Lost(why) => {
                self.desk.lose(&why);
                why
            }
            End::Stopped => panic!("the camera was not lost"),
        }
    }

    fn frames(&self) -> Vec<Arc<Frame>> {
        self.desk.ring.frames()
    }

    fn sequences(&self) -> Vec<u64> {
        self.frames().iter().map(|frame| frame.sequence).collect()
    }

    fn log(&self) -> String {
        self.world.log.borrow().join(" ")
    }

    fn counts(&self) -> Counts {
        self.desk.tally.counts()
    }
}

#[test]
fn frames_come_with_their_bytes_stamp_and_number_and_a_stop_ends_it() {
    let mut stage = Stage::new([one(good(7)), one(good(8))]);
    assert_eq!(stage.run(), End::Stopped);
    let frames = stage.frames();
    assert_eq!(stage.sequences(), [1, 2]);
    assert_eq!((&frames[0].bytes, &frames[1].bytes), (&picture(7), &picture(8)));
    assert_eq!(frames[1].taken.since(frames[0].taken), Duration::from_millis(33));
    assert_eq!((frames[0].format, frames[0].width, frames[0].height), (PixelFormat::Jpeg, 1280, 720));
    assert_eq!(stage.log(), "open start stop close");
    assert_eq!(stage.counts(), Counts { frames: 2, ..Counts::default() });
}

#[test]
fn bad_frames_go_back_to_the_driver_and_never_starve_it() {
    let bad = |sequence| match sequence % 4 {
        0 => Fill { faulty: true, ..good(sequence) },
        1 => Fill { bytes: picture(1)[..150].to_vec(), ..good(sequence) },
        2 => Fill { bytes: vec![], ..good(sequence) },
        _ => Fill { bytes: vec![0x55; 500], ..good(sequence) },
    };
    let mut acts: Vec<Act> = (0..40).map(|sequence| one(bad(sequence))).collect();
    acts.push(one(good(40)));
    let mut stage = Stage::new(acts);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!(stage.sequences(), [41]);
    assert_eq!(stage.world.queued_at_close.get(), 4);
    let wanted = Counts { frames: 1, flagged: 10, wrong_size: 10, damaged: 20, ..Counts::default() };
    assert_eq!(stage.counts(), wanted);
    assert_eq!(stage.desk.ring.broken(), 40);
}

#[test]
fn a_cut_frame_is_never_completed_with_what_was_in_the_buffer_before() {
    let whole = Fill { bytes: [picture(1), vec![0; 50]].concat(), ..good(0) };
    let acts = (0..8).map(|round| {
        let cut = Fill { bytes: picture(9)[..120].to_vec(), ..good(round * 2 + 1) };
        Act::Fill(vec![Fill { sequence: round * 2, ..whole.clone() }, cut])
    });
    let mut stage = Stage::new(acts);
    stage.run();
    assert_eq!(stage.counts().frames, 8);
    assert!(stage.frames().iter().all(|frame| frame.bytes == picture(1)));
}

#[test]
fn the_newest_of_several_is_delivered_and_the_others_are_passed_over() {
    let mut stage = Stage::new([Act::Fill(vec![good(0), good(1), good(2)])]);
    stage.run();
    assert_eq!(stage.sequences(), [3]);
    assert_eq!(stage.frames()[0].bytes, picture(2));
    assert_eq!(stage.counts(), Counts { frames: 1, skipped: 2, ..Counts::default() });
    assert_eq!(stage.world.queued_at_close.get(), 4);
}

#[test]
fn buffers_out_of_order_neither_go_back_in_time_nor_count_as_lost() {
    let mut stage = Stage::new([one(good(75)), Act::Fill(vec![good(77), good(76)]), one(good(78))]);
    stage.run();
    assert_eq!(stage.sequences(), [1, 3, 4]);
    assert_eq!(stage.counts(), Counts { frames: 3, late: 1, ..Counts::default() });
}

#[test]
fn gaps_of_the_sequence_are_lost_frames() {
    let mut stage = Stage::new([one(good(1)), one(good(5))]);
    stage.run();
    assert_eq!(stage.sequences(), [1, 5]);
    assert_eq!(stage.counts().lost, 3);
}

#[test]
fn a_frame_without_a_stamp_is_as_old_as_it_may_be() {
    let mut stage = Stage::new([one(Fill { stamped: false, ..good(1) })]);
    stage.run();
    // It came at 1.033 s; the queue was empty at 1.000 s.
    assert_eq!(stage.frames()[0].taken.as_nanos(), 1_000_000_000);
}

#[test]
fn a_stamp_of_the_frames_end_counts_from_one_frame_time_before() {
    let mut stage = Stage::new([one(Fill { at_end: true, ..good(1) })]);
    stage.run();
    let frame_time = Duration::from_secs(1) / 30;
    assert_eq!(stage.frames()[0].taken + frame_time, Stamp::from_nanos(1_033_000_000));
}

#[test]
fn refusals_are_explained() {
    let cases = [
        (Step::StartStream, Errno::NOSPC, "the USB bus has no bandwidth left"),
        (Step::SetMode, Errno::BUSY, "is in use by motion (pid 41): stop it"),
        (Step::Open, Errno::ACCESS, "may not be opened"),
        (Step::Identify, Errno::NOTTY, "is no camera"),
        (Step::StartStream, Errno::IO, "did not start to send pictures"),
    ];
    for (step, errno, expected) in cases {
        let mut stage = Stage::new([]);
        stage.world.holders.borrow_mut().push(Holder { pid: 41, name: "motion".to_owned() });
        stage.world.refusals.borrow_mut().push((step, errno));
        let why = stage.lost();
        assert!(why.contains(expected), "{why}");
        assert!(!stage.log().contains("open") || stage.log().ends_with("close"));
    }
}

#[test]
fn a_node_without_pictures_and_a_camera_without_a_known_format_are_refused() {
    let mut stage = Stage::new([]);
    stage.world.captures.set(false);
    assert!(stage.lost().starts_with("Fake Camera delivers no pictures through this node"));
    let mut stage = Stage::new([]);
    stage.world.format.set(FourCc(*b"UYVY"));
    let why = stage.lost();
    assert_eq!(
        why,
        "the camera Fake Camera offers only H264, UYVY: one with MJPG, YUYV, NV12 or GREY is needed"
    );
}

#[test]
fn raw_frames_lose_the_padding_of_their_rows_and_must_be_complete() {
    // The 32 x 16 mode: rows of 64 bytes and 16 of padding.
    let rows =
        |count: usize| (0..count).flat_map(|row| [vec![row.to_le_bytes()[0]; 64], vec![0xEE; 16]].concat());
    let raw = |bytes: Vec<u8>, sequence| one(Fill { bytes, ..good(sequence) });
    let mut stage = Stage::new([raw(rows(15).collect(), 0), raw(rows(16).collect(), 1)]);
    stage.driver.wish.width = 32;
    stage.driver.wish.height = 16;
    stage.world.format.set(FourCc(*b"YUYV"));
    stage.world.full_range.set(true);
    stage.run();
    let frames = stage.frames();
    assert_eq!(frames.len(), 1);
    let expected: Vec<u8> = (0..16_u8).flat_map(|row| [row; 64]).collect();
    assert_eq!((frames[0].format, &frames[0].bytes), (PixelFormat::Yuyv, &expected));
    assert!(frames[0].full_range);
    assert_eq!(stage.counts().wrong_size, 1);
}

#[test]
fn frames_of_the_first_moments_of_every_stream_are_warming_up() {
    let acts = (0..4).map(|n| one(good(n))).chain([Act::Silence]).chain((0..4).map(|n| one(good(n))));
    let mut stage = Stage::new(acts);
    stage.driver.warm_up = Duration::from_millis(100);
    stage.run();
    let warming: Vec<bool> = stage.frames().iter().map(|frame| frame.warming_up).collect();
    assert_eq!(warming, [true, true, true, false]);
}

fn control(id: u32, name: &str, kind: ControlKind, maximum: i32, step: i32) -> Control {
    Control { id, name: name.to_owned(), kind, minimum: 0, maximum, step, default: 0, flags: 0 }
}

#[test]
fn controls_are_set_at_every_opening_automatics_first_and_read_back() {
    let mut stage = Stage::new([one(good(0)), Act::Unplug, Act::Plug, one(good(0))]);
    stage.world.controls.borrow_mut().extend([
        (control(1, "Auto Exposure", ControlKind::Switch, 1, 1), 1),
        (control(2, "A Time", ControlKind::Integer, 500, 10), 0),
    ]);
    stage.driver.controls = toml::from_str("a_time = 205\nauto_exposure = false\nnothing = 1").unwrap();
    stage.lost();
    assert_eq!(stage.log(), "open set 1=0 set 2=205 start stop close");
    let missing = "it has no control nothing (it has auto_exposure, a_time)";
    assert_eq!(*stage.desk.ring.refused().unwrap(), format!("{missing}; a_time = 205 became 200"));
    // A camera forgets its controls when it loses its power.
    stage.world.controls.borrow_mut()[0].1 = 1;
    stage.run();
    assert!(stage.log().ends_with("open set 1=0 set 2=205 start stop close"));
}

#[test]
fn a_control_that_cannot_be_described_hides_none_of_the_others() {
    let mut stage = Stage::new([one(good(0))]);
    stage.world.controls.borrow_mut().push((control(2, "A Time", ControlKind::Integer, 500, 10), 0));
    stage.world.untold.set(Some(Errno::IO));
    stage.driver.controls = toml::from_str("a_time = 200").unwrap();
    assert_eq!(stage.run(), End::Stopped);
    assert!(stage.log().starts_with("open set 2=200 start"));
    let refused = stage.desk.ring.refused().unwrap();
    assert!(refused.starts_with("it cannot describe one of its controls: "), "{refused}");
}

#[test]
fn a_value_that_an_automatic_rules_is_reported_and_the_camera_runs() {
    let mut stage = Stage::new([one(good(0))]);
    stage.world.controls.borrow_mut().extend([
        (control(1, "Auto Exposure", ControlKind::Switch, 1, 1), 1),
        (control(2, "A Time", ControlKind::Integer, 500, 10), 0),
    ]);
    stage.driver.controls = toml::from_str("a_time = 200").unwrap();
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!(stage.frames().len(), 1);
    let refused = stage.desk.ring.refused().unwrap();
    assert!(refused.starts_with("a_time = 200 was refused: "), "{refused}");
}
