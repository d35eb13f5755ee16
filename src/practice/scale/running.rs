//! The thread in which a practice scale lives: it waits for the host's bytes, for the next measurement or
//! for a word from whoever holds the scale, whichever comes first.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use tokio::sync::watch;

use super::event::{Event, What};
use super::faults::Cable;
use super::indicator::Indicator;
use super::language::{Language, Speaker};
use super::programme::{Act, Move, Programme};
use super::pty::Terminal;
use super::{Options, PracticeError, State};
use crate::stamp::{Clock, Stamp};
use crate::weight::Weight;

/// How much of what hosts sent is remembered.
const HEARD: usize = 4_096;
/// A new terminal is tried for this often while the kernel has none.
const AGAIN: Duration = Duration::from_secs(1);

/// What the scale's thread and its holder share.
#[derive(Debug)]
pub(super) struct Desk {
    clock: Clock,
    wake: OwnedFd,
    link: Option<PathBuf>,
    orders: Mutex<Orders>,
    heard: Mutex<VecDeque<u8>>,
    state: watch::Sender<State>,
}

#[derive(Debug)]
struct Orders {
    indicator: Indicator,
    plugged: bool,
    stop: bool,
}

impl Desk {
    pub(super) fn set_up(options: Options, clock: Clock) -> Result<(Self, Scale), PracticeError> {
        let Some(language) = Language::named(&options.family) else {
            return Err(PracticeError::UnknownFamily { name: options.family });
        };
        let (division, fits) = (options.division, language.fits);
        if division.digits() == 0 || division.weight() < Weight::ZERO || !(fits.takes)(division) {
            return Err(PracticeError::Division { language: language.name, division, fits });
        }
        let terminal = Terminal::open()?;
        if let Some(link) = &options.link {
            make_link(link, terminal.path())?;
        }
        let began = clock.now();
        let indicator =
            Indicator::new(began, options.division, options.capacity_grams, &options.character, options.seed);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|source| PracticeError::Kernel(source.into()))?;
        let state = watch::Sender::new(state_of(&indicator, Some(&terminal), false));
        let mut programme = options.programme;
        let scale = Scale {
            began,
            speaker: (language.speaker)(),
            cable: Cable::new(began, options.faults, options.seed),
            next_move: programme.as_mut().and_then(Iterator::next),
            programme,
            terminal: Some(terminal),
            host: false,
            try_terminal: began,
            happened: Vec::new(),
        };
        let orders = Mutex::new(Orders { indicator, plugged: true, stop: false });
        let heard = Mutex::new(VecDeque::new());
        Ok((Self { clock, wake, link: options.link, orders, heard, state }, scale))
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // a full counter wakes just as well
        let _woken = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    pub(super) fn put(&self, grams: i32) {
        self.orders().indicator.put(self.clock.now(), grams);
        self.wake();
    }

    pub(super) fn take_away(&self) {
        self.orders().indicator.take_away(self.clock.now());
        self.wake();
    }

    pub(super) fn scan(&self, digits: &str) {
        self.orders().indicator.scan(digits);
        self.wake();
    }

    pub(super) fn want_plugged(&self, plugged: bool) {
        self.orders().plugged = plugged;
        self.wake();
    }

    pub(super) fn stop(&self) {
        self.orders().stop = true;
        self.wake();
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        let path = self.state.borrow().path.clone()?;
        Some(self.link.clone().unwrap_or(path))
    }

    pub(super) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    fn remember(&self, bytes: &[u8]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(bytes);
        let surplus = heard.len().saturating_sub(HEARD);
        heard.drain(..surplus);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            drop_link(link);
        }
    }
}

/// What lives in the thread alone.
pub(super) struct Scale {
    began: Stamp,
    speaker: Box<dyn Speaker>,
    cable: Cable,
    programme: Option<Programme>,
    next_move: Option<Move>,
    terminal: Option<Terminal>,
    host: bool,
    try_terminal: Stamp,
    happened: Vec<What>,
}

impl Scale {
    /// Runs until the holder says stop.
    pub(super) fn run(mut self, desk: &Desk, mut observer: impl FnMut(&Event)) {
        if let Some(terminal) = &self.terminal {
            self.happened.push(plugged_in(terminal));
        }
        loop {
            let now = desk.clock.now();
            let next = {
                let mut orders = desk.orders();
                if orders.stop {
                    return;
                }
                let plugged = orders.plugged;
                self.play(now, &mut orders.indicator);
                self.mind_cable(now, plugged, desk);
                self.converse(now, &mut orders.indicator, desk);
                self.happened.extend(orders.indicator.happened());
                let state = state_of(&orders.indicator, self.terminal.as_ref(), self.host);
                desk.state.send_if_modified(|before| std::mem::replace(before, state.clone()) != state);
                self.next(&orders.indicator)
            };
            let at_ms = u64::try_from(now.since(self.began).as_millis()).unwrap_or(u64::MAX);
            for what in self.happened.drain(..) {
                observer(&Event { practice: true, at_ms, what });
            }
            self.wait(desk, next.since(desk.clock.now()));
        }
    }

    /// The customer's moves up to now, each at its own moment.
    fn play(&mut self, now: Stamp, indicator: &mut Indicator) {
        while let Some(next) = self.next_move {
            let at = self.began + next.at;
            if at > now {
                break;
            }
            match next.act {
                Act::Put(grams) => indicator.put(at, grams),
                Act::TakeAway => indicator.take_away(at),
            }
            self.next_move = self.programme.as_mut().and_then(Iterator::next);
        }
        indicator.advance(now);
    }

    /// Cable in or out, host there or not.
    fn mind_cable(&mut self, now: Stamp, plugged: bool, desk: &Desk) {
        match (&self.terminal, plugged) {
            (Some(_), false) => self.unplug(desk),
            (None, true) if self.try_terminal <= now => self.plug_in(now, desk),
            _ => {}
        }
        let Some(terminal) = &self.terminal else { return };
        let host = terminal.has_host();
        if host == self.host {
            return;
        }
        self.host = host;
        self.happened.push(if host { What::HostCame } else { What::HostLeft });
        if !host && terminal.tidy() == Err(Errno::BUSY) && !terminal.has_host() {
            // the host was killed and left the terminal locked: only another one can be opened again
            self.unplug(desk);
            self.plug_in(now, desk);
        }
    }

    fn unplug(&mut self, desk: &Desk) {
        self.terminal = None;
        self.host = false;
        self.cable.drop_waiting();
        if let Some(link) = &desk.link {
            drop_link(link);
        }
        self.happened.push(What::Unplugged);
    }

    fn plug_in(&mut self, now: Stamp, desk: &Desk) {
        let opened = Terminal::open().map_err(PracticeError::from).and_then(|terminal| {
            desk.link.as_deref().map_or(Ok(()), |link| make_link(link, terminal.path()))?;
            Ok(terminal)
        });
        match opened {
            Ok(terminal) => {
                self.happened.push(plugged_in(&terminal));
                self.terminal = Some(terminal);
            }
            Err(error) => {
                tracing::warn!("{error}; trying again in a second");
                self.try_terminal = now + AGAIN;
            }
        }
    }

    /// Hears the host, lets the speaker speak, and sends what is due.
    fn converse(&mut self, now: Stamp, indicator: &mut Indicator, desk: &Desk) {
        let heard = match &self.terminal {
            Some(terminal) if self.host => terminal.hear(),
            _ => Vec::new(),
        };
        desk.remember(&heard);
        self.cable.heard(now, &heard);
        let mut say = Vec::new();
        for byte in heard {
            if indicator.powered() {
                self.speaker.hear(byte, indicator, &mut say);
                self.cable.say(now, &say);
                say.clear();
            }
        }
        if indicator.powered() {
            self.speaker.tick(indicator, &mut say);
            self.cable.say(now, &say);
        }
        match &self.terminal {
            Some(terminal) if self.host => terminal.say(&self.cable.due(now)),
            _ => self.cable.drop_waiting(),
        }
    }

    fn next(&self, indicator: &Indicator) -> Stamp {
        let moves = self.next_move.map(|next| self.began + next.at);
        [moves, self.cable.next()].into_iter().flatten().fold(indicator.next(), Stamp::min)
    }

    fn wait(&self, desk: &Desk, at_most: Duration) {
        let timeout = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        let wake = PollFd::new(&desk.wake, PollFlags::IN);
        // a terminal without a host would answer at once, over and over
        let terminal = self.terminal.as_ref().filter(|_| self.host).map(Terminal::end);
        // an interrupted wait is a short one
        let _looked_at_below = match &terminal {
            Some(end) => poll(&mut [wake, PollFd::new(end, PollFlags::IN)], Some(&timeout)),
            None => poll(&mut [wake], Some(&timeout)),
        };
        let _emptied = rustix::io::read(&desk.wake, &mut [0_u8; 8]);
    }
}

fn plugged_in(terminal: &Terminal) -> What {
    What::PluggedIn { path: terminal.path().display().to_string() }
}

fn state_of(indicator: &Indicator, terminal: Option<&Terminal>, host: bool) -> State {
    let now = indicator.indication();
    State {
        path: terminal.map(|terminal| terminal.path().to_owned()),
        host,
        load_grams: indicator.load(),
        shown: now.shown,
        stable: now.stable,
        range: now.range,
        zero: now.zero,
        text: indicator.text().map(str::to_owned),
        texts: indicator.texts(),
    }
}

fn make_link(link: &Path, to: &Path) -> Result<(), PracticeError> {
    let failed = |source| PracticeError::Link { path: link.to_owned(), source };
    match std::fs::symlink_metadata(link) {
        Ok(found) if !found.file_type().is_symlink() => {
            return Err(PracticeError::InTheWay { path: link.to_owned() });
        }
        Ok(_) => std::fs::remove_file(link).map_err(failed)?,
        Err(_) => {}
    }
    std::os::unix::fs::symlink(to, link).map_err(failed)
}

fn drop_link(link: &Path) {
    let is_link = std::fs::symlink_metadata(link).is_ok_and(|found| found.file_type().is_symlink());
    if is_link && let Err(error) = std::fs::remove_file(link) {
        tracing::warn!("the practice scale's link {} stays behind: {error}", link.display());
    }
}
