//! `scalecam devices`: serial ports and cameras with the names to write into the settings, and who holds them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Exit, give};
use crate::camera::{self, Listed, ListedControl, ListedMode};
use crate::kernel::{Holder, SerialPort, Tree, Usb};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Everything that can be plugged in.
#[derive(Debug, Serialize)]
struct Devices {
    serial_ports: Vec<SerialPort>,
    cameras: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let tree = Tree::default();
    let devices = Devices { serial_ports: tree.serial_ports(), cameras: camera::list(&tree) };
    if arguments.json {
        let line = serde_json::to_string(&devices).map_err(|error| Exit::failed(error.to_string()))?;
        return give(&line);
    }
    give(text(&devices).trim_end())
}

fn text(devices: &Devices) -> String {
    let mut text = String::from("Serial ports (scale.port)\n");
    for port in &devices.serial_ports {
        let driver = port.driver.as_deref();
        head(&mut text, &port.stable_names, &port.node, &[driver.map(str::to_owned), usb(port.usb.as_ref())]);
        held(&mut text, &port.holders);
    }
    if devices.serial_ports.is_empty() {
        text.push_str("  none\n");
    }
    text.push_str("Cameras (camera.device)\n");
    for camera in &devices.cameras {
        let about = [Some(camera.name.clone()), camera.driver.clone(), usb(camera.usb.as_ref())];
        head(&mut text, &camera.stable_names, &camera.node, &about);
        held(&mut text, &camera.holders);
        camera.problem.iter().for_each(|problem| line(&mut text, problem));
        modes(&mut text, &camera.modes);
        controls(&mut text, &camera.controls);
    }
    if devices.cameras.is_empty() {
        text.push_str("  none\n");
    }
    text
}

/// The name to use first, then what it is, then the other names.
fn head(text: &mut String, names: &[PathBuf], node: &Path, about: &[Option<String>]) {
    let name = names.first().map_or(node, PathBuf::as_path);
    let about: Vec<&str> =
        about.iter().flatten().map(String::as_str).filter(|word| !word.is_empty()).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {}", name.display());
    let place = if name == node { String::new() } else { format!("{}: ", node.display()) };
    if !about.is_empty() || !place.is_empty() {
        line(text, &format!("{place}{}", about.join(", ")));
    }
    for other in names.iter().skip(1) {
        line(text, &format!("also {}", other.display()));
    }
}

fn line(text: &mut String, words: &str) {
    let _ = writeln!(text, "      {words}");
}

fn usb(usb: Option<&Usb>) -> Option<String> {
    usb.map(|usb| format!("USB {usb} at {}", usb.port))
}

fn held(text: &mut String, holders: &[Holder]) {
    if !holders.is_empty() {
        let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
        line(text, &format!("in use by {}", names.join(", ")));
    }
}

fn modes(text: &mut String, modes: &[ListedMode]) {
    let mut formats: Vec<&str> = Vec::new();
    for mode in modes {
        if !formats.contains(&mode.format.as_str()) {
            formats.push(&mode.format);
        }
    }
    for format in formats {
        let of_format = || modes.iter().filter(|mode| mode.format == format);
        let sizes: Vec<String> = of_format()
            .map(|mode| match mode.rates.as_slice() {
                [] => mode.size.clone(),
                rates => format!("{} at {}", mode.size, rates.join("/")),
            })
            .collect();
        let usable = of_format().any(|mode| mode.usable);
        line(text, &format!("{format}{}: {}", if usable { "" } else { " (not used)" }, sizes.join(", ")));
    }
}

fn controls(text: &mut String, controls: &[ListedControl]) {
    for control in controls {
        let now = control.value.map_or_else(String::new, |value| format!(", now {value}"));
        let values = if control.words.is_empty() {
            format!("{} to {}", control.minimum, control.maximum)
        } else {
            let words: Vec<String> =
                control.words.iter().map(|(place, word)| format!("{place} \"{word}\"")).collect();
            words.join(", ")
        };
        line(text, &format!("{}: {values}{now}", control.name));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_to_use_stand_first() {
        let usb = Usb {
            vendor: 0x046d,
            product: 0x0825,
            serial: Some("A1".to_owned()),
            name: None,
            port: "1-1.2".to_owned(),
            node: "/dev/bus/usb/001/002".into(),
        };
        let mode = |format: &str, usable, size: &str, rates: &[&str]| ListedMode {
            format: format.to_owned(),
            usable,
            size: size.to_owned(),
            rates: rates.iter().map(|rate| (*rate).to_owned()).collect(),
        };
        let camera = Listed {
            node: "/dev/video0".into(),
            stable_names: vec!["/dev/v4l/by-id/cam".into(), "/dev/v4l/by-path/left".into()],
            name: "Webcam".to_owned(),
            driver: Some("uvcvideo".to_owned()),
            usb: Some(usb),
            modes: vec![
                mode("MJPG", true, "640x360", &["30", "7.5"]),
                mode("MJPG", true, "1280x720", &["30"]),
                mode("H264", false, "640x360", &[]),
            ],
            controls: vec![ListedControl {
                name: "auto_exposure".to_owned(),
                minimum: 0,
                maximum: 3,
                step: 1,
                default: 3,
                value: Some(1),
                words: BTreeMap::from([
                    (1, "Manual Mode".to_owned()),
                    (3, "Aperture Priority Mode".to_owned()),
                ]),
            }],
            holders: vec![Holder { pid: 41, name: "motion".to_owned() }],
            problem: None,
        };
        let port = SerialPort {
            node: "/dev/ttyS0".into(),
            stable_names: Vec::new(),
            driver: Some("8250".to_owned()),
            usb: None,
            holders: Vec::new(),
        };
        let expected = "\
Serial ports (scale.port)
  /dev/ttyS0
      8250
Cameras (camera.device)
  /dev/v4l/by-id/cam
      /dev/video0: Webcam, uvcvideo, USB 046d:0825:A1 at 1-1.2
      also /dev/v4l/by-path/left
      in use by motion (pid 41)
      MJPG: 640x360 at 30/7.5, 1280x720 at 30
      H264 (not used): 640x360
      auto_exposure: 1 \"Manual Mode\", 3 \"Aperture Priority Mode\", now 1
";
        assert_eq!(text(&Devices { serial_ports: vec![port], cameras: vec![camera] }), expected);
        let nothing = text(&Devices { serial_ports: Vec::new(), cameras: Vec::new() });
        assert_eq!(nothing, "Serial ports (scale.port)\n  none\nCameras (camera.device)\n  none\n");
    }
}
