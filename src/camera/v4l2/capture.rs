//! One open camera: its mode is settled, its stream started, its frames taken one after another.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::device::Device;
use super::fault::{Fault, Step, sentence};
use super::harvest::{Harvest, Harvester, Shot};
use super::modes::{self, Mode, Wish};
use crate::camera::Frame;
use crate::camera::desk::{Desk, Woken};
use crate::camera::exposure::Exposure;
use crate::camera::still::Small;
use crate::kernel::video::{FourCc, Identity, Layout};
use crate::stamp::Stamp;

/// An open camera.
pub(super) struct Capture {
    device: Box<dyn Device>,
    desk: Rc<Desk>,
    identity: Identity,
    wish: Wish,
    mode: Mode,
    layout: Layout,
    harvester: Harvester,
    stream: Option<Stream>,
    warm_up: Duration,
    /// How long a stream's first frame is waited for.
    first: Duration,
    /// The frame that was taken last, but for its bytes.
    about: Option<Frame>,
    /// Why the last step failed.
    fault: Option<Fault>,
}

/// The stream while it runs.
#[derive(Clone, Copy, Debug)]
struct Stream {
    started: Stamp,
    first: Option<Stamp>,
    last: Stamp,
    exposure: Exposure,
    /// Whether exposure has come to rest.
    settled: bool,
}

/// Without a frame for this long a stream has stalled. Cameras skip a few frames when exposure changes, and
/// the shopper waits: long against the first, short against the second.
const STALL: Duration = Duration::from_millis(1_500);
/// The first frame of a stream takes longer: sensors start up, and some cameras buffer.
pub(super) const FIRST: Duration = Duration::from_secs(2);
/// Some take longer still; a camera that was too slow once gets this from then on.
pub(super) const FIRST_OF_SLOW: Duration = Duration::from_secs(4);
/// Slow modes are given this many frame times.
const FRAME_TIMES: u32 = 4;
/// Times in a row that the driver may say "ready" and give nothing before it counts as broken: a wait that
/// never waits would burn a core.
const EMPTY_WAKES: u32 = 64;

impl Capture {
    /// Settles the mode with a device that was just opened. `sequence` is that of the newest frame before.
    pub(super) fn new(
        mut device: Box<dyn Device>,
        desk: Rc<Desk>,
        wish: Wish,
        warm_up: Duration,
        sequence: u64,
    ) -> Result<Self, Fault> {
        let identity = identify(&*device)?;
        let (mode, layout) = settle(&mut *device, wish, &identity)?;
        let harvester = Harvester::new(layout, sequence, frame_time(mode, wish), desk.clock.now());
        Ok(Self {
            device,
            desk,
            identity,
            wish,
            mode,
            layout,
            harvester,
            stream: None,
            warm_up,
            first: FIRST,
            about: None,
            fault: None,
        })
    }

    pub(super) fn device(&self) -> &dyn Device {
        &*self.device
    }

    pub(super) fn device_mut(&mut self) -> &mut dyn Device {
        &mut *self.device
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn wish(&self) -> Wish {
        self.wish
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// The sequence of the newest frame.
    pub(super) fn sequence(&self) -> u64 {
        self.harvester.sequence()
    }

    /// Takes the frame that [`Capture::next`] described last; the bytes went their own way.
    pub(super) fn take_about(&mut self) -> Option<Frame> {
        self.about.take()
    }

    /// Keeps a fault on its way through nokhwa, whose errors are only text; the text is returned.
    pub(super) fn keep_fault(&mut self, fault: Fault) -> String {
        let text = sentence(&fault, Path::new(&self.identity.card), &[]);
        self.fault = Some(fault);
        text
    }

    /// What [`Capture::keep_fault`] kept.
    pub(super) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// How long the first frame of the streams to come is waited for.
    pub(super) const fn wait_for_first(&mut self, limit: Duration) {
        self.first = limit;
    }

    pub(super) fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }

    /// From the stream's first frame to its last.
    pub(super) fn delivered_for(&self) -> Duration {
        let lived = |stream: Stream| Some(stream.last.since(stream.first?));
        self.stream.and_then(lived).unwrap_or_default()
    }

    /// Changes what is wanted; the stream starts anew if it runs.
    pub(super) fn change(&mut self, wish: Wish) -> Result<(), Fault> {
        let running = self.is_streaming();
        self.stop();
        (self.mode, self.layout) = settle(&mut *self.device, wish, &self.identity)?;
        self.wish = wish;
        if running { self.start() } else { Ok(()) }
    }

    pub(super) fn start(&mut self) -> Result<(), Fault> {
        if self.is_streaming() {
            return Ok(());
        }
        self.device.start().map_err(Fault::refused(Step::StartStream))?;
        let now = self.desk.clock.now();
        self.harvester = Harvester::new(self.layout, self.sequence(), frame_time(self.mode, self.wish), now);
        let exposure = Exposure::default();
        self.stream = Some(Stream { started: now, first: None, last: now, exposure, settled: false });
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        if self.stream.take().is_some() {
            // A device that is gone refuses; its memory is freed all the same.
            let _stopped_or_gone = self.device.stop();
        }
    }

    /// Waits for the next frame and returns its bytes; [`Capture::take_about`] has the rest.
    pub(super) fn next(&mut self) -> Result<Vec<u8>, Fault> {
        let Shot { sequence, taken, bytes } = self.wait()?;
        let mut frame = Frame {
            sequence,
            taken,
            format: self.harvester.pixels(),
            width: self.layout.width,
            height: self.layout.height,
            full_range: self.layout.full_range,
            bytes,
            warming_up: false,
        };
        frame.warming_up = self.is_warming_up(&frame);
        let bytes = std::mem::take(&mut frame.bytes);
        self.about = Some(frame);
        Ok(bytes)
    }

    /// Whether exposure may still be settling: until the brightness stands still, and no longer than the limit.
    fn is_warming_up(&mut self, frame: &Frame) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        if !stream.settled {
            let late = frame.taken >= stream.started + self.warm_up;
            // A frame that cannot be decoded tells nothing.
            let mean = if late { None } else { Small::of(frame, None).map(|small| small.mean()) };
            stream.settled = late || mean.is_some_and(|mean| stream.exposure.watch(mean, frame.taken));
        }
        !stream.settled
    }

    fn wait(&mut self) -> Result<Shot, Fault> {
        self.start()?;
        let (mut broken, mut empty, mut is_late) = (false, 0, false);
        loop {
            match self.harvester.harvest(&mut *self.device, &self.desk) {
                Ok(Harvest::Shot(shot)) => {
                    self.lived();
                    return Ok(shot);
                }
                Ok(Harvest::OnlyBad) => (broken, empty) = (true, 0),
                Ok(Harvest::Empty) => empty += 1,
                Err(error) => return Err(Fault::Refused { step: Step::Capture, error }),
            }
            let (since, until) = self.deadline();
            if is_late {
                return Err(Fault::Silent { waited: self.desk.clock.now().since(since), broken });
            }
            match self.device.wait(&self.desk, until) {
                Woken::Stop => return Err(Fault::Stopped),
                Woken::Device if empty >= EMPTY_WAKES => {
                    let error = io::Error::other("the driver says that a picture is ready and gives none");
                    return Err(Fault::Refused { step: Step::Capture, error });
                }
                // It was perhaps this program that stood still: what waits in the queue tells.
                Woken::Device | Woken::Due => is_late = self.desk.clock.now() >= until,
            }
        }
    }

    fn lived(&mut self) {
        let now = self.desk.clock.now();
        if let Some(stream) = &mut self.stream {
            stream.first.get_or_insert(now);
            stream.last = now;
        }
    }

    /// Since when a frame is waited for, and until when.
    fn deadline(&self) -> (Stamp, Stamp) {
        let now = self.desk.clock.now();
        let Some(stream) = self.stream else { return (now, now) };
        let least = if stream.first.is_some() { STALL } else { self.first };
        (stream.last, stream.last + least.max(frame_time(self.mode, self.wish) * FRAME_TIMES))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop();
    }
}

fn frame_time(mode: Mode, wish: Wish) -> Duration {
    Duration::from_secs(1) / mode.fps(wish).max(1)
}

/// What the device is, if it is a camera that can be used at all.
pub(super) fn identify(device: &dyn Device) -> Result<Identity, Fault> {
    let identity = device.identity().map_err(Fault::refused(Step::Identify))?;
    if identity.captures {
        return Ok(identity);
    }
    if identity.in_planes {
        return Err(Fault::Unfit(format!(
            "{} delivers its pictures in several planes, as sensors on a board's own camera socket do, which is not \
             supported: use a USB camera",
            identity.card
        )));
    }
    Err(Fault::Unfit(format!(
        "{} delivers no pictures through this node (it carries the camera's metadata, or is a codec): \
         choose the name that ends in -video-index0",
        identity.card
    )))
}

/// The best of the formats that the camera offers.
pub(super) fn format_of(device: &dyn Device, identity: &Identity) -> Result<FourCc, Fault> {
    let formats = device.formats().map_err(Fault::refused(Step::SetMode))?;
    modes::best_format(&formats).ok_or_else(|| {
        let names: Vec<String> = formats.iter().map(ToString::to_string).collect();
        Fault::Unfit(format!(
            "the camera {} offers only {}: one with MJPG, YUYV, NV12 or GREY is needed",
            identity.card,
            names.join(", ")
        ))
    })
}

/// Finds the nearest mode in the driver's own lists, asks for it, and sees what the driver made of it.
fn settle(device: &mut dyn Device, wish: Wish, identity: &Identity) -> Result<(Mode, Layout), Fault> {
    let refused = || Fault::refused(Step::SetMode);
    let format = format_of(device, identity)?;
    let sizes = device.sizes(format).map_err(refused())?;
    let (width, height) = modes::best_size(&sizes, wish).unwrap_or((wish.width, wish.height));
    let layout = device.set_format(format, width, height).map_err(refused())?;
    if modes::known(layout.format).is_none() {
        return Err(Fault::Unfit(format!(
            "the camera {} was asked for {format} and set itself to {}, which is not understood",
            identity.card, layout.format
        )));
    }
    let intervals = device.intervals(layout.format, (layout.width, layout.height)).map_err(refused())?;
    let wanted = modes::best_interval(&intervals, wish).unwrap_or_else(|| wish.interval());
    // Many drivers have one rate and refuse to talk about it; the stream starts all the same.
    let interval = device.set_interval(wanted).ok();
    let mode = Mode { format: layout.format, width: layout.width, height: layout.height, interval };
    Ok((mode, layout))
}
