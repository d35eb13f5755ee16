//! A camera's node in the file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Place;
use super::device::Device;
use super::fault::{Fault, Step};
use crate::kernel::video::Video;
use crate::kernel::{Holder, holders_of, usb};

/// A camera by its name.
pub(super) struct Node {
    name: PathBuf,
}

impl Node {
    pub(super) fn new(name: PathBuf) -> Self {
        Self { name }
    }
}

impl Place for Node {
    fn open(&mut self) -> Result<Box<dyn Device>, Fault> {
        let node = fs::canonicalize(&self.name).map_err(Fault::refused(Step::Open))?;
        let video = Video::open(&node).map_err(Fault::refused(Step::Open))?;
        Ok(Box::new(video))
    }

    fn name(&self) -> PathBuf {
        self.name.clone()
    }

    fn holders(&self) -> Vec<Holder> {
        let others = |holder: &Holder| holder.pid != std::process::id();
        holders_of(&self.name).into_iter().filter(others).collect()
    }

    fn reset_usb(&mut self) -> io::Result<()> {
        // Looked up now: the number of a device that went away may be another's by now.
        let device = usb_device(&fs::canonicalize(&self.name)?);
        usb::reset(&device.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "it is no USB device"))?)
    }
}

/// The node in `/dev/bus/usb` of the device that a video node belongs to, by `/sys`.
fn usb_device(node: &Path) -> Option<PathBuf> {
    let interface = Path::new("/sys/class/video4linux").join(node.file_name()?).join("device");
    let device = fs::canonicalize(interface).ok()?.parent()?.to_owned();
    let number = |name: &str| fs::read_to_string(device.join(name)).ok()?.trim().parse::<u16>().ok();
    let (bus, device) = (number("busnum")?, number("devnum")?);
    Some(PathBuf::from(format!("/dev/bus/usb/{bus:03}/{device:03}")))
}
