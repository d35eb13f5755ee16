//! The host: its service manager, its log, its serial number.

use std::io::{self, Write};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Tells the service manager something, if there is one.
pub fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell, and one that does not listen cannot be helped.
    let _ = sd_notify::notify(states);
}

/// How often the service manager hears from us, if it wants to: a quarter of its limit, so that a part that stands
/// still is seen, and named in the log, well before the limit ends.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 4)
}

/// The machine's serial number: by the device tree on ARM boards, by the firmware on PCs (for the superuser).
#[must_use]
pub fn machine_serial() -> Option<String> {
    ["/sys/firmware/devicetree/base/serial-number", "/sys/class/dmi/id/product_serial"]
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .map(|text| text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
        .find(|serial| is_a_serial(serial))
}

/// Boards that were never given a number say so in these words.
fn is_a_serial(text: &str) -> bool {
    const BLANKS: [&str; 6] =
        ["to be filled by o.e.m.", "default string", "not specified", "none", "system serial number", "0"];
    let plain =
        !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    plain && !BLANKS.contains(&text.to_ascii_lowercase().as_str()) && text.chars().any(|c| c != '0')
}

/// Keeps memory out of core files: it holds the key and pictures. The limit alone, like the unit's `LimitCORE=0`,
/// does not stop a kernel that pipes cores to a program; for that one no memory is put into them.
///
/// The process stays one that others of its user can look at, so that `scalecam devices` still names who holds a port.
pub fn hide_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // a bit for each kind of memory: core(5)
    let hidden = std::fs::write("/proc/self/coredump_filter", "0")
        .and_then(|()| setrlimit(Resource::Core, none).map_err(Into::into));
    if let Err(error) = hidden {
        tracing::warn!("a core file of this process would hold the key, and cannot be forbidden: {error}");
    }
}

/// Sends the log to standard error. `SCALECAM_LOG` chooses what is logged (`debug`, `scalecam::lane=trace`).
/// Under the journal each line carries its priority.
pub fn log() {
    log_from("info");
}

/// The same, for a command that talks to a person: trouble only, unless `SCALECAM_LOG` says otherwise.
pub fn log_quietly() {
    log_from("error");
}

fn log_from(level: &str) {
    let filter = EnvFilter::try_from_env("SCALECAM_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(StandardError { journal });
    // A second start in the same process keeps the first log; only tests do that.
    if journal {
        let _ = lines.with_ansi(false).without_time().with_level(false).with_target(false).try_init();
    } else {
        let _ = lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).with_target(false).try_init();
    }
}

struct StandardError {
    journal: bool,
}

/// Standard error with the journal's priority in front of the line: `<3>` error to `<7>` debug.
struct Prefixed {
    prefix: Option<&'static str>,
}

impl Write for Prefixed {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if let Some(prefix) = self.prefix.take() {
            stderr.write_all(prefix.as_bytes())?;
        }
        stderr.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for StandardError {
    type Writer = Prefixed;

    fn make_writer(&'a self) -> Prefixed {
        Prefixed { prefix: None }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Prefixed {
        let prefix = match *meta.level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        };
        Prefixed { prefix: self.journal.then_some(prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_is_no_serial_number() {
        for blank in ["", "0", "00000000", "To Be Filled By O.E.M.", "Default string", "caf\u{e9}"] {
            assert!(!is_a_serial(blank), "{blank}");
        }
        assert!(is_a_serial("10000000abcdef01"));
    }
}
