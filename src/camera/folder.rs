//! A folder of JPEG files as a live camera.
//!
//! Every `*.jpg` in name order, one per frame interval, round and round. A file that is replaced while
//! running (renamed over, or closed after writing) is a new frame at that very moment, so any program that
//! keeps a `latest.jpg` fresh is a camera.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::desk::{Desk, Driver, End, Woken};
use super::pace::Pace;
use super::{Frame, PixelFormat, Settings};
use crate::jpeg;

/// A larger file is no camera frame: 8K video frames stay under 16 MB.
const LARGEST: u64 = 32 << 20;

/// The camera that serves a folder.
pub(super) struct Folder {
    path: PathBuf,
    pace: Pace,
    warm_up: Duration,
    sequence: u64,
}

/// The folder while it is watched.
struct Open {
    watch: OwnedFd,
    /// The files to serve, in name order; never empty.
    names: Vec<OsString>,
    /// The file that was served last: the next one in order follows, also when the list has changed.
    last: Option<OsString>,
}

/// What the folder's watch told.
#[derive(Default)]
struct News {
    /// Files that are new frames now, in the order they came.
    fresh: Vec<OsString>,
    /// Whether files may have come or gone.
    list_changed: bool,
    /// Whether the folder itself has gone.
    gone: bool,
}

impl Folder {
    pub(super) fn new(path: PathBuf, settings: &Settings) -> Self {
        Self { path, pace: Pace::new(settings.fps), warm_up: settings.warm_up, sequence: 0 }
    }

    fn open(&self) -> Result<Open, String> {
        let path = self.path.display();
        let explain = |error: io::Error| match Errno::from_io_error(&error) {
            Some(Errno::NOENT) => {
                format!("the camera folder {path} does not exist: create it, or correct camera.folder")
            }
            Some(Errno::NOTDIR) => format!("{path} is not a folder: correct camera.folder"),
            Some(Errno::ACCESS) => {
                format!("the camera folder {path} may not be read: give this program's user the right to")
            }
            _ => format!("the camera folder {path} cannot be watched: {error}"),
        };
        let watch = self.watch().map_err(|errno| explain(errno.into()))?;
        let names = self.list().map_err(explain)?;
        Ok(Open { watch, names, last: None })
    }

    fn watch(&self) -> Result<OwnedFd, Errno> {
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let wanted = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&watch, &self.path, wanted)?;
        Ok(watch)
    }

    fn list(&self) -> io::Result<Vec<OsString>> {
        let files = fs::read_dir(&self.path)?.filter_map(Result::ok).map(|file| file.file_name());
        let mut names: Vec<OsString> = files.filter(|name| is_picture(name)).collect();
        names.sort();
        Ok(names)
    }

    fn empty(&self) -> End {
        End::Lost(format!("the camera folder {} holds no *.jpg file: put one there", self.path.display()))
    }

    /// Reads one file and delivers it as a frame of this moment.
    fn serve(&mut self, name: &OsStr, warming_up: bool, desk: &Desk) {
        // Before reading: the picture is at least as new as its stamp.
        let taken = desk.clock.now();
        let mut bytes = desk.ring.buffer();
        self.sequence += 1;
        match self.read(name, &mut bytes) {
            Ok(()) => desk.deliver(Frame {
                sequence: self.sequence,
                taken,
                format: PixelFormat::Jpeg,
                width: 0,
                height: 0,
                full_range: true,
                bytes,
                warming_up,
            }),
            Err(error) => {
                desk.ring.give_back(bytes);
                // A file that went between the listing and the reading was no frame; the watch tells of it.
                if error.kind() != io::ErrorKind::NotFound {
                    desk.refuse(|counts| counts.damaged += 1);
                }
            }
        }
    }

    fn read(&self, name: &OsStr, bytes: &mut Vec<u8>) -> io::Result<()> {
        // Without waiting: a pipe of that name would hold the thread for ever.
        let wait_not = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = fs::OpenOptions::new().read(true).custom_flags(wait_not).open(self.path.join(name))?;
        let about = file.metadata()?;
        if !about.is_file() || about.len() > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.take(LARGEST).read_to_end(bytes)?;
        let whole =
            jpeg::whole(bytes).map_err(|damage| io::Error::new(io::ErrorKind::InvalidData, damage))?;
        bytes.truncate(whole.len());
        Ok(())
    }
}

impl Driver for Folder {
    fn run(&mut self, desk: &Rc<Desk>) -> End {
        let mut open = match self.open() {
            Ok(open) if open.names.is_empty() => return self.empty(),
            Ok(open) => open,
            Err(why) => return End::Lost(why),
        };
        let warm_at = desk.clock.now() + self.warm_up;
        self.pace.start(desk.clock.now());
        loop {
            let woken = desk.wait(Some(open.watch.as_fd()), self.pace.due());
            let warming_up = desk.clock.now() < warm_at;
            match woken {
                Woken::Stop => return End::Stopped,
                Woken::Due => {
                    self.pace.step(desk.clock.now());
                    if let Some(name) = open.next() {
                        self.serve(&name, warming_up, desk);
                    }
                }
                Woken::Device => {
                    let news = open.news();
                    if news.gone {
                        return End::Lost(format!("the camera folder {} has gone", self.path.display()));
                    }
                    if news.list_changed {
                        open.names = self.list().unwrap_or_default();
                    }
                    for name in &news.fresh {
                        self.serve(name, warming_up, desk);
                    }
                    if open.names.is_empty() {
                        return self.empty();
                    }
                }
            }
        }
    }

    /// A folder costs nothing to look at.
    fn longest_pause(&self) -> Duration {
        Duration::from_secs(1)
    }
}

impl Open {
    /// The file after the one that was served last.
    fn next(&mut self) -> Option<OsString> {
        let after = |last: &OsString| self.names.iter().find(|name| *name > last);
        let next = self.last.as_ref().and_then(after).or_else(|| self.names.first()).cloned();
        self.last.clone_from(&next);
        next
    }

    /// Reads what the watch has to tell.
    fn news(&self) -> News {
        let mut news = News::default();
        // Room for a dozen events with the longest names; the rest comes with the next read.
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.watch, &mut buffer);
        while let Ok(event) = events.next() {
            news.hear(event.events(), event.file_name().map(|name| OsStr::from_bytes(name.to_bytes())));
        }
        news
    }
}

impl News {
    fn hear(&mut self, what: ReadFlags, name: Option<&OsStr>) {
        let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT;
        self.gone |= what.intersects(gone);
        // With a full queue the kernel forgets events: whatever they were, the list tells.
        self.list_changed |= what.intersects(ReadFlags::QUEUE_OVERFLOW);
        let Some(name) = name.filter(|name| is_picture(name)) else { return };
        self.list_changed |= !what.intersects(ReadFlags::CLOSE_WRITE);
        if what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
            // Told twice and not read yet: it is one frame, the last.
            self.fresh.retain(|known| known != name);
            self.fresh.push(name.to_owned());
        }
    }
}

/// `*.jpg` as a shell means it: files that begin with a dot are somebody's half-written ones.
fn is_picture(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".jpg") && !name.starts_with(b".")
}
