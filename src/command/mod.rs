//! The commands: one file each. Human text goes to standard error, data to standard output.

mod audit;
mod capture;
mod check;
mod decode;
mod demo;
mod detect;
mod devices;
mod doctor;
mod exit;
mod outbox;
mod practice;
mod run;
mod trigger;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, DEFAULT_PATH};
pub use exit::Exit;

/// Edge capture agent for checkout scales.
///
/// Reads a scale's serial port, knows the instant the weight has settled, takes the camera frame that belongs
/// to it, sends it to a recognition service over one kept HTTPS session, and writes the result back to the
/// scale's display, the till, a file or a program.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 69 a device or service is unavailable, 78 bad settings.
#[derive(Debug, Parser)]
#[command(name = "scalecam", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent (this is what the service manager starts).
    Run(Settings),
    /// Read the settings and say what is wrong with line and column; touches no device.
    Check(Settings),
    /// Show the whole path with nothing plugged in: practice scale, drawn camera, practice service.
    Demo(demo::Arguments),
    /// Turn raw bytes from a scale into one JSON line per reading.
    Decode(decode::Arguments),
    /// Show live readings of the scale with the raw bytes in hex beside them.
    Watch(watch::Arguments),
    /// List serial ports and cameras with the names that survive a replug, their modes, and who holds them.
    Devices(devices::Arguments),
    /// Find framing and protocol of an unknown scale: listens first, then sends harmless requests only.
    Detect(detect::Arguments),
    /// Look at everything that a lane needs, one line each, with what to do.
    Doctor(doctor::Arguments),
    /// Take one picture through the whole camera and picture path.
    Capture(capture::Arguments),
    /// Ask the running agent for one weighing now and print its outcome line.
    Trigger(Settings),
    /// Show what was weighed, what was decided, and under which settings.
    Audit(audit::Arguments),
    /// Look after the reports that wait for the service.
    Outbox(outbox::Arguments),
    /// Practice parts on their own, for those who test a till.
    Practice(practice::Arguments),
}

/// Where the settings are.
#[derive(Debug, clap::Args)]
struct Settings {
    /// The settings' file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

impl Settings {
    fn read(&self) -> Result<Config, Exit> {
        Config::read(&self.config).map_err(Exit::bad_settings)
    }
}

/// Runs the program: arguments to exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(settings) => run::run(&settings.config),
        Command::Check(settings) => check::run(&settings),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Detect(arguments) => detect::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Capture(arguments) => capture::run(&arguments),
        Command::Trigger(settings) => trigger::run(&settings),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Outbox(arguments) => outbox::run(&arguments),
        Command::Practice(arguments) => practice::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

/// A runtime for everything that is not a blocking device. Two workers: one may be busy with TLS while the
/// other takes readings; more would only cost memory on a small box.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tokio")
        .enable_all()
        .build()
        .map_err(|error| Exit::failed(format!("the runtime cannot be started: {error}")))
}

/// Tells a person something, on standard error.
fn say(text: impl std::fmt::Display) {
    use std::io::Write;
    // Nobody may be listening; that is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Gives a program one line of data, on standard output.
fn give(line: &str) -> Result<(), Exit> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| Exit::output(&error))
}
