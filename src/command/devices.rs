//! `scalecam devices`: serial ports and cameras, with the names that survive a replug.

use serde::Serialize;

use super::{Exit, give};
use crate::camera::{self, Listed, ListedControl};
use crate::kernel::{Holder, SerialPort, Tree, Usb};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Devices {
    serial_ports: Vec<SerialPort>,
    cameras: Vec<Listed>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let tree = Tree::default();
    let devices = Devices { serial_ports: tree.serial_ports(), cameras: camera::list(&tree) };
    if arguments.json {
        return give(&serde_json::to_string(&devices).map_err(Exit::failed)?);
    }
    for line in lines(&devices) {
        give(&line)?;
    }
    Ok(())
}

fn lines(devices: &Devices) -> Vec<String> {
    let mut lines = vec![format!("serial ports: {}", count(devices.serial_ports.len()))];
    for port in &devices.serial_ports {
        let name = port.stable_names.first().unwrap_or(&port.node);
        let driver = port.driver.as_deref().unwrap_or("driver unknown");
        lines.push(format!("  {}", name.display()));
        lines.push(format!("    {} ({driver}){}", port.node.display(), usb(port.usb.as_ref())));
        lines.extend(held(&port.holders));
    }
    lines.push(format!("cameras: {}", count(devices.cameras.len())));
    for camera in &devices.cameras {
        let name = camera.stable_names.first().unwrap_or(&camera.node);
        lines.push(format!("  {}", name.display()));
        lines.push(format!("    {}: {}{}", camera.node.display(), camera.name, usb(camera.usb.as_ref())));
        lines.extend(camera.problem.iter().map(|problem| format!("    {problem}")));
        lines.extend(held(&camera.holders));
        for mode in &camera.modes {
            let usable = if mode.usable { "" } else { "  (a format that is not used)" };
            lines.push(format!("    {} {} at {}{usable}", mode.format, mode.size, mode.rates.join(", ")));
        }
        for control in &camera.controls {
            lines.push(format!("    control {}", setting(control)));
        }
    }
    lines
}

/// A control as one would write about it: `brightness 0 to 255, default 128, now 130`.
fn setting(control: &ListedControl) -> String {
    let ListedControl { name, minimum, maximum, default, .. } = control;
    let now = control.value.map(|value| format!(", now {value}")).unwrap_or_default();
    let words: Vec<_> = control.words.iter().map(|(place, word)| format!("{place} = {word:?}")).collect();
    let words = if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) };
    format!("{name} {minimum} to {maximum}, default {default}{now}{words}")
}

fn count(devices: usize) -> String {
    if devices == 0 { "none".to_owned() } else { devices.to_string() }
}

fn usb(usb: Option<&Usb>) -> String {
    usb.map(|usb| format!(", USB {usb}")).unwrap_or_default()
}

fn held(holders: &[Holder]) -> Option<String> {
    let names: Vec<_> = holders.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| format!("    in use by {}", names.join(", ")))
}
