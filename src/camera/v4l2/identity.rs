//! Which camera is meant: by a path, or by what it says of itself. Never one of several.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::kernel::Usb;

/// The rule of the settings by which a camera is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By the name of a node or of a link to it.
    Path(PathBuf),
    /// By the maker's and the product's number, and the serial number where there are several.
    Usb {
        /// The maker.
        vendor: u16,
        /// The product.
        product: u16,
        /// The serial number.
        serial: Option<String>,
    },
}

/// A text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "camera.device = \"{0}\" is neither a path such as \"/dev/v4l/by-id/usb-…-video-index0\" nor \
     VENDOR:PRODUCT[:SERIAL] with two times four hexadecimal digits such as \"046d:0825\""
)]
pub struct NoRule(String);

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        if text.starts_with('/') {
            return Ok(Self::Path(text.into()));
        }
        let mut parts = text.splitn(3, ':');
        let mut number = || {
            let digits = parts.next().filter(|part| part.len() == 4)?;
            digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)
        };
        let numbers = number().zip(number());
        let numbers = numbers.map(|(vendor, product)| (hex(vendor), hex(product)));
        match (numbers, parts.next()) {
            (Some((Some(vendor), Some(product))), serial) if serial != Some("") => {
                Ok(Self::Usb { vendor, product, serial: serial.map(str::to_owned) })
            }
            _ => Err(NoRule(text.to_owned())),
        }
    }
}

fn hex(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits, 16).ok()
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Usb { vendor, product, serial: None } => write!(f, "{vendor:04x}:{product:04x}"),
            Self::Usb { vendor, product, serial: Some(serial) } => {
                write!(f, "{vendor:04x}:{product:04x}:{serial}")
            }
        }
    }
}

/// A node that delivers pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) node: PathBuf,
    pub(super) usb: Option<Usb>,
    /// A name that goes by the place where it is plugged in.
    pub(super) by_path: Option<PathBuf>,
    /// Whether it offers a format that can be used, as far as it may be asked.
    pub(super) usable: bool,
}

impl Candidate {
    /// The USB port of its device.
    fn port(&self) -> Option<&String> {
        self.usb.as_ref().map(|usb| &usb.port)
    }
}

/// Why no camera was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotChosen {
    /// There is none.
    None,
    /// There are several: nobody can know which one sees the scale.
    Several(Vec<Candidate>),
}

impl Rule {
    /// Whether a USB rule means this device.
    pub(super) fn is_met_by(&self, usb: &Usb) -> bool {
        match self {
            Self::Path(_) => false,
            Self::Usb { vendor, product, serial } => {
                (*vendor, *product) == (usb.vendor, usb.product)
                    && serial.as_ref().is_none_or(|serial| usb.serial.as_ref() == Some(serial))
            }
        }
    }

    /// The one camera that a USB rule means. Several nodes of one camera count as one: the first that offers a format
    /// which can be used. That is the one in colour with cameras that also see infrared or depth.
    pub(super) fn choose(&self, candidates: &[Candidate]) -> Result<Candidate, NotChosen> {
        let mut met: Vec<&Candidate> = Vec::new();
        for candidate in candidates {
            let Some(usb) = candidate.usb.as_ref().filter(|usb| self.is_met_by(usb)) else { continue };
            match met.iter_mut().find(|other| other.port() == Some(&usb.port)) {
                Some(known) if !known.usable && candidate.usable => *known = candidate,
                Some(_) => {}
                None => met.push(candidate),
            }
        }
        match met.as_slice() {
            [] => Err(NotChosen::None),
            [one] => Ok((*one).clone()),
            several => Err(NotChosen::Several(several.iter().map(|one| (*one).clone()).collect())),
        }
    }
}

/// The other cameras that say the same of themselves as the one at `node`, and so share its name by id:
/// which of them such a name leads to is chance. Each by its first node.
pub(super) fn twins(candidates: &[Candidate], node: &PathBuf) -> Vec<Candidate> {
    let Some(own) = candidates.iter().find(|one| one.node == *node).and_then(|one| one.usb.as_ref()) else {
        return Vec::new();
    };
    let same = |usb: &Usb| {
        (usb.vendor, usb.product, &usb.serial) == (own.vendor, own.product, &own.serial)
            && usb.port != own.port
    };
    let mut twins: Vec<Candidate> = Vec::new();
    for one in candidates.iter().filter(|one| one.usb.as_ref().is_some_and(same)) {
        if twins.iter().all(|known| known.port() != one.port()) {
            twins.push(one.clone());
        }
    }
    twins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(node: &str, port: &str, serial: &str) -> Candidate {
        let usb = Usb {
            vendor: 0x046d,
            product: 0x0825,
            serial: Some(serial.to_owned()),
            name: None,
            port: port.to_owned(),
            node: PathBuf::new(),
        };
        Candidate { node: node.into(), usb: Some(usb), by_path: None, usable: true }
    }

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[test]
    fn rules_are_paths_or_numbers_and_nothing_else() {
        assert_eq!(rule("/dev/video0"), Rule::Path("/dev/video0".into()));
        let usb = |serial: Option<&str>| Rule::Usb {
            vendor: 0x046d,
            product: 0x0825,
            serial: serial.map(str::to_owned),
        };
        assert_eq!(rule("046d:0825"), usb(None));
        assert_eq!(rule("046D:0825:A:B"), usb(Some("A:B")));
        assert_eq!(rule("046D:0825:A:B").to_string(), "046d:0825:A:B");
        for wrong in ["video0", "46d:825", "046d", "046d:0825:", "+46d:0825", "046d:08250", "", "0"] {
            assert_eq!(wrong.parse::<Rule>(), Err(NoRule(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn two_cameras_that_meet_one_rule_are_none() {
        let (left, right) = (candidate("/dev/video0", "1-1", "A"), candidate("/dev/video2", "1-2", "B"));
        let both = [left.clone(), right.clone()];
        assert_eq!(rule("046d:0825").choose(&both), Err(NotChosen::Several(both.to_vec())));
        assert_eq!(rule("046d:0825:B").choose(&both), Ok(right));
        assert_eq!(rule("046d:0825").choose(&both[..1]), Ok(left));
        assert_eq!(rule("046d:0826").choose(&both), Err(NotChosen::None));
    }

    #[test]
    fn several_nodes_of_one_camera_are_one_camera() {
        let (colour, infrared) = (candidate("/dev/video0", "1-1", "A"), candidate("/dev/video2", "1-1", "A"));
        assert_eq!(rule("046d:0825").choose(&[colour.clone(), infrared.clone()]), Ok(colour.clone()));
        let depth = Candidate { usable: false, ..colour };
        assert_eq!(rule("046d:0825").choose(&[depth, infrared.clone()]), Ok(infrared));
    }

    #[test]
    fn twins_with_the_same_serial_number_are_found() {
        let one = candidate("/dev/video0", "1-1", "SN0001");
        let twin = candidate("/dev/video2", "1-2", "SN0001");
        let twins_metadata = candidate("/dev/video3", "1-2", "SN0001");
        let other = candidate("/dev/video4", "1-3", "SN0002");
        let all = [one, twin.clone(), twins_metadata, other];
        assert_eq!(twins(&all, &"/dev/video0".into()), [twin]);
        assert_eq!(twins(&all, &"/dev/video4".into()), []);
    }
}
