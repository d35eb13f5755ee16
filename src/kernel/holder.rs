//! Who holds a device: read from `/proc`, so that "busy" comes with a name.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

/// A process that has a device open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as `ps` shows it: at most 15 bytes.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The processes that have `device` open, this one included, by process id.
///
/// Devices are told by their number, so any name or link of the device will do. Only the superuser sees
/// the descriptors of other users' processes: an empty answer means "none that this user may see".
#[must_use]
pub fn holders_of(device: &Path) -> Vec<Holder> {
    let Ok(wanted) = fs::metadata(device) else { return Vec::new() };
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let mut holders: Vec<Holder> = processes
        .filter_map(Result::ok)
        .filter_map(|process| Some((pid(&process.file_name())?, process.path())))
        .filter(|(_, process)| has_open(process, &wanted))
        .map(|(pid, process)| Holder { pid, name: name_of(&process) })
        .collect();
    holders.sort();
    holders
}

fn pid(name: &OsStr) -> Option<u32> {
    name.to_str()?.parse().ok()
}

fn has_open(process: &Path, wanted: &fs::Metadata) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors
        .filter_map(Result::ok)
        .filter_map(|descriptor| fs::metadata(descriptor.path()).ok())
        .any(|open| same(&open, wanted))
}

/// Two nodes of one device have one device number; two names of one file have one inode.
fn same(open: &fs::Metadata, wanted: &fs::Metadata) -> bool {
    if wanted.rdev() == 0 {
        open.dev() == wanted.dev() && open.ino() == wanted.ino()
    } else {
        open.rdev() == wanted.rdev() && open.mode() & TYPE == wanted.mode() & TYPE
    }
}

/// The bits of a mode that tell a character device from a block device, which count separately: `S_IFMT`.
const TYPE: u32 = 0o170_000;

fn name_of(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    if name.trim_end().is_empty() { "unknown".to_owned() } else { name.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_through_a_link_and_no_longer_once_it_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("port"), folder.path().join("by-id"));
        let open = fs::File::create(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let pids = |path: &Path| holders_of(path).into_iter().map(|h| h.pid).collect::<Vec<_>>();
        assert_eq!(pids(&link), [std::process::id()]);
        drop(open);
        assert_eq!(pids(&link), Vec::<u32>::new());
        assert_eq!(pids(Path::new("/nonexistent")), Vec::<u32>::new());
    }

    #[test]
    fn devices_are_told_by_their_number() {
        let (near, far) = serialport::TTYPort::pair().unwrap();
        let name = serialport::SerialPort::name(&far).unwrap();
        let own = holders_of(Path::new(&name)).into_iter().find(|h| h.pid == std::process::id());
        assert!(!own.unwrap().name.is_empty());
        drop((near, far));
    }
}
