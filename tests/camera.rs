//! The made cameras through the door that the agent uses.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scalecam::camera::{self, Camera, Frame, FrameRate, NoFrame, Settings, Source, State};
use scalecam::stamp::{Clock, Stamp};

/// Far beyond what any of these waits needs, so that a loaded machine does not matter.
const LIMIT: Duration = Duration::from_mins(1);

/// A tiny JPEG whose grey value tells it apart.
fn picture(grey: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.encode(&[grey; 64], 8, 8, jpeg_encoder::ColorType::Luma).unwrap();
    file
}

/// Writes under a name that is not served, then renames over: how a careful program replaces a file.
fn replace(folder: &Path, name: &str, bytes: &[u8]) {
    let draft = folder.join(".draft");
    fs::write(&draft, bytes).unwrap();
    fs::rename(&draft, folder.join(name)).unwrap();
}

fn start(source: Source, fps: u32) -> Camera {
    let mut settings = Settings::of(source);
    settings.fps = FrameRate::new(fps);
    camera::start(&settings, Clock::system()).unwrap()
}

fn folder_camera(folder: &Path, fps: u32) -> Camera {
    start(Source::Folder { folder: folder.to_owned() }, fps)
}

/// Frames after `moment`, each newer than the one before; on a loaded machine some may be left out.
async fn frames(camera: &Camera, mut moment: Stamp, count: usize) -> Vec<Arc<Frame>> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let next = tokio::time::timeout(LIMIT, camera.ring().first_after(moment)).await;
        frames.push(next.expect("the camera delivers"));
        moment = frames[frames.len() - 1].taken;
    }
    frames
}

async fn state(camera: &Camera, wanted: impl Fn(&State) -> bool) -> State {
    let seen = tokio::time::timeout(LIMIT, camera.ring().state_when(wanted)).await;
    seen.unwrap_or_else(|_| panic!("the camera stays {:?}", camera.ring().state()))
}

#[tokio::test]
async fn a_folder_is_served_in_name_order_round_and_round() {
    let folder = tempfile::tempdir().unwrap();
    for (name, grey) in [("c.jpg", 30), ("a.jpg", 10), ("b.jpg", 20)] {
        fs::write(folder.path().join(name), picture(grey)).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join(".half-written.jpg"), "no picture yet").unwrap();
    let camera = folder_camera(folder.path(), 100);
    let frames = frames(&camera, Stamp::from_nanos(0), 9).await;
    for frame in &frames {
        let turn = usize::try_from((frame.sequence - 1) % 3).unwrap();
        assert_eq!(frame.bytes, picture([10, 20, 30][turn]));
    }
    assert!(frames.windows(2).all(|pair| pair[0].taken < pair[1].taken));
    assert_eq!(camera.ring().broken(), 0);
}

/// Eight pictures at one a second: the turn of the last is seven seconds away when the first is seen.
async fn slow_round(folder: &Path) -> Camera {
    for (name, grey) in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().zip([1, 2, 3, 4, 5, 6, 7, 8]) {
        replace(folder, &format!("{name}.jpg"), &picture(grey * 10));
    }
    let camera = folder_camera(folder, 1);
    frames(&camera, Stamp::from_nanos(0), 1).await;
    camera
}

#[tokio::test]
async fn a_replaced_file_is_a_frame_at_once_and_not_at_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let camera = slow_round(folder.path()).await;
    let before = Clock::system().now();
    replace(folder.path(), "h.jpg", &picture(99));
    let next = frames(&camera, before, 2).await;
    assert_eq!(next[0].bytes, picture(99));
    assert_ne!(next[1].bytes, picture(99), "the others go on in turn");
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_a_frame_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let camera = slow_round(folder.path()).await;
    let before = Clock::system().now();
    fs::write(folder.path().join("h.jpg"), picture(99)).unwrap();
    assert_eq!(frames(&camera, before, 1).await[0].bytes, picture(99));
}

#[tokio::test]
async fn files_that_come_and_go_are_noticed_and_the_last_one_out_is_a_loss_that_heals() {
    let folder = tempfile::tempdir().unwrap();
    replace(folder.path(), "a.jpg", &picture(10));
    let camera = folder_camera(folder.path(), 50);
    let seen = frames(&camera, Stamp::from_nanos(0), 1).await.remove(0);
    fs::write(folder.path().join("c.jpg"), picture(30)).unwrap();
    fs::hard_link(folder.path().join("c.jpg"), folder.path().join("b.jpg")).unwrap();
    let mut moment = seen.taken;
    while !camera.ring().frames().iter().any(|frame| frame.bytes == picture(30)) {
        moment = frames(&camera, moment, 1).await[0].taken;
    }
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let State::Lost(why) = state(&camera, |state| matches!(state, State::Lost(_))).await else {
        unreachable!()
    };
    assert_eq!(
        &*why,
        format!("the camera folder {} holds no *.jpg file: put one there", folder.path().display())
    );
    assert_eq!(camera.ring().why_none(0), NoFrame::Lost(why));
    assert_eq!(camera.ring().frames().len(), 0);
    replace(folder.path(), "d.jpg", &picture(40));
    state(&camera, |state| *state == State::Live).await;
    assert_eq!(camera.ring().broken(), 0);
}

#[tokio::test]
async fn a_missing_folder_is_a_state_that_heals_when_the_folder_comes() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("frames");
    let camera = folder_camera(&folder, 50);
    let State::Lost(why) = state(&camera, |state| *state != State::Opening).await else { unreachable!() };
    assert!(why.ends_with("does not exist: create it, or correct camera.folder"), "{why}");
    fs::create_dir(&folder).unwrap();
    replace(&folder, "a.jpg", &picture(10));
    state(&camera, |state| *state == State::Live).await;
    fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    state(&camera, |state| matches!(state, State::Lost(_))).await;
}

#[tokio::test]
async fn broken_files_are_counted_and_never_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut = picture(10);
    cut.truncate(cut.len() / 2);
    replace(folder.path(), "cut.jpg", &cut);
    fs::create_dir(folder.path().join("folder.jpg")).unwrap();
    let camera = folder_camera(folder.path(), 100);
    tokio::time::timeout(LIMIT, camera.ring().state_when(|_| camera.ring().broken() >= 4)).await.unwrap();
    assert!(matches!(camera.ring().why_none(1), NoFrame::OnlyBroken(3..)));
    let mut padded = picture(20);
    padded.extend([0; 100]);
    replace(folder.path(), "whole.jpg", &padded);
    let frame = frames(&camera, Stamp::from_nanos(0), 1).await.remove(0);
    assert_eq!(frame.bytes, picture(20));
}

#[tokio::test]
async fn latency_moves_the_stamp_back_and_warm_up_holds_frames_off() {
    let mut settings = Settings::of(Source::Synthetic);
    settings.latency = Duration::from_secs(3);
    settings.warm_up = Duration::from_millis(200);
    let began = Clock::system().now();
    let camera = camera::start(&settings, Clock::system()).unwrap();
    let first = tokio::time::timeout(LIMIT, camera.ring().first_after(Stamp::from_nanos(0))).await.unwrap();
    assert!(first.sequence > 1);
    assert!(first.taken + settings.latency >= began + settings.warm_up);
    assert!(first.taken + settings.latency <= Clock::system().now());
    assert!(camera.ring().frames().iter().all(|frame| frame.warming_up || frame.sequence >= first.sequence));
}

#[tokio::test]
async fn the_synthetic_camera_counts_its_frames_and_its_thread_shows_life() {
    let camera = start(Source::Synthetic, 100);
    let before = camera.heartbeat().last();
    let two = frames(&camera, Stamp::from_nanos(0), 2).await;
    assert_ne!(two[0].bytes, two[1].bytes);
    assert!(camera.heartbeat().last() > before);
    let ring = Arc::clone(camera.ring());
    drop(camera);
    // The thread has ended: nothing but this test holds the ring.
    assert_eq!(Arc::strong_count(&ring), 1);
}
