//! A scripted camera that keeps the rules of the kernel's buffer queue: a buffer is with the driver, filled,
//! or with the program; giving back one that is not one's own is an error; a driver that has no buffer loses
//! the frame; a short frame leaves the old bytes behind it in the buffer.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::io::Errno;

use super::super::device::Device;
use super::super::fault::{Fault, Step};
use super::super::{Place, Reset};
use crate::camera::desk::{Desk, Woken};
use crate::kernel::Holder;
use crate::kernel::video::{Control, Entry, Filled, FourCc, Identity, Interval, Layout};
use crate::stamp::{Clock, Stamp};

/// What the camera does while the program waits.
pub(super) enum Act {
    /// It fills buffers, all at once, in this order.
    Fill(Vec<Fill>),
    /// It sends nothing until the program gives up.
    Silence,
    /// It sends nothing for this long, and the program wakes for something else.
    Pause(Duration),
    /// The program is held up past its limit, and finds a frame that came meanwhile.
    Overslept(Fill),
    /// It says that something is ready and has nothing.
    FalseAlarm,
    /// It is unplugged.
    Unplug,
    /// It is plugged in (again).
    Plug,
    /// Giving a buffer fails with this.
    Fail(Errno),
}

/// One frame on its way into a buffer.
#[derive(Clone)]
pub(super) struct Fill {
    pub(super) sequence: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) faulty: bool,
    pub(super) stamped: bool,
    /// Whether the stamp is of the frame's end.
    pub(super) at_end: bool,
}

/// The world with one camera in it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) nanos: Arc<AtomicU64>,
    script: Rc<RefCell<VecDeque<Act>>>,
    /// Where the script goes on when it is at its end.
    feed: Rc<Option<Feed>>,
    plugged: Rc<Cell<bool>>,
    /// What the program did with the camera.
    pub(super) log: Rc<RefCell<Vec<String>>>,
    /// Errors for the next openings, mode settings and stream starts.
    pub(super) refusals: Rc<RefCell<Vec<(Step, Errno)>>>,
    pub(super) format: Rc<Cell<FourCc>>,
    pub(super) full_range: Rc<Cell<bool>>,
    pub(super) holders: Rc<RefCell<Vec<Holder>>>,
    /// Buffers that were with the driver when the camera was closed.
    pub(super) queued_at_close: Rc<Cell<usize>>,
    pub(super) captures: Rc<Cell<bool>>,
    /// Controls and their values; the first rules the second.
    pub(super) controls: Rc<RefCell<Vec<(Control, i32)>>>,
    /// Why one more control cannot be described.
    pub(super) untold: Rc<Cell<Option<Errno>>>,
    /// What is said of a second camera of the same kind.
    pub(super) twin: Rc<RefCell<Option<String>>>,
    /// What the kernel answers to a reset.
    pub(super) reset: Rc<Cell<Option<Errno>>>,
}

/// Acts from another thread, which is told whenever the program has dealt with all before.
pub(super) struct Feed {
    pub(super) acts: mpsc::Receiver<Act>,
    pub(super) idle: tokio::sync::mpsc::UnboundedSender<()>,
}

enum Slot {
    Program,
    Queued,
    Done(Filled),
}

pub(super) struct FakeDevice {
    world: World,
    slots: Vec<(Slot, Vec<u8>)>,
    done: VecDeque<usize>,
    failure: Option<Errno>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            nanos: Arc::new(AtomicU64::new(1_000_000_000)),
            script: Rc::default(),
            feed: Rc::default(),
            plugged: Rc::new(Cell::new(true)),
            log: Rc::default(),
            refusals: Rc::default(),
            format: Rc::new(Cell::new(FourCc(*b"MJPG"))),
            full_range: Rc::default(),
            holders: Rc::default(),
            queued_at_close: Rc::default(),
            captures: Rc::new(Cell::new(true)),
            controls: Rc::default(),
            untold: Rc::default(),
            twin: Rc::default(),
            reset: Rc::default(),
        }
    }

    pub(super) fn fed(nanos: Arc<AtomicU64>, feed: Feed) -> Self {
        Self { nanos, feed: Rc::new(Some(feed)), ..Self::new() }
    }

    /// The next act; nothing at the script's end.
    fn next(&self) -> Option<Act> {
        let scripted = self.script.borrow_mut().pop_front();
        scripted.or_else(|| {
            let feed = self.feed.as_ref().as_ref()?;
            feed.idle.send(()).ok()?;
            feed.acts.recv().ok()
        })
    }

    pub(super) fn clock(&self) -> Clock {
        Clock::set_by(Arc::clone(&self.nanos))
    }

    pub(super) fn play(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.borrow_mut().extend(acts);
    }

    pub(super) fn unplug(&self) {
        self.plugged.set(false);
    }

    fn pass(&self, time: Duration) {
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }

    fn note(&self, what: &str) {
        self.log.borrow_mut().push(what.to_owned());
    }

    fn refusal(&self, step: Step) -> io::Result<()> {
        if !self.plugged.get() {
            return Err(Errno::NODEV.into());
        }
        let mut refusals = self.refusals.borrow_mut();
        match refusals.iter().position(|(refused, _)| *refused == step) {
            Some(place) => Err(refusals.remove(place).1.into()),
            None => Ok(()),
        }
    }
}

impl Place for World {
    fn open(&mut self) -> Result<Box<dyn Device>, Fault> {
        // While nothing is open, the script runs on by itself as far as the camera's coming back.
        let is_next = matches!(self.script.borrow().front(), Some(Act::Plug)) || self.feed.is_some();
        if !self.plugged.get() && is_next && matches!(self.next(), Some(Act::Plug)) {
            self.plugged.set(true);
        }
        if !self.plugged.get() {
            return Err(Fault::Refused { step: Step::Open, error: Errno::NOENT.into() });
        }
        self.refusal(Step::Open).map_err(Fault::refused(Step::Open))?;
        self.note("open");
        Ok(Box::new(FakeDevice {
            world: self.clone(),
            slots: Vec::new(),
            done: VecDeque::new(),
            failure: None,
        }))
    }

    fn name(&self) -> PathBuf {
        "/dev/v4l/by-id/fake".into()
    }

    fn holders(&self) -> Vec<Holder> {
        self.holders.borrow().clone()
    }

    fn look_again(&self) -> Result<(), Fault> {
        self.twin.borrow().clone().map_or(Ok(()), |why| Err(Fault::Unfit(why)))
    }

    fn usb_reset(&self) -> io::Result<Reset> {
        self.note("reset");
        let answer = self.reset.get();
        Ok(Box::new(move || answer.map_or(Ok(()), |errno| Err(errno.into()))))
    }
}

impl FakeDevice {
    fn fill(&mut self, fill: &Fill) {
        let queued = self.slots.iter().position(|(slot, _)| matches!(slot, Slot::Queued));
        // Without a buffer the frame is lost.
        let Some(index) = queued else { return };
        let (slot, memory) = &mut self.slots[index];
        memory[..fill.bytes.len()].copy_from_slice(&fill.bytes);
        let now = Duration::from_nanos(self.world.nanos.load(Ordering::Relaxed));
        *slot = Slot::Done(Filled {
            index: u32::try_from(index).unwrap(),
            used: fill.bytes.len(),
            sequence: fill.sequence,
            taken: fill.stamped.then_some(now),
            at_end: fill.at_end,
            faulty: fill.faulty,
        });
        self.done.push_back(index);
    }
}

impl Device for FakeDevice {
    fn identity(&self) -> io::Result<Identity> {
        self.world.refusal(Step::Identify)?;
        let text = |text: &str| text.to_owned();
        let captures = self.world.captures.get();
        let in_planes = false;
        Ok(Identity {
            driver: text("fake"),
            card: text("Fake Camera"),
            bus: text("usb-1"),
            captures,
            in_planes,
        })
    }

    fn formats(&self) -> io::Result<Vec<FourCc>> {
        Ok(vec![FourCc(*b"H264"), self.world.format.get()])
    }

    fn sizes(&self, _: FourCc) -> io::Result<Vec<Entry<(u32, u32)>>> {
        Ok(vec![Entry::One((1280, 720)), Entry::One((32, 16))])
    }

    fn intervals(&self, _: FourCc, _: (u32, u32)) -> io::Result<Vec<Entry<Interval>>> {
        Ok(vec![Entry::One(Interval { numerator: 1, denominator: 30 })])
    }

    fn set_format(&mut self, format: FourCc, width: u32, height: u32) -> io::Result<Layout> {
        self.world.refusal(Step::SetMode)?;
        // Raw rows are padded, as real drivers do.
        Ok(Layout { format, width, height, stride: width * 2 + 16, full_range: self.world.full_range.get() })
    }

    fn set_interval(&mut self, interval: Interval) -> io::Result<Interval> {
        Ok(interval)
    }

    fn controls(&self) -> (Vec<Control>, Option<io::Error>) {
        let untold = self.world.untold.get().map(Into::into);
        (self.world.controls.borrow().iter().map(|(control, _)| control.clone()).collect(), untold)
    }

    fn menu_word(&self, _: &Control, _: u32) -> Option<String> {
        None
    }

    fn value(&self, id: u32) -> io::Result<i32> {
        let controls = self.world.controls.borrow();
        let known = controls.iter().find(|(control, _)| control.id == id);
        known.map(|(_, value)| *value).ok_or_else(|| Errno::INVAL.into())
    }

    /// Rounds to steps, as cameras do, and refuses a value that an automatic rules.
    fn set_value(&mut self, id: u32, value: i32) -> io::Result<()> {
        self.world.note(&format!("set {id}={value}"));
        let mut controls = self.world.controls.borrow_mut();
        let automatic = controls.iter().any(|(control, value)| control.id == 1 && *value == 1);
        if id == 2 && automatic {
            return Err(Errno::IO.into());
        }
        for (control, now) in controls.iter_mut().filter(|(control, _)| control.id == id) {
            *now = control.minimum + (value - control.minimum) / control.step * control.step;
        }
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        self.world.refusal(Step::StartStream)?;
        self.world.note("start");
        self.slots = (0..4).map(|_| (Slot::Queued, vec![0; 20_000])).collect();
        Ok(())
    }

    fn stop(&mut self) -> io::Result<()> {
        let queued = self.slots.iter().filter(|(slot, _)| !matches!(slot, Slot::Program)).count();
        self.world.queued_at_close.set(queued);
        self.world.note("stop");
        self.slots.clear();
        self.done.clear();
        self.world.refusal(Step::Capture)
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        self.world.refusal(Step::Capture)?;
        if let Some(errno) = self.failure.take() {
            return Err(errno.into());
        }
        let Some(index) = self.done.pop_front() else { return Err(Errno::AGAIN.into()) };
        match std::mem::replace(&mut self.slots[index].0, Slot::Program) {
            Slot::Done(filled) => Ok(filled),
            Slot::Program | Slot::Queued => {
                panic!("a buffer was given back while it was waiting to be taken")
            }
        }
    }

    fn bytes(&self, filled: &Filled) -> &[u8] {
        let index = usize::try_from(filled.index).unwrap();
        assert!(matches!(self.slots[index].0, Slot::Program), "a buffer of the driver's was looked at");
        &self.slots[index].1[..filled.used]
    }

    fn enqueue(&mut self, filled: Filled) -> io::Result<()> {
        self.world.refusal(Step::Capture)?;
        let index = usize::try_from(filled.index).unwrap();
        let slot = &mut self.slots[index].0;
        if !matches!(slot, Slot::Program) {
            return Err(Errno::INVAL.into());
        }
        *slot = Slot::Queued;
        Ok(())
    }

    fn wait(&mut self, _: &Desk, until: Stamp) -> Woken {
        let act = self.world.next();
        self.world.pass(Duration::from_millis(33));
        match act {
            Some(Act::Fill(fills)) => fills.iter().for_each(|fill| self.fill(fill)),
            Some(Act::Silence) => {
                self.world.nanos.store(until.as_nanos(), Ordering::Relaxed);
                return Woken::Due;
            }
            Some(Act::Pause(time)) => self.world.pass(time),
            Some(Act::Overslept(fill)) => {
                self.fill(&fill);
                self.world.nanos.store(until.as_nanos(), Ordering::Relaxed);
                return Woken::Due;
            }
            Some(Act::Unplug) => self.world.plugged.set(false),
            Some(Act::Fail(errno)) => self.failure = Some(errno),
            Some(Act::FalseAlarm) => {}
            Some(Act::Plug) => panic!("the camera is plugged in already"),
            None => return Woken::Stop,
        }
        Woken::Device
    }
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        self.world.note("close");
    }
}
