//! The meeting place of the camera's thread and the weighing: the newest few frames, and the camera's state.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

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
}

/// Why there is no picture of a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// The camera is not delivering.
    #[error("{0}")]
    Lost(Arc<str>),
    /// The camera is being opened.
    #[error("the camera is still being opened")]
    Opening,
    /// Everything the camera delivered since was broken.
    #[error("the camera delivered only broken frames ({0} since the weight settled)")]
    OnlyBroken(u64),
}

impl Default for Ring {
    fn default() -> Self {
        let news = News { pushes: 0, broken: 0, state: State::Opening };
        Self { frames: Mutex::default(), news: watch::Sender::new(news) }
    }
}

impl Ring {
    /// Puts in a whole frame, and thereby says that the camera is live.
    pub fn push(&self, frame: Arc<Frame>) {
        {
            let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
            if frames.len() == KEPT {
                frames.pop_front();
            }
            frames.push_back(frame);
        }
        self.news.send_modify(|news| {
            news.pushes += 1;
            news.state = State::Live;
        });
    }

    /// Counts a frame that was thrown away as broken.
    pub fn count_broken(&self) {
        self.news.send_modify(|news| news.broken += 1);
    }

    /// Changes the camera's state. A lost camera's frames are forgotten: none of them is ever "new".
    pub fn set_state(&self, state: State) {
        if state != State::Live {
            self.frames.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.news.send_modify(|news| news.state = state);
    }

    /// The camera's present state.
    #[must_use]
    pub fn state(&self) -> State {
        self.news.borrow().state.clone()
    }

    /// The frames at hand, oldest first.
    #[must_use]
    pub fn frames(&self) -> Vec<Arc<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
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
        match &news.state {
            State::Lost(why) => NoFrame::Lost(Arc::clone(why)),
            State::Opening => NoFrame::Opening,
            State::Live => NoFrame::OnlyBroken(news.broken.saturating_sub(broken_before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::PixelFormat;

    fn frame(sequence: u64, taken_ms: u64) -> Arc<Frame> {
        let taken = Stamp::from_millis(taken_ms);
        let format = PixelFormat::Grey;
        Arc::new(Frame { sequence, taken, format, width: 1, height: 1, bytes: vec![0], warming_up: false })
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
    fn broken_frames_since_the_moment_are_told() {
        let ring = Ring::default();
        ring.count_broken();
        let before = ring.broken();
        ring.set_state(State::Live);
        ring.count_broken();
        ring.count_broken();
        assert_eq!(ring.why_none(before), NoFrame::OnlyBroken(2));
    }
}
