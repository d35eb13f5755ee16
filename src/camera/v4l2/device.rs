//! The kernel's side of a camera, as the capture loop needs it: a real one, or a scripted one in tests.

use std::io;
use std::os::fd::AsFd;

use crate::camera::desk::{Desk, Woken};
use crate::kernel::video::{Control, Entry, Filled, FourCc, Identity, Interval, Layout, Video};
use crate::stamp::Stamp;

/// An open camera. Dropping it closes it.
pub(super) trait Device {
    fn identity(&self) -> io::Result<Identity>;
    fn formats(&self) -> io::Result<Vec<FourCc>>;
    fn sizes(&self, format: FourCc) -> io::Result<Vec<Entry<(u32, u32)>>>;
    fn intervals(&self, format: FourCc, size: (u32, u32)) -> io::Result<Vec<Entry<Interval>>>;
    fn set_format(&mut self, format: FourCc, width: u32, height: u32) -> io::Result<Layout>;
    fn set_interval(&mut self, interval: Interval) -> io::Result<Interval>;
    /// The controls that the camera can describe, and what went wrong with the others.
    fn controls(&self) -> (Vec<Control>, Option<io::Error>);
    /// The word at a place of a control's menu.
    fn menu_word(&self, control: &Control, place: u32) -> Option<String>;
    fn value(&self, control: u32) -> io::Result<i32>;
    fn set_value(&mut self, control: u32, value: i32) -> io::Result<()>;
    /// Gives all buffers to the driver and starts the stream.
    fn start(&mut self) -> io::Result<()>;
    fn stop(&mut self) -> io::Result<()>;
    /// Takes a filled buffer; `WouldBlock` when there is none.
    fn dequeue(&mut self) -> io::Result<Filled>;
    fn bytes(&self, filled: &Filled) -> &[u8];
    fn enqueue(&mut self, filled: Filled) -> io::Result<()>;
    /// Waits for a filled buffer, the moment or a stop.
    fn wait(&mut self, desk: &Desk, until: Stamp) -> Woken;
}

/// Buffers given to the driver: enough to ride out 100 ms of a busy machine at 30 frames a second, few
/// enough to cost little memory.
const BUFFERS: u32 = 4;

/// No driver has longer lists; a broken one may never end its list.
const LONGEST_LIST: u32 = 256;

fn list<T>(entry: impl FnMut(u32) -> io::Result<Option<T>>) -> io::Result<Vec<T>> {
    (0..LONGEST_LIST).map(entry).map_while(Result::transpose).collect()
}

/// Behind `V4L2_CID_BASE` and `V4L2_CID_CAMERA_CLASS_BASE`: the numbers that cameras use.
const USUAL_CONTROLS: [std::ops::Range<u32>; 2] = [0x0098_0900..0x0098_0930, 0x009A_0900..0x009A_0930];

fn is_time_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

fn usual_controls(video: &Video, after: u32) -> Vec<Control> {
    let mut controls = Vec::new();
    for id in USUAL_CONTROLS.into_iter().flatten().filter(|&id| id > after) {
        match video.control(id) {
            Ok(control) => controls.extend(control),
            Err(error) if is_time_out(&error) => break,
            Err(_) => {}
        }
    }
    controls
}

impl Device for Video {
    fn identity(&self) -> io::Result<Identity> {
        Self::identity(self)
    }

    fn formats(&self) -> io::Result<Vec<FourCc>> {
        list(|index| self.format(index))
    }

    fn sizes(&self, format: FourCc) -> io::Result<Vec<Entry<(u32, u32)>>> {
        let mut after_range = false;
        list(|index| {
            // A range is the only entry; some drivers repeat it for every index.
            let entry = if after_range { None } else { Self::sizes(self, format, index)? };
            after_range = matches!(entry, Some(Entry::Range(..)));
            Ok(entry)
        })
    }

    fn intervals(&self, format: FourCc, size: (u32, u32)) -> io::Result<Vec<Entry<Interval>>> {
        let mut after_range = false;
        list(|index| {
            let entry = if after_range { None } else { Self::intervals(self, format, size, index)? };
            after_range = matches!(entry, Some(Entry::Range(..)));
            Ok(entry)
        })
    }

    fn set_format(&mut self, format: FourCc, width: u32, height: u32) -> io::Result<Layout> {
        Self::set_format(self, format, width, height)
    }

    fn set_interval(&mut self, interval: Interval) -> io::Result<Interval> {
        Self::set_interval(self, interval)
    }

    fn controls(&self) -> (Vec<Control>, Option<io::Error>) {
        let (mut controls, mut last) = (Vec::new(), 0);
        for _ in 0..LONGEST_LIST {
            match self.control_after(last).map(|control| control.filter(|control| control.id > last)) {
                Ok(None) => break,
                Ok(Some(control)) => {
                    last = control.id;
                    controls.push(control);
                }
                // The camera cannot describe one of them, and the driver does not say which: the usual ones behind it are
                // asked one by one, unless each of them would take seconds to fail.
                Err(error) => {
                    if !is_time_out(&error) {
                        controls.extend(usual_controls(self, last));
                    }
                    return (controls, Some(error));
                }
            }
        }
        (controls, None)
    }

    fn menu_word(&self, control: &Control, place: u32) -> Option<String> {
        Self::menu_word(self, control, place).ok().flatten()
    }

    fn value(&self, control: u32) -> io::Result<i32> {
        Self::value(self, control)
    }

    fn set_value(&mut self, control: u32, value: i32) -> io::Result<()> {
        Self::set_value(self, control, value)
    }

    fn start(&mut self) -> io::Result<()> {
        Self::start(self, BUFFERS)
    }

    fn stop(&mut self) -> io::Result<()> {
        Self::stop(self)
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        Self::dequeue(self)
    }

    fn bytes(&self, filled: &Filled) -> &[u8] {
        Self::bytes(self, filled)
    }

    fn enqueue(&mut self, filled: Filled) -> io::Result<()> {
        Self::enqueue(self, filled)
    }

    fn wait(&mut self, desk: &Desk, until: Stamp) -> Woken {
        desk.wait(Some(self.as_fd()), until)
    }
}
