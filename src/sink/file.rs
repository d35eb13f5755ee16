//! Sink `file`: one JSON line per weighing, appended. A line is in the file whole or not at all.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Sink;
use crate::outcome::Outcome;

/// Lines kept while the file cannot be written: about half a megabyte. The oldest go first.
const BACKLOG: usize = 500;

pub(super) struct File {
    path: PathBuf,
    backlog: VecDeque<String>,
}

impl File {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, backlog: VecDeque::new() }
    }
}

impl Sink for File {
    async fn take(&mut self, outcome: &Outcome) -> Result<(), String> {
        if self.backlog.len() == BACKLOG {
            self.backlog.pop_front();
        }
        self.backlog.push_back(outcome.json() + "\n");
        let (path, lines) = (self.path.clone(), std::mem::take(&mut self.backlog));
        let written = tokio::task::spawn_blocking(move || {
            let mut lines = lines;
            let result = append(&path, &mut lines);
            (lines, result)
        });
        let (left, result) = written.await.map_err(|error| error.to_string())?;
        self.backlog = left;
        result.map_err(|error| {
            format!("file {}: {error}; {} lines wait for it", self.path.display(), self.backlog.len())
        })
    }
}

/// Appends the lines one by one and takes each off the queue once it is in the file. The file is opened
/// anew each time, so that it may be rotated away under the agent.
fn append(path: &Path, lines: &mut VecDeque<String>) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    while let Some(line) = lines.front() {
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(line.as_bytes()) {
            // A disk that filled up in the middle of the line: take the half line back.
            let _ = file.set_len(before);
            return Err(error);
        }
        lines.pop_front();
    }
    Ok(())
}
