//! How a command ends when it did not go well.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// A command's end: a code of `sysexits.h` and a sentence.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    sentence: String,
}

impl Exit {
    /// 1: it was tried and failed.
    pub fn failed(sentence: impl Display) -> Self {
        Self { code: 1, sentence: sentence.to_string() }
    }

    /// 2: the command line is wrong.
    pub fn wrong_usage(sentence: impl Display) -> Self {
        Self { code: 2, sentence: sentence.to_string() }
    }

    /// 69: a device or service is unavailable.
    pub fn unavailable(sentence: impl Display) -> Self {
        Self { code: 69, sentence: sentence.to_string() }
    }

    /// 78: the settings are wrong. The service manager is told not to start again.
    pub fn bad_settings(sentence: impl Display) -> Self {
        Self { code: 78, sentence: sentence.to_string() }
    }

    /// Standard output did not take the data. A reader that has seen enough is no failure.
    #[must_use]
    pub fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { code: 0, sentence: String::new() };
        }
        Self::failed(format!("standard output: {error}"))
    }

    /// Says the sentence and gives the code.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        if !self.sentence.is_empty() {
            super::say(&self.sentence);
        }
        ExitCode::from(self.code)
    }
}
