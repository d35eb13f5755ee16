//! Watches the plate: readings in, weighings started.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};
use tracing::{debug, error, info, warn};

use super::{Begun, ScaleState, Shop, Status, weigh};
use crate::outcome::{Barcode, Failed, Outcome, Trigger};
use crate::pulse::Pulse;
use crate::scale::{self, Answer, Frame, Reading, Stability, dialogue};
use crate::serial::Event;
use crate::stability::{Detector, Load, Phase, Settled};
use crate::stamp::Stamp;

/// A reading older than this says nothing about the present load. It is also how long a hand trigger waits for
/// a fresh one. (The unhurried poll is three times as quick.)
const PRESENT: Duration = Duration::from_millis(600);
/// Readings kept for a weighing that reads on: a second and a half at the fastest scale's 50 a second.
const LOADS_KEPT: usize = 128;
/// Weighings that may be under way at once; the cooldown of the detector and the deadline keep it below this.
const MOST_UNDER_WAY: usize = 8;
/// Outcomes kept for an onlooker that is slow; it then misses the oldest and is told how many.
const OUTCOMES_KEPT: usize = 64;
/// Frames kept for an onlooker that is slow: more than a second of the fastest scale's.
const HEARD_KEPT: usize = 64;
/// Hand triggers that may wait for a fresh reading.
const MOST_ASKS: usize = 4;
/// A load that has not settled for this long is worth a line in the log.
const UNSETTLED: Duration = Duration::from_secs(10);
/// The lane beats at least this often.
const TICK: Duration = Duration::from_secs(1);
/// So many garbled frames in a row, and none good, are worth a line in the log.
const GARBLED_IN_A_ROW: u32 = 5;

/// A hand trigger. The outcome comes back on `reply`; dropping it unanswered means "not now".
#[derive(Debug)]
pub struct Ask {
    /// Who waits for the outcome, if anybody.
    pub reply: Option<oneshot::Sender<Arc<Outcome>>>,
}

/// A frame of the scale, as an onlooker gets it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The frame.
    pub frame: Arc<Frame>,
    /// When its last byte came.
    pub at: Stamp,
}

/// What is left when a lane has stopped: its plate goes on under new settings.
#[derive(Debug)]
pub struct Stopped {
    /// The plate's state, so that goods that were weighed are not weighed again.
    pub detector: Detector,
    /// The sinks, for the last outcomes.
    pub shop: Arc<Shop>,
}

/// The watch over one plate.
#[derive(Debug)]
pub struct Lane {
    shop: Arc<Shop>,
    detector: Detector,
    manual: bool,
    pulse: Pulse,
    status: watch::Sender<Status>,
    loads: broadcast::Sender<(Load, Stamp)>,
    present: Option<(Reading, Stamp)>,
    asks: VecDeque<(Ask, Stamp, Instant)>,
    outcomes: broadcast::Sender<Arc<Outcome>>,
    heard: broadcast::Sender<Heard>,
    under_way: JoinSet<(Option<u64>, Arc<Outcome>)>,
    garbled: u32,
    unsettled_told: bool,
}

impl Lane {
    /// A lane over a plate; `manual` fires nothing by itself.
    #[must_use]
    pub fn new(shop: Arc<Shop>, detector: Detector, manual: bool, pulse: Pulse) -> Self {
        let status = Status { scale: ScaleState::Opening, phase: detector.phase(), weighings: 0, last: None };
        Self {
            shop,
            detector,
            manual,
            pulse,
            status: watch::Sender::new(status),
            loads: broadcast::Sender::new(LOADS_KEPT),
            present: None,
            asks: VecDeque::new(),
            outcomes: broadcast::Sender::new(OUTCOMES_KEPT),
            heard: broadcast::Sender::new(HEARD_KEPT),
            under_way: JoinSet::new(),
            garbled: 0,
            unsettled_told: false,
        }
    }

    /// The lane's state, now and whenever it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Every outcome from now on, for whoever looks on; the sinks are offered them first.
    #[must_use]
    pub fn outcomes(&self) -> broadcast::Receiver<Arc<Outcome>> {
        self.outcomes.subscribe()
    }

    /// Every frame of the scale from now on, for whoever looks on.
    #[must_use]
    pub fn heard(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Watches until told to stop, then lets the weighings in hand finish, up to `grace`.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut asks: mpsc::Receiver<Ask>,
        mut stop: oneshot::Receiver<()>,
        grace: Duration,
    ) -> Stopped {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.pulse.beat(self.shop.clock.now());
            let ask_due = self.asks.front().map(|&(_, _, due)| due);
            tokio::select! {
                biased;
                _ = &mut stop => break,
                Some(event) = events.recv() => self.take(event),
                Some(ask) = asks.recv() => self.ask(ask),
                Some(done) = self.under_way.join_next() => self.done(done),
                () = sleep_until(ask_due.unwrap_or_else(Instant::now)), if ask_due.is_some() => self.answer_asks(true),
                _ = tick.tick() => self.watch_settling(),
            }
        }
        let finish = async { while self.under_way.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finish).await.is_err() {
            warn!("the weighing in hand did not finish within {} ms and is given up", grace.as_millis());
        }
        Stopped { detector: self.detector, shop: self.shop }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Opened => {
                if !matches!(self.status.borrow().scale, ScaleState::Silent) {
                    self.scale_is(ScaleState::Listening);
                }
            }
            Event::Lost(trouble, at) => {
                self.present = None;
                self.hear(Load::Silent, at);
                self.scale_is(ScaleState::Lost(trouble));
            }
            Event::Said(dialogue::Event::Silent(at)) => {
                self.present = None;
                self.hear(Load::Silent, at);
                self.scale_is(ScaleState::Silent);
            }
            Event::Said(dialogue::Event::Frame(frame, at)) => self.frame(frame, at),
            Event::Said(dialogue::Event::Unchanged(at)) => self.unchanged(at),
            Event::Said(dialogue::Event::Empty(at)) => {
                self.scale_is(ScaleState::Speaking);
                self.present = None;
                self.hear(Load::AtZero, at);
            }
            Event::Said(dialogue::Event::Anew(at)) => self.detector.anew(at),
            Event::Said(dialogue::Event::Barred(why, at)) => {
                self.present = None;
                self.hear(Load::Outside, at);
                self.scale_is(ScaleState::Unreadable(why.to_string()));
            }
            Event::Said(dialogue::Event::Taring(tare, _)) => self.detector.tared(tare),
            Event::Said(dialogue::Event::Written(..)) => {}
        }
    }

    /// An answer without a reading says nothing of the load; a bar code on the same wire is passed on.
    fn answered(&self, answer: Answer, at: Stamp) {
        let Some(message) = answer.detail.filter(|_| answer.word == "barcode") else { return };
        let at = self.shop.clock.utc_at(at);
        let barcode = Barcode { device_id: self.shop.device_id.clone(), message, at };
        info!(barcode = %barcode.message, "a bar code on the scale's wire");
        self.shop.sinks.scanned(&Arc::new(barcode));
    }

    fn frame(&mut self, frame: Frame, at: Stamp) {
        if self.heard.receiver_count() > 0 {
            // Whoever looked on may be gone by now.
            let _ = self.heard.send(Heard { frame: Arc::new(frame.clone()), at });
        }
        match frame.heard {
            scale::Heard::Reading(reading) => self.read(reading, at),
            scale::Heard::Garbled(why) => {
                self.garbled = self.garbled.saturating_add(1);
                self.hear(Load::Garbled, at);
                let told = matches!(self.status.borrow().scale, ScaleState::Unreadable(_));
                if self.garbled >= GARBLED_IN_A_ROW && !told {
                    self.scale_is(ScaleState::Unreadable(why.to_string()));
                }
            }
            scale::Heard::Answer(answer) => self.answered(answer, at),
        }
    }

    /// Takes a reading: the plate's state changes, and a weighing may begin.
    fn read(&mut self, reading: Reading, at: Stamp) {
        self.garbled = 0;
        self.scale_is(ScaleState::Speaking);
        let (load, settled) = self.detector.hear(&reading, at);
        // Whoever weighs already hears of it first; the weighing that begins now reads on from the next.
        let _ = self.loads.send((load, at));
        self.present = Some((reading, at));
        self.note_phase();
        if let Some(settled) = settled
            && !self.manual
        {
            self.begin(&settled);
        }
        self.answer_asks(false);
    }

    /// The scale says that the load is still the one it weighed last, which it does not weigh again.
    fn unchanged(&mut self, at: Stamp) {
        self.garbled = 0;
        self.scale_is(ScaleState::Speaking);
        let Some((load, settled)) = self.detector.unchanged(at) else { return };
        let _ = self.loads.send((load, at));
        if let Some((_, told)) = &mut self.present {
            *told = at;
        }
        self.note_phase();
        if let Some(settled) = settled
            && !self.manual
        {
            self.begin(&settled);
        }
        self.answer_asks(false);
    }

    fn hear(&mut self, load: Load, at: Stamp) {
        let _ = self.detector.take(load, at);
        let _ = self.loads.send((load, at));
        self.note_phase();
    }

    fn note_phase(&self) {
        let (now, before) = (self.detector.phase(), self.status.borrow().phase);
        if now != before {
            debug!(phase = ?now, "plate");
            self.status.send_modify(|status| status.phase = now);
            if before == Phase::Empty {
                // A weighing is coming: the line is looked after while the load settles.
                self.shop.session.arm();
            }
            if now == Phase::Empty {
                self.shop.sinks.plate_emptied();
            }
        }
    }

    /// The weight settled: a new placement, a new weighing.
    fn begin(&mut self, settled: &Settled) {
        self.unsettled_told = false;
        let placement = self.shop.placement.fetch_add(1, Ordering::AcqRel) + 1;
        let begun = Begun {
            id: ulid::Ulid::generate().to_string(),
            trigger: Trigger::Settled,
            at: settled.at(),
            quantity: Some(settled.quantity()),
            stability: Stability::Stable,
            settle: Some(settled.took()),
            placement: Some(placement),
            yardstick: Some(self.detector.yardstick(settled.quantity().weight())),
            loads: self.loads.subscribe(),
        };
        self.start(begun, None);
    }

    fn start(&mut self, begun: Begun, reply: Option<oneshot::Sender<Arc<Outcome>>>) {
        if self.under_way.len() >= MOST_UNDER_WAY {
            warn!(weighing = %begun.id, "{MOST_UNDER_WAY} weighings are under way already; this one is not begun");
            return;
        }
        self.status.send_modify(|status| status.weighings += 1);
        let placement = begun.placement;
        let weighing = weigh(Arc::clone(&self.shop), begun);
        self.under_way.spawn(async move {
            let outcome = weighing.await;
            if let Some(reply) = reply {
                // Whoever asked may have gone.
                let _ = reply.send(Arc::clone(&outcome));
            }
            (placement, outcome)
        });
    }

    fn done(&mut self, done: Result<(Option<u64>, Arc<Outcome>), tokio::task::JoinError>) {
        let (placement, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                error!("a weighing broke off: {error}");
                return;
            }
        };
        let still_there = placement == Some(self.shop.placement.load(Ordering::Acquire));
        if still_there && matches!(outcome.result, Err(Failed::Disturbed)) {
            self.detector.undo(self.shop.clock.now());
        }
        self.status.send_modify(|status| status.last = Some(outcome.word().to_owned()));
        // Nobody may be looking on.
        let _ = self.outcomes.send(outcome);
    }

    /// A hand trigger: with the present weight if it is fresh, otherwise with the next one.
    fn ask(&mut self, ask: Ask) {
        if self.asks.len() >= MOST_ASKS {
            return; // dropping the ask answers it
        }
        self.asks.push_back((ask, self.shop.clock.now(), Instant::now() + PRESENT));
        self.answer_asks(false);
    }

    /// Begins the weighings that were asked for by hand, as far as the present weight is known or the wait is over.
    fn answer_asks(&mut self, due: bool) {
        let now = self.shop.clock.now();
        let fresh = self.present.as_ref().filter(|(_, at)| now.since(*at) <= PRESENT);
        let (quantity, stability) = match fresh {
            Some((reading, _)) => (reading.weight().and(reading.quantity), reading.stability),
            None if due => (None, Stability::Unknown),
            None => return,
        };
        while let Some((ask, at, _)) = self.asks.pop_front() {
            let yardstick = quantity.map(|quantity| self.detector.yardstick(quantity.weight()));
            let id = ulid::Ulid::generate().to_string();
            let loads = self.loads.subscribe();
            let trigger = Trigger::Manual;
            let begun = Begun {
                id,
                trigger,
                at,
                quantity,
                stability,
                settle: None,
                placement: None,
                yardstick,
                loads,
            };
            self.start(begun, ask.reply);
        }
    }

    /// Changes the scale's state; a change is logged, once.
    fn scale_is(&mut self, state: ScaleState) {
        if self.status.borrow().scale == state {
            return;
        }
        match &state {
            ScaleState::Opening | ScaleState::Listening | ScaleState::Speaking => info!("{state}"),
            ScaleState::Silent | ScaleState::Unreadable(_) | ScaleState::Lost(_) => warn!("{state}"),
        }
        self.status.send_modify(|status| status.scale = state);
    }

    fn watch_settling(&mut self) {
        let Some(since) = self.detector.unsettled_since() else {
            self.unsettled_told = false;
            return;
        };
        let waited = self.shop.clock.now().since(since);
        if waited > UNSETTLED && !self.unsettled_told {
            self.unsettled_told = true;
            warn!(
                "a load has not come to rest for {} s; is something leaning on the scale, or is the air moving?",
                waited.as_secs()
            );
        }
    }
}
