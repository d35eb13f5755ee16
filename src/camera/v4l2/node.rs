//! A camera in the file system: found anew at every opening, by its rule.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::device::Device;
use super::fault::{Fault, Step};
use super::identity::{Candidate, NotChosen, Rule, twins};
use super::{Place, Reset, modes};
use crate::kernel::video::Video;
use crate::kernel::{Holder, Tree, holders_of, usb};

/// The class of video nodes in `/sys`.
pub(super) const CLASS: &str = "video4linux";

/// Drivers whose nodes look like cameras and are not: the picture processors of the Raspberry Pi.
const NO_CAMERAS: [&str; 4] = ["bcm2835-isp", "bcm2835-codec", "pispbe", "rpivid"];

/// A camera by its rule.
pub(super) struct Node {
    rule: Rule,
    tree: Tree,
    /// The node that was opened last.
    opened: Option<PathBuf>,
}

impl Node {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, tree: Tree::default(), opened: None }
    }

    /// The node that the rule means now.
    fn find(&self) -> Result<PathBuf, Fault> {
        let Rule::Path(path) = &self.rule else {
            return match self.rule.choose(&self.asked()) {
                Ok(camera) => Ok(camera.node),
                Err(NotChosen::None) => Err(absent()),
                Err(NotChosen::Several(cameras)) => Err(Fault::Unfit(ambiguous(&self.rule, &cameras))),
            };
        };
        let node = fs::canonicalize(path).map_err(Fault::refused(Step::Open))?;
        self.is_alone(path, &node)?;
        Ok(node)
    }

    /// The nodes that deliver pictures, of the devices that a USB rule means: no other is opened. One that may not be
    /// opened counts: it cannot be ruled out.
    fn asked(&self) -> Vec<Candidate> {
        let is_meant =
            |candidate: &Candidate| candidate.usb.as_ref().is_some_and(|usb| self.rule.is_met_by(usb));
        let usable = |candidate: Candidate| {
            let usable = usable_camera(&candidate.node)?;
            Some(Candidate { usable, ..candidate })
        };
        plugged_in(&self.tree).into_iter().filter(is_meant).filter_map(usable).collect()
    }

    /// Refuses a name by identity that leads to one of several cameras which say the same of themselves.
    fn is_alone(&self, path: &Path, node: &PathBuf) -> Result<(), Fault> {
        if !path.components().any(|part| part.as_os_str() == "by-id") {
            return Ok(());
        }
        let cameras = plugged_in(&self.tree);
        let twins = twins(&cameras, node);
        if twins.is_empty() {
            return Ok(());
        }
        let own = cameras.into_iter().filter(|one| one.node == *node);
        let all: Vec<Candidate> = own.chain(twins).collect();
        Err(Fault::Unfit(ambiguous(&self.rule, &all)))
    }
}

fn absent() -> Fault {
    Fault::Refused { step: Step::Open, error: rustix::io::Errno::NOENT.into() }
}

fn ambiguous(rule: &Rule, cameras: &[Candidate]) -> String {
    let names: Vec<String> = cameras
        .iter()
        .map(|camera| camera.by_path.as_ref().unwrap_or(&camera.node).display().to_string())
        .collect();
    format!(
        "{} cameras answer to camera.device = \"{rule}\": {}; none is used until one of these is named",
        cameras.len(),
        names.join(", ")
    )
}

impl Place for Node {
    fn open(&mut self) -> Result<Box<dyn Device>, Fault> {
        let node = self.find()?;
        let video = Video::open(&node).map_err(Fault::refused(Step::Open))?;
        self.opened = Some(node);
        Ok(Box::new(video))
    }

    fn name(&self) -> PathBuf {
        self.rule.to_string().into()
    }

    fn holders(&self) -> Vec<Holder> {
        let others = |holder: &Holder| holder.pid != std::process::id();
        let node = self.find().unwrap_or_default();
        holders_of(&node).into_iter().filter(others).collect()
    }

    fn look_again(&self) -> Result<(), Fault> {
        let Some(opened) = &self.opened else { return Ok(()) };
        match &self.rule {
            Rule::Usb { .. } => match self.rule.choose(&plugged_in(&self.tree)) {
                Err(NotChosen::Several(cameras)) => Err(Fault::Unfit(ambiguous(&self.rule, &cameras))),
                // One that has just gone says so itself.
                Ok(_) | Err(NotChosen::None) => Ok(()),
            },
            Rule::Path(path) => match fs::canonicalize(path) {
                Ok(node) if node != *opened => {
                    Err(Fault::Unfit(format!("the name {} leads to another camera now", path.display())))
                }
                Ok(node) => self.is_alone(path, &node),
                Err(_) => Ok(()),
            },
        }
    }

    fn usb_reset(&self) -> io::Result<Reset> {
        // Looked up now: the number of a device that went away may be another's by now.
        let node = self.find().ok();
        let name = node.as_ref().and_then(|node| node.file_name()).map(|name| name.to_string_lossy());
        let device = name.and_then(|name| self.tree.usb(CLASS, &name));
        let no_usb = || io::Error::new(io::ErrorKind::Unsupported, "it is no USB device");
        let device = device.ok_or_else(no_usb)?.node;
        Ok(Box::new(move || usb::reset(&device)))
    }
}

/// All nodes of the class, without opening any: a camera that another program works with is not disturbed.
fn plugged_in(tree: &Tree) -> Vec<Candidate> {
    let candidate = |name: String| {
        let node = tree.node(&name);
        let by_path = tree.links(&["v4l/by-path"], &node).into_iter().next();
        Candidate { usb: tree.usb(CLASS, &name), by_path, node, usable: true }
    };
    tree.names(CLASS).into_iter().map(candidate).collect()
}

/// Whether a node that belongs to a camera and delivers pictures offers a format that can be used, as far as it may be
/// asked; nothing for other nodes.
fn usable_camera(node: &Path) -> Option<bool> {
    match Video::open(node) {
        Ok(video) => {
            let told = Video::identity(&video).ok()?;
            let formats = Device::formats(&video).unwrap_or_default();
            let is_camera = told.captures && !NO_CAMERAS.contains(&told.driver.as_str());
            is_camera.then(|| modes::best_format(&formats).is_some())
        }
        Err(error) => (error.kind() == io::ErrorKind::PermissionDenied).then_some(true),
    }
}

/// Whether a node belongs to a camera and delivers pictures, as far as it may be asked.
pub(super) fn is_camera(node: &Path) -> bool {
    usable_camera(node).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::v4l2::fault::sentence;

    #[test]
    fn several_cameras_are_named_by_where_they_are_plugged_in() {
        let camera = |node: &str, by_path: Option<&str>| Candidate {
            node: node.into(),
            usb: None,
            by_path: by_path.map(PathBuf::from),
            usable: true,
        };
        let cameras = [camera("/dev/video0", Some("/dev/v4l/by-path/left")), camera("/dev/video2", None)];
        assert_eq!(
            ambiguous(&"046d:0825".parse().unwrap(), &cameras),
            "2 cameras answer to camera.device = \"046d:0825\": /dev/v4l/by-path/left, /dev/video2; none is used \
             until one of these is named"
        );
    }

    #[test]
    fn what_is_not_there_or_no_camera_is_told_apart() {
        let why = |rule: &str| {
            let mut node = Node::new(rule.parse().unwrap());
            let Err(fault) = node.open() else { panic!("{rule} was opened") };
            sentence(&fault, &node.name(), &node.holders())
        };
        assert!(
            why("/dev/v4l/by-id/none").starts_with("the camera /dev/v4l/by-id/none is not there: plug it in")
        );
        assert!(why("ffff:ffff").starts_with("the camera ffff:ffff is not there: plug it in"));
        assert!(!is_camera(Path::new("/dev/null")));
    }
}
