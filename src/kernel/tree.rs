//! The kernel's tree of devices: which there are, how they are plugged in, and their stable names.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::holder::{Holder, holders_of};

/// Where the kernel shows its devices: `/sys` and `/dev` below a root, which is another one in tests.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

/// A USB device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Usb {
    /// Who made it.
    pub vendor: u16,
    /// Which of the maker's products it is.
    pub product: u16,
    /// What tells it from others of its kind; absent or the same for all with cheap devices.
    pub serial: Option<String>,
    /// The name that it gives itself.
    pub name: Option<String>,
    /// Where it is plugged in: bus and ports, `1-1.2`.
    pub port: String,
    /// Its node below `/dev/bus/usb`, which changes with every plugging in.
    pub node: PathBuf,
}

/// A serial port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SerialPort {
    /// Its node, which may get another number when it is plugged in again.
    pub node: PathBuf,
    /// The names that stay, by identity first, then by the place where it is plugged in.
    pub stable_names: Vec<PathBuf>,
    /// The driver.
    pub driver: Option<String>,
    /// The USB device that it belongs to.
    pub usb: Option<Usb>,
    /// The programs that have it open, as far as this user may see them.
    pub holders: Vec<Holder>,
}

/// A chain of USB hubs is at most seven deep, and a device stands a few steps below its port.
const DEEPEST: usize = 16;

impl Default for Tree {
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

impl Tree {
    /// The tree below another root.
    #[must_use]
    pub fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// The names of the devices of a class, such as `video4linux`, in order.
    #[must_use]
    pub fn names(&self, class: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join("sys/class").join(class)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // By number: video2 stands before video10.
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// An attribute of a device, without the line's end.
    #[must_use]
    pub fn attribute(&self, class: &str, name: &str, attribute: &str) -> Option<String> {
        read(&self.root.join("sys/class").join(class).join(name).join(attribute))
    }

    /// The node of a device.
    #[must_use]
    pub fn node(&self, name: &str) -> PathBuf {
        self.root.join("dev").join(name)
    }

    /// The USB device that a device of a class belongs to.
    #[must_use]
    pub fn usb(&self, class: &str, name: &str) -> Option<Usb> {
        let device =
            fs::canonicalize(self.root.join("sys/class").join(class).join(name).join("device")).ok()?;
        let usb = device.ancestors().take(DEEPEST).find(|place| place.join("idVendor").exists())?;
        let hex = |name: &str| u16::from_str_radix(&read(&usb.join(name))?, 16).ok();
        let number = |name: &str| read(&usb.join(name))?.parse::<u16>().ok();
        let node = format!("dev/bus/usb/{:03}/{:03}", number("busnum")?, number("devnum")?);
        Some(Usb {
            vendor: hex("idVendor")?,
            product: hex("idProduct")?,
            serial: read(&usb.join("serial")),
            name: read(&usb.join("product")),
            port: usb.file_name()?.to_string_lossy().into_owned(),
            node: self.root.join(node),
        })
    }

    /// The links to a node in folders below `/dev`, such as `v4l/by-id`, in the order of the folders.
    #[must_use]
    pub fn links(&self, folders: &[&str], node: &Path) -> Vec<PathBuf> {
        let in_folder = |folder: &&str| {
            let entries = fs::read_dir(self.root.join("dev").join(folder)).ok();
            let mut links: Vec<PathBuf> = entries
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|link| fs::canonicalize(link).is_ok_and(|target| target == node))
                .collect();
            links.sort();
            links
        };
        folders.iter().flat_map(in_folder).collect()
    }

    /// The serial ports that there are.
    #[must_use]
    pub fn serial_ports(&self) -> Vec<SerialPort> {
        let port = |name: String| {
            let node = self.node(&name);
            let driver = self.root.join("sys/class/tty").join(&name).join("device/driver");
            let driver = fs::canonicalize(driver).ok()?;
            Some(SerialPort {
                stable_names: self.links(&["serial/by-id", "serial/by-path"], &node),
                driver: driver.file_name().map(|driver| driver.to_string_lossy().into_owned()),
                usb: self.usb("tty", &name),
                holders: holders_of(&node),
                node,
            })
        };
        // Terminals without a device behind them are virtual, and a plain port of type 0 is not fitted.
        let fitted = |name: &String| self.attribute("tty", name, "type").is_none_or(|kind| kind != "0");
        self.names("tty").into_iter().filter(fitted).filter_map(port).collect()
    }
}

impl fmt::Display for Usb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)?;
        if let Some(serial) = &self.serial {
            write!(f, ":{serial}")?;
        }
        Ok(())
    }
}

fn read(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A tree in a temporary folder, built as the kernel and udev would.
    pub(crate) struct Plant {
        pub(crate) folder: tempfile::TempDir,
    }

    impl Plant {
        pub(crate) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("dev")).unwrap();
            Self { folder }
        }

        pub(crate) fn tree(&self) -> Tree {
            Tree::below(fs::canonicalize(self.folder.path()).unwrap())
        }

        fn write(&self, file: &str, text: &str) {
            let file = self.folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }

        fn link(&self, link: &str, target: &str) {
            let link = self.folder.path().join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(self.folder.path().join(target), link).unwrap();
        }

        /// Plugs a USB device into a port: `ids` are vendor, product and serial.
        pub(crate) fn usb(&self, port: &str, ids: (&str, &str, &str), devnum: u16) {
            let place = format!("sys/devices/usb1/{port}");
            for (name, text) in [("idVendor", ids.0), ("idProduct", ids.1), ("serial", ids.2)] {
                self.write(&format!("{place}/{name}"), &format!("{text}\n"));
            }
            self.write(&format!("{place}/busnum"), "1\n");
            self.write(&format!("{place}/devnum"), &format!("{devnum}\n"));
        }

        /// Adds a node of a class to an interface of a USB device, with its stable links.
        pub(crate) fn node(&self, class: &str, name: &str, interface: &str, links: &[&str]) {
            self.write(&format!("dev/{name}"), "");
            self.write(&format!("sys/devices/usb1/{interface}/here"), "");
            self.write(&format!("sys/class/{class}/{name}/here"), "");
            self.link(&format!("sys/class/{class}/{name}/device"), &format!("sys/devices/usb1/{interface}"));
            for link in links {
                self.link(&format!("dev/{link}"), &format!("dev/{name}"));
            }
        }

        pub(crate) fn driver(&self, interface: &str, driver: &str) {
            self.write(&format!("sys/bus/drivers/{driver}/here"), "");
            self.link(&format!("sys/devices/usb1/{interface}/driver"), &format!("sys/bus/drivers/{driver}"));
        }
    }

    #[test]
    fn a_port_is_listed_with_its_device_and_the_names_that_stay() {
        let plant = Plant::new();
        plant.usb("1-1.2", ("0403", "6001", "SCALE0001"), 7);
        let links = ["serial/by-path/pci-usb-0:1.2", "serial/by-id/usb-FTDI_SCALE0001-if00"];
        plant.node("tty", "ttyUSB0", "1-1.2/1-1.2:1.0/ttyUSB0", &links);
        plant.driver("1-1.2/1-1.2:1.0/ttyUSB0", "ftdi_sio");
        plant.write("sys/class/tty/tty1/here", "");
        plant.node("tty", "ttyS0", "serial8250", &[]);
        plant.driver("serial8250", "serial8250");
        plant.write("sys/class/tty/ttyS0/type", "0\n");
        let tree = plant.tree();
        let ports = tree.serial_ports();
        assert_eq!(ports.len(), 1);
        assert_eq!(ports[0].node, tree.node("ttyUSB0"));
        assert_eq!(ports[0].driver.as_deref(), Some("ftdi_sio"));
        let names: Vec<&str> =
            ports[0].stable_names.iter().filter_map(|name| name.file_name()?.to_str()).collect();
        assert_eq!(names, ["usb-FTDI_SCALE0001-if00", "pci-usb-0:1.2"]);
        let usb = ports[0].usb.as_ref().unwrap();
        assert_eq!((usb.to_string().as_str(), usb.port.as_str()), ("0403:6001:SCALE0001", "1-1.2"));
        assert!(usb.node.ends_with("dev/bus/usb/001/007"));
    }

    #[test]
    fn names_stand_in_the_order_of_their_numbers() {
        let plant = Plant::new();
        for name in ["video10", "video2", "video0"] {
            plant.write(&format!("sys/class/video4linux/{name}/name"), "Cam\n");
        }
        assert_eq!(plant.tree().names("video4linux"), ["video0", "video2", "video10"]);
        assert_eq!(plant.tree().attribute("video4linux", "video2", "name").as_deref(), Some("Cam"));
        assert_eq!(plant.tree().names("nothing"), Vec::<String>::new());
    }
}
