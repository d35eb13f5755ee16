//! The cameras that there are, for people: stable names, modes, controls, and who holds them.

use std::path::PathBuf;

use serde::Serialize;

use super::device::Device;
use super::modes;
use super::node::{self, CLASS};
use crate::camera::controls::{ListedControl, is_offered, places, plain_name};
use crate::kernel::video::{Control, Entry, FourCc, Interval, Video};
use crate::kernel::{Holder, Tree, Usb, holders_of};

/// A camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its node, which may get another number when it is plugged in again.
    pub node: PathBuf,
    /// The names that stay, by identity first, then by the place where it is plugged in.
    pub stable_names: Vec<PathBuf>,
    /// The name that it gives itself.
    pub name: String,
    /// The driver; none when the node may not be opened.
    pub driver: Option<String>,
    /// The USB device that it is.
    pub usb: Option<Usb>,
    /// What it delivers.
    pub modes: Vec<ListedMode>,
    /// What can be set with it.
    pub controls: Vec<ListedControl>,
    /// The programs that have it open, as far as this user may see them.
    pub holders: Vec<Holder>,
    /// Why it could not be asked, and what to do.
    pub problem: Option<String>,
}

/// A format and size of a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedMode {
    /// The four characters of the format's code.
    pub format: String,
    /// Whether frames of this format can be used.
    pub usable: bool,
    /// Width and height, or a range of them: `640x360`, `48x32 to 1600x1200`.
    pub size: String,
    /// Frames a second, or ranges of them: `30`, `7.5`, `1 to 60`.
    pub rates: Vec<String>,
}

/// The cameras below `tree`. Nodes without pictures (metadata, codecs, picture processors) are left out.
#[must_use]
pub fn list(tree: &Tree) -> Vec<Listed> {
    let camera = |name: String| {
        let node = tree.node(&name);
        node::is_camera(&node).then(|| describe(tree, &name, node))
    };
    tree.names(CLASS).into_iter().filter_map(camera).collect()
}

fn describe(tree: &Tree, name: &str, node: PathBuf) -> Listed {
    let mut listed = Listed {
        stable_names: tree.links(&["v4l/by-id", "v4l/by-path"], &node),
        name: tree.attribute(CLASS, name, "name").unwrap_or_default(),
        driver: None,
        usb: tree.usb(CLASS, name),
        modes: Vec::new(),
        controls: Vec::new(),
        holders: holders_of(&node),
        problem: None,
        node,
    };
    if let Ok(video) = Video::open(&listed.node) {
        listed.driver = video.identity().ok().map(|told| told.driver);
        listed.modes = modes_of(&video);
        listed.controls = controls_of(&video);
    } else {
        // Nodes that cannot be opened for another reason were left out.
        let what = "it may not be opened: make this user a member of the group that owns it, usually `video`";
        listed.problem = Some(what.to_owned());
    }
    listed
}

fn modes_of(video: &dyn Device) -> Vec<ListedMode> {
    let mut listed = Vec::new();
    for format in video.formats().unwrap_or_default() {
        for size in video.sizes(format).unwrap_or_default() {
            listed.push(mode(video, format, size));
        }
    }
    listed
}

fn mode(video: &dyn Device, format: FourCc, size: Entry<(u32, u32)>) -> ListedMode {
    let (size, largest) = match size {
        Entry::One((width, height)) => (format!("{width}x{height}"), (width, height)),
        Entry::Range((width, height), largest, _) => {
            (format!("{width}x{height} to {}x{}", largest.0, largest.1), largest)
        }
    };
    let rates = video.intervals(format, largest).unwrap_or_default();
    let usable = modes::known(format).is_some();
    ListedMode {
        format: format.to_string(),
        usable,
        size,
        rates: rates.iter().filter_map(rates_of).collect(),
    }
}

fn rates_of(entry: &Entry<Interval>) -> Option<String> {
    match entry {
        Entry::One(interval) => rate(*interval),
        Entry::Range(shortest, longest, _) => Some(format!("{} to {}", rate(*longest)?, rate(*shortest)?)),
    }
}

/// Frames a second with at most two decimals.
fn rate(interval: Interval) -> Option<String> {
    let (frames, seconds) = (u64::from(interval.denominator), u64::from(interval.numerator));
    let hundredths = (frames * 100 + seconds / 2).checked_div(seconds)?;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

fn controls_of(video: &dyn Device) -> Vec<ListedControl> {
    let (controls, _described_as_far_as_it_can) = video.controls();
    controls
        .iter()
        .filter(|control| is_offered(control))
        .map(|control| listed_control(video, control))
        .collect()
}

fn listed_control(video: &dyn Device, control: &Control) -> ListedControl {
    let words = places(control).filter_map(|place| Some((place, video.menu_word(control, place)?)));
    ListedControl {
        name: plain_name(control),
        minimum: control.minimum,
        maximum: control.maximum,
        step: control.step,
        default: control.default,
        value: video.value(control.id).ok(),
        words: words.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_as_people_say_them() {
        let told = |numerator, denominator| rate(Interval { numerator, denominator });
        assert_eq!(told(1, 30).as_deref(), Some("30"));
        assert_eq!(told(2, 15).as_deref(), Some("7.5"));
        assert_eq!(told(1001, 30_000).as_deref(), Some("29.97"));
        assert_eq!(told(0, 30), None);
        let range = Entry::Range(
            Interval { numerator: 1, denominator: 60 },
            Interval { numerator: 1, denominator: 1 },
            Interval { numerator: 1, denominator: 1 },
        );
        assert_eq!(rates_of(&range).as_deref(), Some("1 to 60"));
    }

    #[test]
    fn what_is_no_camera_is_not_listed() {
        let plant = crate::kernel::Plant::new();
        plant.node("video4linux", "video0", "1-1/1-1:1.0", &[]);
        assert_eq!(list(&plant.tree()), []);
    }
}
