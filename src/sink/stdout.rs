//! Sink `stdout`: one JSON line per weighing.

use tokio::io::AsyncWriteExt;

use super::Sink;
use crate::outcome::Outcome;

pub(super) struct Stdout;

impl Sink for Stdout {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        let line = outcome.json() + "\n";
        let mut stdout = tokio::io::stdout();
        let written = async {
            stdout.write_all(line.as_bytes()).await?;
            stdout.flush().await
        };
        written.await.map_err(|error| format!("standard output does not take the line: {error}"))
    }
}
