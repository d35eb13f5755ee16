//! Sink `command`: a program per result, with the outcome line on its standard input. No shell.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::Sink;
use crate::outcome::Outcome;

pub(super) struct Command {
    run: Vec<String>,
    time_limit: Duration,
}

impl Command {
    pub(super) const fn new(run: Vec<String>, time_limit: Duration) -> Self {
        Self { run, time_limit }
    }
}

impl Sink for Command {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let line = outcome.json() + "\n";
        let (program, arguments) = self.run.split_first().ok_or("no program is set")?;
        let running = async {
            let mut child = tokio::process::Command::new(program)
                .args(arguments)
                // The key lies in that folder; the program has no business there.
                .env_remove("CREDENTIALS_DIRECTORY")
                .env_remove("NOTIFY_SOCKET")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // A program that does not read its input may still do its work: only its exit counts.
                let _ = stdin.write_all(line.as_bytes()).await;
            }
            child.wait().await
        };
        match tokio::time::timeout(self.time_limit, running).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{program} ended with {status}")),
            Ok(Err(error)) => Err(format!("{program} cannot be run: {error}")),
            Err(_) => Err(format!(
                "{program} did not end within {} ms and was stopped",
                self.time_limit.as_millis()
            )),
        }
    }
}
