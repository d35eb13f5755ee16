//! Cameras that fall silent, fail, go away and come back.

use std::time::Duration;

use rustix::io::Errno;

use super::fake::{Act, Fill};
use super::{Stage, good, one};
use crate::camera::State;
use crate::camera::desk::End;
use crate::camera::v4l2::Driver;

#[test]
fn a_silent_stream_is_started_again_and_goes_on() {
    let mut stage = Stage::new([one(good(0)), Act::Silence, one(good(0)), one(good(1))]);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!(stage.log(), "open start stop start stop close");
    // The frames before the silence are forgotten; the numbers go on.
    assert_eq!(stage.sequences(), [2, 3]);
    assert_eq!(stage.desk.ring.state(), State::Live);
    let counts = stage.counts();
    assert_eq!((counts.stalls, counts.restarts, counts.reopens), (1, 1, 0));
    // 33 ms to the first frame, then a second and a half of silence.
    assert!(stage.desk.clock.now().as_nanos() < 3_000_000_000);
}

#[test]
fn a_camera_that_stays_silent_is_reopened_then_reset_then_left_to_a_person() {
    let mut stage = Stage::new((0..5).map(|_| Act::Silence));
    let reopened = stage.lost();
    // Two seconds for the first frame at first, four once the camera was too slow for that.
    assert_eq!(reopened, "the camera /dev/v4l/by-id/fake sent no picture for 4.0 s; it is opened again");
    assert_eq!(stage.log(), "open start stop start stop close");
    assert!(stage.lost().ends_with("; its USB device was reset"));
    assert!(stage.log().ends_with("open start stop close reset"));
    assert!(stage.lost().ends_with(": unplug it and plug it in again"));
    let counts = stage.counts();
    assert_eq!((counts.stalls, counts.restarts, counts.reopens, counts.usb_resets), (4, 1, 2, 1));
}

#[test]
fn only_broken_pictures_are_a_failure_too() {
    let broken = |sequence| one(Fill { faulty: true, ..good(sequence) });
    let mut stage = Stage::new((0..200).map(broken));
    let why = stage.lost();
    assert!(why.starts_with("the camera /dev/v4l/by-id/fake sent only broken pictures for 4.0 s"), "{why}");
}

#[test]
fn an_unplugged_camera_is_closed_at_once_and_opened_when_it_is_back() {
    let mut stage = Stage::new([one(good(0)), Act::Unplug, Act::Plug, one(good(0))]);
    assert!(stage.lost().ends_with("was unplugged: plug it in again"));
    assert_eq!(stage.log(), "open start stop close");
    assert_eq!(stage.frames().len(), 0);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!(stage.sequences(), [2]);
    assert_eq!((stage.counts().reopens, stage.counts().stalls), (1, 0));
}

#[test]
fn fifty_replugs_leave_nothing_open_and_nothing_behind() {
    let plugged = |n: u32| [one(good(2 * n)), one(good(2 * n + 1)), Act::Unplug, Act::Plug];
    let mut stage = Stage::new((0..50).flat_map(plugged));
    for _ in 0..50 {
        assert!(stage.lost().ends_with("was unplugged: plug it in again"));
        assert_eq!(stage.frames().len(), 0);
    }
    let count = |word: &str| stage.world.log.borrow().iter().filter(|said| *said == word).count();
    assert_eq!(["open", "start", "stop", "close"].map(count), [50; 4]);
    assert_eq!((stage.counts().reopens, stage.counts().frames), (49, 100));
    // The two frames of each round went into the same two buffers.
    let spare =
        std::iter::repeat_with(|| stage.desk.ring.buffer()).take_while(|buffer| buffer.capacity() > 0);
    assert_eq!(spare.count(), 2);
}

#[test]
fn a_camera_that_never_was_is_missing_and_one_that_was_is_unplugged_for_as_long_as_it_takes() {
    let mut stage = Stage::new([one(good(0)), Act::Unplug]);
    let unplugged = stage.lost();
    assert_eq!((stage.lost(), stage.driver.longest_pause()), (unplugged, Duration::from_millis(250)));
    let mut stage = Stage::new([]);
    stage.world.unplug();
    assert!(stage.lost().contains("is not there: plug it in"));
    assert_eq!(stage.driver.longest_pause(), Duration::from_millis(250));
}

#[test]
fn a_driver_that_cries_wolf_does_not_burn_a_core() {
    let mut stage = Stage::new((0..1_000).map(|_| Act::FalseAlarm));
    let why = stage.lost();
    assert!(why.contains("says that a picture is ready and gives none"), "{why}");
}

#[test]
fn an_error_while_capturing_is_met_like_a_silence() {
    let mut stage = Stage::new([one(good(0)), Act::Fail(Errno::IO), one(good(0))]);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!(stage.log(), "open start stop start stop close");
    assert_eq!(stage.sequences(), [2]);
}

#[test]
fn a_camera_that_is_slow_to_start_is_given_its_time() {
    let mut stage = Stage::new([Act::Pause(Duration::from_millis(1_900)), one(good(0)), one(good(1))]);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!((stage.log(), stage.counts().stalls), ("open start stop close".to_owned(), 0));
}

#[test]
fn a_program_that_stood_still_looks_at_the_queue_before_it_says_that_the_camera_did() {
    let acts = [one(good(0)), Act::Overslept(good(1)), one(good(2))];
    let mut stage = Stage::new(acts);
    assert_eq!(stage.run(), End::Stopped);
    assert_eq!((stage.sequences(), stage.counts().stalls), (vec![1, 2, 3], 0));
}

#[test]
fn a_second_camera_that_answers_to_the_name_ends_the_first_ones_frames() {
    // Ten seconds of frames, and one more look.
    let mut stage = Stage::new((0..320).map(|n| one(good(n))));
    let why = "two cameras answer to the name";
    stage.world.twin.replace(Some(why.to_owned()));
    assert_eq!(stage.lost(), why);
    assert_eq!((stage.frames().len(), stage.desk.ring.state()), (0, State::Lost(why.into())));
    assert!((290..=310).contains(&stage.counts().frames));
}

#[test]
fn a_reset_that_the_kernel_refuses_is_said_and_not_counted() {
    let mut stage = Stage::new((0..4).map(|_| Act::Silence));
    stage.world.reset.set(Some(Errno::ACCESS));
    stage.lost();
    let why = stage.lost();
    assert!(why.contains("its USB device cannot be reset (Permission denied"), "{why}");
    assert!(why.ends_with(": unplug it and plug it in again"), "{why}");
    assert_eq!(stage.counts().usb_resets, 0);
}
