//! Which frame belongs to a weighing.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::still::{Scene, Seen, Small};
use super::{Frame, PixelFormat, Ring};
use crate::jpeg::length;
use crate::stamp::{Clock, Stamp};

/// How the frame of a weighing is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Of the frames that come into question.
    pub policy: Policy,
    /// For how long frames come into question with [`Policy::Sharpest`].
    pub window: Duration,
    /// For how long the scene must have stood still; zero: it is not looked at.
    pub still: Duration,
    /// After this the frame is taken though the scene still moves.
    pub still_limit: Duration,
    /// Blocks of a thousand that may change between two frames of a scene that stands still.
    pub most_changed: u32,
}

/// Which of the frames that come into question is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The first after the moment.
    #[default]
    First,
    /// The sharpest of a short time after the moment.
    Sharpest,
}

/// The frame of a weighing.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The frame.
    pub frame: Arc<Frame>,
    /// Whether the scene stood still; none when it was not looked at.
    pub still: Option<bool>,
}

/// Frames arrive after their stamp by exposure, transfer and the kernel: a frame of the window's last moment
/// is waited for this much longer.
const ARRIVAL: Duration = Duration::from_millis(100);

impl Choice {
    /// How long the choice may take once the first frame is there.
    #[must_use]
    pub fn longest(&self) -> Duration {
        match self.policy {
            _ if !self.still.is_zero() => self.still_limit + ARRIVAL,
            Policy::Sharpest => self.window + ARRIVAL,
            Policy::First => Duration::ZERO,
        }
    }

    /// Waits for the frame of `moment`. Like [`Ring::first_after`] it waits for a first frame for as long as
    /// it is polled; from then on its own limits hold.
    ///
    /// `seen` says what of a frame will be shown, and nothing for one that can show nothing because it is broken: such
    /// a frame takes part in nothing, and is chosen only where there is no other.
    pub async fn choose(
        &self,
        ring: &Ring,
        clock: &Clock,
        moment: Stamp,
        seen: impl Fn(&Frame) -> Option<Seen> + Send + Sync,
    ) -> Chosen {
        let first = ring.first_after(moment).await;
        if !self.still.is_zero() {
            return self.wait_for_stillness(ring, clock, first, seen).await;
        }
        match self.policy {
            Policy::First => Chosen { frame: first, still: None },
            Policy::Sharpest => {
                let frame = self.sharpest(ring, clock, first, moment + self.window, seen).await;
                Chosen { frame, still: None }
            }
        }
    }

    async fn sharpest(
        &self,
        ring: &Ring,
        clock: &Clock,
        first: Arc<Frame>,
        until: Stamp,
        seen: impl Fn(&Frame) -> Option<Seen> + Send + Sync,
    ) -> Arc<Frame> {
        let (mut best, mut frame) = (Sharpest::default(), first);
        loop {
            if seen(&frame).is_some() {
                best.watch(&frame);
            }
            match next(ring, clock, &frame, until).await.filter(|next| next.taken <= until) {
                Some(next) => frame = next,
                None => return best.take().unwrap_or(frame),
            }
        }
    }

    async fn wait_for_stillness(
        &self,
        ring: &Ring,
        clock: &Clock,
        first: Arc<Frame>,
        seen: impl Fn(&Frame) -> Option<Seen> + Send + Sync,
    ) -> Chosen {
        let until = first.taken + self.still_limit;
        let (mut scene, mut best, mut frame) = (Scene::default(), Sharpest::default(), first);
        let mut latest = None;
        loop {
            if let Some(seen) = seen(&frame)
                && let Some(small) = small(&frame, seen).await
            {
                let stood = scene.watch(small, frame.taken, self.most_changed);
                // The sharpest is one of the still ones.
                if stood.is_zero() {
                    best = Sharpest::default();
                }
                if self.policy == Policy::Sharpest {
                    best.watch(&frame);
                }
                if stood >= self.still {
                    return Chosen { frame: best.take().unwrap_or(frame), still: Some(true) };
                }
                latest = Some(Arc::clone(&frame));
            }
            match next(ring, clock, &frame, until).await.filter(|next| next.taken <= until) {
                Some(next) => frame = next,
                None => return Chosen { frame: latest.unwrap_or(frame), still: Some(false) },
            }
        }
    }
}

/// The sharpest of the frames that were shown to it; of equally sharp ones the first.
#[derive(Default)]
struct Sharpest(Option<(Arc<Frame>, u64)>);

impl Sharpest {
    fn watch(&mut self, frame: &Arc<Frame>) {
        let sharpness = sharpness(frame);
        if self.0.as_ref().is_none_or(|(_, best)| sharpness > *best) {
            self.0 = Some((Arc::clone(frame), sharpness));
        }
    }

    fn take(self) -> Option<Arc<Frame>> {
        self.0.map(|(frame, _)| frame)
    }
}

/// The frame after `last`, unless none of the time up to `until` comes any more.
async fn next(ring: &Ring, clock: &Clock, last: &Frame, until: Stamp) -> Option<Arc<Frame>> {
    let left = (until + ARRIVAL).since(clock.now());
    timeout(left, ring.first_after(last.taken)).await.ok()
}

/// Reduces a frame beside the runtime: a 720p JPEG takes a millisecond or two.
async fn small(frame: &Arc<Frame>, seen: Seen) -> Option<Small> {
    let frame = Arc::clone(frame);
    tokio::task::spawn_blocking(move || Small::of(&frame, Some(&seen))).await.ok().flatten()
}

/// How sharp a frame is, to compare frames of one scene.
///
/// A JPEG's size is measured by the camera itself: blur takes fine detail, which is what costs bytes. Photographs
/// of one scene blurred by 1 to 41 pixels shrank with every step, as the variance of the Laplacian did, and
/// reading the size costs nothing. Raw frames are measured by the differences of neighbours, in every eighth row.
fn sharpness(frame: &Frame) -> u64 {
    let apart = match frame.format {
        PixelFormat::Jpeg => return u64::try_from(frame.bytes.len()).unwrap_or(u64::MAX),
        PixelFormat::Yuyv => 2,
        PixelFormat::Nv12 | PixelFormat::Grey => 1,
    };
    let (row, rows) = (length(frame.width).max(1) * apart, length(frame.height));
    let of_row = |row: &[u8]| -> u64 {
        let luma = row.iter().step_by(apart);
        luma.clone().zip(luma.skip(1)).map(|(one, next)| u64::from(one.abs_diff(*next))).sum()
    };
    frame.bytes.chunks_exact(row).take(rows).step_by(8).map(of_row).sum()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::jpeg::Rect;

    const CHOICE: Choice = Choice {
        policy: Policy::First,
        window: Duration::from_millis(200),
        still: Duration::ZERO,
        still_limit: Duration::from_millis(500),
        most_changed: 10,
    };

    /// A frame that counts by its number, with a hand as large as `hand` blocks and as sharp as `detail`.
    fn frame(sequence: u64, taken_ms: u64, hand: usize, detail: u8) -> Arc<Frame> {
        let mut bytes: Vec<u8> = [100, 100 + detail].repeat(32 * 64);
        bytes[..hand * 64].fill(200);
        let taken = Stamp::from_millis(taken_ms);
        Arc::new(Frame {
            sequence,
            taken,
            format: PixelFormat::Grey,
            width: 64,
            height: 64,
            full_range: true,
            bytes,
            warming_up: false,
        })
    }

    /// A frame without bytes is a broken one.
    fn seen(frame: &Frame) -> Option<Seen> {
        let area = Rect::whole(frame.width, frame.height);
        (!frame.bytes.is_empty()).then(|| Seen { area, masks: Vec::new() })
    }

    fn broken(sequence: u64, taken_ms: u64) -> Arc<Frame> {
        let mut broken = Arc::into_inner(frame(sequence, taken_ms, 0, 5)).unwrap();
        broken.bytes.clear();
        Arc::new(broken)
    }

    /// Plays frames into a ring at their time and answers which one is chosen for the moment 1000 ms, and when.
    async fn play(choice: Choice, frames: Vec<Arc<Frame>>) -> (u64, Option<bool>, u64) {
        let clock = Clock::of_tokio(Stamp::from_millis(1_000), DateTime::UNIX_EPOCH);
        let ring = Arc::new(Ring::default());
        let camera = tokio::spawn({
            let (ring, clock) = (Arc::clone(&ring), clock.clone());
            async move {
                for frame in frames {
                    tokio::time::sleep(frame.taken.since(clock.now())).await;
                    ring.push(frame);
                }
                std::future::pending::<()>().await;
            }
        });
        let chosen = choice.choose(&ring, &clock, Stamp::from_millis(1_000), seen).await;
        camera.abort();
        (chosen.frame.sequence, chosen.still, clock.now().as_nanos() / 1_000_000)
    }

    #[tokio::test(start_paused = true)]
    async fn the_sharpest_of_the_window_is_taken_both_of_its_ends_included() {
        let sharpest = Choice { policy: Policy::Sharpest, ..CHOICE };
        let frames = || vec![frame(1, 1_000, 0, 90), frame(2, 1_001, 0, 5), frame(3, 1_200, 0, 9)];
        let with = |later: Vec<Arc<Frame>>| frames().into_iter().chain(later).collect::<Vec<_>>();
        assert_eq!(play(CHOICE, frames()).await, (2, None, 1_001));
        assert_eq!(play(sharpest, with(vec![frame(4, 1_201, 0, 99)])).await, (3, None, 1_201));
        assert_eq!(play(sharpest, with(vec![])).await, (3, None, 1_300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_is_taken_once_the_hand_has_gone_for_long_enough() {
        let still = Choice { still: Duration::from_millis(60), ..CHOICE };
        let hand = [30, 20, 10, 0, 0, 0, 0];
        let frames: Vec<_> = (1..).zip(hand).map(|(n, hand)| frame(n, 1_000 + n * 30, hand, 5)).collect();
        assert_eq!(play(still, frames.clone()).await, (6, Some(true), 1_180));
        let longer = Choice { still: Duration::from_millis(61), ..CHOICE };
        assert_eq!(play(longer, frames).await, (7, Some(true), 1_210));
    }

    #[tokio::test(start_paused = true)]
    async fn the_sharpest_is_one_of_the_still_frames() {
        let still = Choice { still: Duration::from_millis(60), policy: Policy::Sharpest, ..CHOICE };
        let scene = [(30, 90), (0, 5), (0, 9), (0, 7)];
        let frames = (1..).zip(scene).map(|(n, (hand, detail))| frame(n, 1_000 + n * 30, hand, detail));
        assert_eq!(play(still, frames.collect()).await, (3, Some(true), 1_120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scene_that_never_rests_is_taken_at_the_limit_and_marked() {
        let still = Choice { still: Duration::from_millis(60), ..CHOICE };
        let restless =
            (1..40).map(|n: u64| frame(n, 1_000 + n * 30, if n.is_multiple_of(2) { 20 } else { 0 }, 5));
        let (sequence, stood, at) = play(still, restless.collect()).await;
        // The first frame is of 1030 ms; the last within half a second of it is of 1510 ms.
        assert_eq!((sequence, stood, at), (17, Some(false), 1_540));
        let silent = vec![frame(1, 1_030, 0, 5)];
        assert_eq!(play(still, silent).await, (1, Some(false), 1_630));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_frame_is_taken_only_where_there_is_no_other() {
        let sharpest = Choice { policy: Policy::Sharpest, ..CHOICE };
        let frames = || vec![broken(1, 1_001), frame(2, 1_030, 0, 5), broken(3, 1_060)];
        assert_eq!(play(sharpest, frames()).await.0, 2);
        assert_eq!(play(sharpest, vec![broken(1, 1_001)]).await.0, 1);
        let still = Choice { still: Duration::from_millis(60), ..CHOICE };
        assert_eq!(play(still, frames()).await, (2, Some(false), 1_601));
        assert_eq!(play(still, vec![broken(1, 1_001)]).await, (1, Some(false), 1_601));
        // It does not end the stillness of the frames around it, and is not the one that is chosen.
        let later = [frame(4, 1_090, 0, 5), frame(5, 1_120, 0, 5)];
        let frames: Vec<_> = frames().into_iter().chain(later).collect();
        assert_eq!(play(still, frames.clone()).await, (4, Some(true), 1_090));
        let both = Choice { policy: Policy::Sharpest, ..still };
        assert_eq!(play(both, frames).await, (2, Some(true), 1_090));
    }
}
