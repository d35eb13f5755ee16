//! The scale's port: there, allowed, free, and left alone by the box's other programs.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::Finding;
use crate::kernel::{Holder, Tree, holders_of};
use crate::scale::Framing;

/// Whether the port is there and under a name that stays.
pub(super) fn present(path: &Path) -> Finding {
    if fs::metadata(path).is_err() {
        let ports: Vec<PathBuf> = Tree::default()
            .serial_ports()
            .into_iter()
            .map(|port| port.stable_names.first().cloned().unwrap_or(port.node))
            .collect();
        let there: Vec<_> = ports.iter().map(|port| port.display().to_string()).collect();
        let there = if there.is_empty() { "no serial port at all".to_owned() } else { there.join(", ") };
        let advice = format!("plug the adapter in, or correct scale.port; there is {there}");
        return Finding::fail("scale-port", format!("{}: there is no such device", path.display()), advice);
    }
    let name = path.display().to_string();
    let numbered = ["/dev/ttyUSB", "/dev/ttyACM", "/dev/hidraw"].iter().any(|start| name.starts_with(start));
    if numbered {
        let advice =
            "use its name below /dev/serial/by-id or /dev/serial/by-path; `scalecam devices` lists them";
        return Finding::warn("scale-port", format!("{name} may come back under another number"), advice);
    }
    Finding::ok("scale-port", format!("{name} is there"))
}

/// Whether this user may open it.
pub(super) fn permitted(path: &Path, reports: bool) -> Finding {
    let wanted = if reports { Access::READ_OK } else { Access::READ_OK | Access::WRITE_OK };
    match rustix::fs::access(path, wanted) {
        Ok(()) => Finding::ok("scale-permission", "this user may open it"),
        Err(errno) => {
            let advice = if reports {
                "the package's udev rules give USB scales to the group dialout: install them and plug it in again; a maker that they do \
                 not know needs one more number there"
            } else {
                "add this user to the group dialout and log in again; the service's user is in it already"
            };
            Finding::fail("scale-permission", std::io::Error::from(errno).to_string(), advice)
        }
    }
}

/// Who has it open. Nothing if nobody has.
pub(super) fn held(path: &Path) -> Option<Finding> {
    let others: Vec<Holder> =
        holders_of(path).into_iter().filter(|holder| holder.pid != std::process::id()).collect();
    if others.is_empty() {
        return None;
    }
    let by_agent = Finding::held_by_agent("scale-holder", &path.display(), &others);
    Some(by_agent.unwrap_or_else(|| {
        let names: Vec<_> = others.iter().map(ToString::to_string).collect();
        Finding::fail(
            "scale-holder",
            format!("in use by {}", names.join(", ")),
            "stop that program: a scale has one partner",
        )
    }))
}

/// Where processes and the kernel's command line are read; another place in tests.
pub(super) struct Around<'a> {
    pub(super) proc: &'a Path,
    pub(super) sys: &'a Path,
}

impl Default for Around<'_> {
    fn default() -> Self {
        Self { proc: Path::new("/proc"), sys: Path::new("/sys") }
    }
}

impl Around<'_> {
    /// Programs of the box that take ports for themselves.
    pub(super) fn neighbours(&self, port: &Path) -> Vec<Finding> {
        let node = fs::canonicalize(port).unwrap_or_else(|_| port.to_owned());
        let name = node.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let usb = name.starts_with("ttyUSB") || name.starts_with("ttyACM");
        let mut findings = Vec::new();
        let running = self.running();
        let runs = |what: &str| running.iter().any(|(comm, _)| comm == what);
        if usb && runs("brltty") {
            findings.push(Finding::warn(
                "scale-brltty",
                "brltty runs: it takes USB adapters for braille displays, and the port disappears",
                "systemctl mask brltty-udev.service, or remove brltty",
            ));
        }
        if usb && runs("ModemManager") {
            findings.push(Finding::warn(
                "scale-modems",
                "ModemManager runs: old ones ask every port for a modem, which a scale may take for an order",
                "install the package's udev rules (70-scalecam.rules), which tell it to leave the adapter alone",
            ));
        }
        let getty = running.iter().any(|(comm, line)| {
            (comm.contains("getty") || comm == "login")
                && line.split(['\0', ' ']).any(|word| word.ends_with(&name))
        });
        if getty && !name.is_empty() {
            findings.push(Finding::fail(
                "scale-getty",
                format!("a login waits on {name} and answers the scale"),
                format!("systemctl mask --now serial-getty@{name}.service"),
            ));
        }
        let console = fs::read_to_string(self.proc.join("cmdline")).unwrap_or_default();
        if console.split_whitespace().any(|word| word.split(',').next() == Some(&format!("console={name}"))) {
            findings.push(Finding::fail(
                "scale-console",
                format!("the kernel writes its messages to {name}"),
                format!("take console={name} off the kernel's command line, and start the box again"),
            ));
        }
        if findings.is_empty() {
            findings.push(Finding::ok(
                "scale-neighbours",
                "no brltty, ModemManager, login or console on this port",
            ));
        }
        findings
    }

    /// A UART without parity under a framing that has one. Nothing otherwise.
    pub(super) fn mini_uart(&self, port: &Path, framing: Framing) -> Option<Finding> {
        let node = fs::canonicalize(port).unwrap_or_else(|_| port.to_owned());
        let name = node.file_name()?.to_string_lossy().into_owned();
        let file = self.sys.join("class/tty").join(&name).join("device/of_node/compatible");
        let is_mini = fs::read_to_string(file).is_ok_and(|text| text.contains("bcm2835-aux-uart"));
        let parity =
            !matches!(framing, Framing::EightNoneOne | Framing::EightNoneTwo | Framing::SevenNoneTwo);
        (is_mini && parity).then(|| {
            Finding::fail(
                "scale-uart",
                format!("{name} is the mini UART of a Raspberry Pi, which has no parity"),
                "use the other UART (dtoverlay=disable-bt, then /dev/ttyAMA0) or a USB adapter",
            )
        })
    }

    /// Name and command line of every process.
    fn running(&self) -> Vec<(String, String)> {
        let Ok(entries) = fs::read_dir(self.proc) else { return Vec::new() };
        let process = |folder: PathBuf| {
            let comm = fs::read_to_string(folder.join("comm")).ok()?;
            let line = fs::read(folder.join("cmdline")).unwrap_or_default();
            Some((comm.trim_end().to_owned(), String::from_utf8_lossy(&line).into_owned()))
        };
        let is_process = |name: &std::ffi::OsStr| {
            name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let folders = entries.filter_map(Result::ok).filter(|entry| is_process(&entry.file_name()));
        folders.filter_map(|entry| process(entry.path())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::Verdict;

    fn process(folder: &Path, pid: u32, comm: &str, line: &str) {
        let folder = folder.join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("comm"), format!("{comm}\n")).unwrap();
        fs::write(folder.join("cmdline"), line.replace(' ', "\0")).unwrap();
    }

    fn said(findings: &[Finding]) -> Vec<(&'static str, Verdict)> {
        findings.iter().map(|finding| (finding.check, finding.verdict)).collect()
    }

    #[test]
    fn neighbours_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let (proc, sys) = (folder.path().join("proc"), folder.path().join("sys"));
        fs::create_dir_all(&proc).unwrap();
        let around = Around { proc: &proc, sys: &sys };
        let usb = Path::new("/dev/ttyUSB7");
        assert_eq!(said(&around.neighbours(usb)), [("scale-neighbours", Verdict::Ok)]);
        process(&proc, 10, "brltty", "/usr/bin/brltty");
        process(&proc, 11, "ModemManager", "/usr/sbin/ModemManager");
        let both = [("scale-brltty", Verdict::Warn), ("scale-modems", Verdict::Warn)];
        assert_eq!(said(&around.neighbours(usb)), both);
        let uart = Path::new("/dev/ttyS9");
        assert_eq!(said(&around.neighbours(uart)), [("scale-neighbours", Verdict::Ok)], "no USB adapter");
        process(&proc, 12, "agetty", "/sbin/agetty -o -p ttyS9 115200");
        fs::write(proc.join("cmdline"), "root=/dev/mmcblk0p2 console=ttyS9,115200 quiet\n").unwrap();
        let both = [("scale-getty", Verdict::Fail), ("scale-console", Verdict::Fail)];
        assert_eq!(said(&around.neighbours(uart)), both);
        assert!(around.neighbours(uart).iter().all(|finding| finding.advice.is_some()));
    }

    #[test]
    fn a_uart_without_parity_is_told_where_parity_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let node = folder.path().join("class/tty/ttyS8/device/of_node");
        fs::create_dir_all(&node).unwrap();
        fs::write(node.join("compatible"), "brcm,bcm2835-aux-uart\0").unwrap();
        let around = Around { proc: folder.path(), sys: folder.path() };
        assert!(around.mini_uart(Path::new("/dev/ttyS8"), Framing::SevenEvenOne).is_some());
        assert!(around.mini_uart(Path::new("/dev/ttyS8"), Framing::EightNoneOne).is_none());
        assert!(around.mini_uart(Path::new("/dev/ttyS7"), Framing::SevenEvenOne).is_none());
    }
}
