//! Sink `stdout`: one JSON line per weighing, and one per bar code of a scanner-scale.

use tokio::io::AsyncWriteExt;

use super::Sink;
use crate::outcome::{Barcode, Outcome};

pub(super) struct Stdout;

impl Sink for Stdout {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        print(outcome.json()).await
    }

    async fn scanned(&mut self, barcode: &Barcode) -> Result<(), String> {
        print(barcode.json()).await
    }
}

async fn print(line: String) -> Result<(), String> {
    let line = line + "\n";
    let mut stdout = tokio::io::stdout();
    let written = async {
        stdout.write_all(line.as_bytes()).await?;
        stdout.flush().await
    };
    written.await.map_err(|error| format!("standard output does not take the line: {error}"))
}
