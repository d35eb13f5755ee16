//! The meeting place of the camera's thread and the weighing: the newest few frames, and the camera's state.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Frame, State};
use crate::stamp::Stamp;

/// Frames kept. At 30 frames a second this is the last 200 ms, enough to look back for a still or sharp one;
/// at 720p it costs about a megabyte.
const KEPT: usize = 6;

/// The newest frames of one camera. When it is full the oldest frame leaves: only new ones are ever wanted.
#[derive(Debug)]
pub struct Ring {
    frames: Mutex<VecDeque<Arc<Frame>>>,
    /// Buffers of frames that left, at most [`KEPT`]: filled again, so that thirty pictures a second cost
    /// no allocation.
    spare: Mutex<Vec<Vec<u8>>>,
    news: watch::Sender<News>,
}

/// What a waiting weighing is woken by.
#[derive(Clone, Debug)]
struct News {
    /// Counts pushes, so that each one wakes.
    pushes: u64,
    /// Counts frames that were thrown away as broken.
    broken: u64,
    state: State,
    /// What the camera refused of its settings.
    refused: Option<Arc<str>>,
}

/// Why there is no picture of a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// The camera is not delivering.
    #[error("{0}")]
    Lost(Arc<str>),
    /// The camera is being opened, or its exposure is still settling.
    #[error("the camera is still starting")]
    Opening,
    /// The camera is live, but no frame came in time.
    #[error("the camera delivered no frame in time")]
    Silent,
    /// Everything the camera delivered since was broken.
    #[error("the camera delivered only broken frames ({0} since the weight settled)")]
    OnlyBroken(u64),
}

impl Default for Ring {
    fn default() -> Self {
        let news = News { pushes: 0, broken: 0, state: State::Opening, refused: None };
        Self { frames: Mutex::default(), spare: Mutex::default(), news: watch::Sender::new(news) }
    }
}

impl Ring {
    /// Puts in a whole frame, and thereby says that the camera is live, or starting while frames are still
    /// warming up.
    pub fn push(&self, frame: Arc<Frame>) {
        let state = if frame.warming_up { State::Opening } else { State::Live };
        let oldest = {
            let mut frames = lock(&self.frames);
            let oldest = if frames.len() == KEPT { frames.pop_front() } else { None };
            frames.push_back(frame);
            oldest
        };
        self.recycle(oldest);
        self.news.send_modify(|news| {
            news.pushes += 1;
            news.state = state;
        });
    }

    /// An empty buffer for the next frame, one that was used before if there is any.
    #[must_use]
    pub fn buffer(&self) -> Vec<u8> {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Takes back a buffer that became no frame.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = lock(&self.spare);
        if spare.len() < KEPT {
            spare.push(buffer);
        }
    }

    /// Keeps the buffers of frames that nobody else holds.
    fn recycle(&self, frames: impl IntoIterator<Item = Arc<Frame>>) {
        for frame in frames.into_iter().filter_map(Arc::into_inner) {
            self.give_back(frame.bytes);
        }
    }

    /// Counts a frame that was thrown away as broken.
    pub fn count_broken(&self) {
        self.news.send_modify(|news| news.broken += 1);
    }

    /// Changes the camera's state. A lost camera's frames are forgotten: none of them is ever "new".
    pub fn set_state(&self, state: State) {
        if state != State::Live {
            let frames = std::mem::take(&mut *lock(&self.frames));
            self.recycle(frames);
        }
        self.news.send_modify(|news| news.state = state);
    }

    /// Keeps what the camera refused of its settings, one sentence for each: it delivers all the same, only not as the
    /// settings want it.
    pub fn set_refused(&self, refused: &[String]) {
        let said = (!refused.is_empty()).then(|| refused.join("; ").into());
        self.news.send_modify(|news| news.refused = said);
    }

    /// What the camera refused of its settings when it was opened last, and what it offers instead.
    #[must_use]
    pub fn refused(&self) -> Option<Arc<str>> {
        self.news.borrow().refused.clone()
    }

    /// The camera's present state.
    #[must_use]
    pub fn state(&self) -> State {
        self.news.borrow().state.clone()
    }

    /// Waits until the camera's state is as wanted; like [`Ring::first_after`] without a limit of its own.
    pub async fn state_when(&self, wanted: impl Fn(&State) -> bool) -> State {
        let mut news = self.news.subscribe();
        match news.wait_for(|news| wanted(&news.state)).await {
            Ok(news) => news.state.clone(),
            // The sender lives in `self`, so this cannot happen.
            Err(_) => std::future::pending().await,
        }
    }

    /// The frames at hand, oldest first.
    #[must_use]
    pub fn frames(&self) -> Vec<Arc<Frame>> {
        lock(&self.frames).iter().cloned().collect()
    }

    /// Waits for the first frame taken after `moment`. It waits for as long as it is polled: the caller
    /// holds the limit, and asks [`Ring::why_none`] when that has passed.
    pub async fn first_after(&self, moment: Stamp) -> Arc<Frame> {
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            let first = self.frames().into_iter().find(|frame| frame.taken > moment && !frame.warming_up);
            if let Some(frame) = first {
                return frame;
            }
            if news.changed().await.is_err() {
                // The sender lives in `self`, so this cannot happen; waiting for ever would be its meaning.
                std::future::pending::<()>().await;
            }
        }
    }

    /// How many broken frames were thrown away so far; the difference tells what a wait met.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.news.borrow().broken
    }

    /// Says why a wait that began when `broken_before` frames had been thrown away found nothing.
    #[must_use]
    pub fn why_none(&self, broken_before: u64) -> NoFrame {
        let news = self.news.borrow();
        match (&news.state, news.broken.saturating_sub(broken_before)) {
            (State::Lost(why), _) => NoFrame::Lost(Arc::clone(why)),
            (State::Opening, 0) => NoFrame::Opening,
            (State::Live, 0) => NoFrame::Silent,
            (State::Opening | State::Live, broken) => NoFrame::OnlyBroken(broken),
        }
    }
}

/// A thread that panicked while it held the lock left at worst one frame out.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::PixelFormat;

    fn frame(sequence: u64, taken_ms: u64) -> Arc<Frame> {
        let taken = Stamp::from_millis(taken_ms);
        let format = PixelFormat::Grey;
        Arc::new(Frame {
            sequence,
            taken,
            format,
            width: 1,
            height: 1,
            full_range: true,
            bytes: vec![0],
            warming_up: false,
        })
    }

    #[tokio::test]
    async fn the_first_frame_after_the_moment_is_chosen_not_the_newest() {
        let ring = Ring::default();
        for sequence in 1..=4 {
            ring.push(frame(sequence, sequence * 100));
        }
        assert_eq!(ring.first_after(Stamp::from_millis(250)).await.sequence, 3);
        assert_eq!(ring.first_after(Stamp::from_millis(300)).await.sequence, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_of_the_very_moment_is_too_old_and_a_later_one_ends_the_wait() {
        let ring = Arc::new(Ring::default());
        ring.push(frame(1, 100));
        let waiting = tokio::spawn({
            let ring = Arc::clone(&ring);
            async move { ring.first_after(Stamp::from_millis(100)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        ring.push(frame(2, 101));
        assert_eq!(waiting.await.unwrap().sequence, 2);
    }

    #[tokio::test]
    async fn frames_of_a_stream_that_just_started_are_never_chosen() {
        let ring = Ring::default();
        let dark = Frame { warming_up: true, bytes: vec![], ..Arc::into_inner(frame(1, 200)).unwrap() };
        ring.push(Arc::new(dark));
        ring.push(frame(2, 300));
        assert_eq!(ring.first_after(Stamp::from_millis(100)).await.sequence, 2);
    }

    #[test]
    fn the_ring_is_bounded_and_a_lost_camera_empties_it() {
        let ring = Ring::default();
        for sequence in 0..100 {
            ring.push(frame(sequence, sequence));
        }
        assert_eq!(ring.frames().len(), KEPT);
        assert_eq!(ring.state(), State::Live);
        ring.set_state(State::Lost("unplugged".into()));
        assert_eq!(ring.frames().len(), 0);
        assert_eq!(ring.why_none(0), NoFrame::Lost("unplugged".into()));
    }

    #[test]
    fn buffers_come_back_unless_somebody_holds_the_frame() {
        let ring = Ring::default();
        for sequence in 1..=6 {
            ring.push(frame(sequence, sequence));
        }
        assert_eq!(ring.buffer().capacity(), 0);
        let held = ring.frames();
        ring.push(frame(90, 90));
        assert_eq!(ring.buffer().capacity(), 0);
        drop(held);
        ring.push(frame(91, 91));
        let buffer = ring.buffer();
        assert!(buffer.is_empty() && buffer.capacity() > 0);
    }

    #[test]
    fn a_camera_that_warms_up_is_starting_not_live() {
        let ring = Ring::default();
        let dark = Frame { warming_up: true, ..Arc::into_inner(frame(1, 200)).unwrap() };
        ring.push(Arc::new(dark));
        assert_eq!(ring.why_none(0), NoFrame::Opening);
    }

    #[test]
    fn broken_frames_since_the_moment_are_told() {
        let ring = Ring::default();
        ring.count_broken();
        let before = ring.broken();
        ring.set_state(State::Live);
        assert_eq!(ring.why_none(before), NoFrame::Silent);
        ring.count_broken();
        ring.count_broken();
        assert_eq!(ring.why_none(before), NoFrame::OnlyBroken(2));
    }
}
