//! The `scalecam` program: arguments become a command, the command an exit code.

fn main() {}
