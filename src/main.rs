//! The `scalecam` program: arguments become a command, the command an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    scalecam::command::main()
}
