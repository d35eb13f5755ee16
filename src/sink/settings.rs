//! The `[[sink]]` tables of the settings.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Template;
use crate::bounded::Bounded;
use crate::outcome::Outcome;
use crate::scale::{Framing, Kind, Line};
use crate::serial::Port;
use crate::weight::{Grams, Weight};

/// A sink and what its kind needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub enum Settings {
    /// One JSON line per weighing on standard output.
    Stdout,
    /// One JSON line per weighing, appended to a file.
    File {
        /// The file; its folder must exist.
        path: PathBuf,
    },
    /// The scale's own display.
    ScaleDisplay(Texts),
    /// The unit price of the product, on a scale that computes what the goods cost.
    ScalePrice,
    /// The tare of the product's wrapping.
    ScaleTare {
        /// For products that have none of their own.
        otherwise: Option<Weight>,
    },
    /// The scale's own buzzer.
    ScaleBeep {
        /// When it sounds.
        on: BeepOn,
    },
    /// Another serial port: a till, a pole display.
    Serial {
        /// The port.
        port: Port,
        /// What it gets.
        texts: Texts,
    },
    /// A program per result, the JSON line on its standard input.
    Command {
        /// The program and its arguments.
        run: Vec<String>,
        /// It is stopped when it takes longer.
        time_limit: Duration,
    },
}

impl Settings {
    /// The sink's name in the log.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File { path } => format!("file {}", path.display()),
            Self::ScaleDisplay(_) => "scale-display".to_owned(),
            Self::ScalePrice => "scale-price".to_owned(),
            Self::ScaleTare { .. } => "scale-tare".to_owned(),
            Self::ScaleBeep { .. } => "scale-beep".to_owned(),
            Self::Serial { port, .. } => format!("serial {}", port.path.display()),
            Self::Command { run, .. } => format!("command {}", run.first().map_or("", String::as_str)),
        }
    }
}

impl Settings {
    /// What the sink wants the scale to take; nothing for a sink that has nothing to do with the scale.
    #[must_use]
    pub const fn wants(&self) -> Option<Kind> {
        match self {
            Self::ScaleDisplay(_) => Some(Kind::Text),
            Self::ScalePrice => Some(Kind::Price),
            Self::ScaleTare { .. } => Some(Kind::Tare),
            Self::ScaleBeep { .. } => Some(Kind::Beep),
            Self::Stdout | Self::File { .. } | Self::Serial { .. } | Self::Command { .. } => None,
        }
    }
}

/// When the buzzer sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BeepOn {
    /// A product was recognised.
    #[default]
    Recognised,
    /// None was.
    Otherwise,
    /// With every weighing.
    Always,
}

/// The texts for a display or a till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    recognised: Template,
    otherwise: Template,
}

impl Texts {
    /// The text for one outcome.
    #[must_use]
    pub fn fill(&self, outcome: &Outcome) -> String {
        let template = if outcome.product_id().is_some() { &self.recognised } else { &self.otherwise };
        template.fill(outcome)
    }
}

/// What a scale's display shows when there is no product.
const NO_RESULT: &str = "no result";
/// Most poles and tills leave the factory so.
const LINE: Line = Line { baud: 9600, framing: Framing::EightNoneOne };
/// A program that takes longer hangs.
const COMMAND_LIMIT: CommandLimit = CommandLimit::new(5_000);

/// A tenth of a second to a minute.
type CommandLimit = Bounded<100, 60_000>;
/// The rates that serial adapters offer.
type Baud = Bounded<300, 921_600>;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Stdout,
    File,
    ScaleDisplay,
    ScalePrice,
    ScaleTare,
    ScaleBeep,
    Serial,
    Command,
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Word,
    path: Option<PathBuf>,
    port: Option<PathBuf>,
    baud: Option<Baud>,
    framing: Option<Framing>,
    text: Option<Template>,
    failed_text: Option<Template>,
    run: Option<Vec<String>>,
    time_limit_ms: Option<CommandLimit>,
    tare_g: Option<Grams>,
    on: Option<BeepOn>,
}

/// A table that lacks something, or has something that its kind does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum BadTable {
    #[error("kind = \"{0}\" needs `{1}`")]
    Missing(&'static str, &'static str),
    #[error("kind = \"{0}\" has no `{1}`")]
    Foreign(&'static str, &'static str),
    #[error("`run` must name a program")]
    NoProgram,
    #[error("the text cannot be used: {0}")]
    Text(&'static str),
}

impl TryFrom<Table> for Settings {
    type Error = BadTable;

    fn try_from(table: Table) -> Result<Self, BadTable> {
        let (name, own): (_, &[&str]) = match table.kind {
            Word::Stdout => ("stdout", &[]),
            Word::File => ("file", &["path"]),
            Word::ScaleDisplay => ("scale-display", &["text", "failed_text"]),
            Word::ScalePrice => ("scale-price", &[]),
            Word::ScaleTare => ("scale-tare", &["tare_g"]),
            Word::ScaleBeep => ("scale-beep", &["on"]),
            Word::Serial => ("serial", &["port", "baud", "framing", "text", "failed_text"]),
            Word::Command => ("command", &["run", "time_limit_ms"]),
        };
        if let Some(foreign) = table.keys().into_iter().find(|key| !own.contains(key)) {
            return Err(BadTable::Foreign(name, foreign));
        }
        Ok(match table.kind {
            Word::Stdout => Self::Stdout,
            Word::File => Self::File { path: table.path.ok_or(BadTable::Missing(name, "path"))? },
            Word::ScaleDisplay => Self::ScaleDisplay(Texts {
                recognised: table.text.ok_or(BadTable::Missing(name, "text"))?,
                otherwise: match table.failed_text {
                    Some(text) => text,
                    None => Template::parse(NO_RESULT).map_err(|_| BadTable::Text(NO_RESULT))?,
                },
            }),
            Word::ScalePrice => Self::ScalePrice,
            Word::ScaleTare => Self::ScaleTare { otherwise: table.tare_g.map(Grams::weight) },
            Word::ScaleBeep => Self::ScaleBeep { on: table.on.unwrap_or_default() },
            Word::Serial => {
                let text = table.text.ok_or(BadTable::Missing(name, "text"))?;
                let baud = table.baud.map_or(LINE.baud, Bounded::get);
                let line = Line { baud, framing: table.framing.unwrap_or(LINE.framing) };
                let path = table.port.ok_or(BadTable::Missing(name, "port"))?;
                let otherwise = table.failed_text.unwrap_or_else(|| text.clone());
                Self::Serial { port: Port { path, line }, texts: Texts { recognised: text, otherwise } }
            }
            Word::Command => {
                let run = table.run.ok_or(BadTable::Missing(name, "run"))?;
                if run.first().is_none_or(String::is_empty) {
                    return Err(BadTable::NoProgram);
                }
                let limit = table.time_limit_ms.unwrap_or(COMMAND_LIMIT).get();
                Self::Command { run, time_limit: Duration::from_millis(limit.into()) }
            }
        })
    }
}

impl Table {
    /// The keys that are set, besides the kind.
    fn keys(&self) -> Vec<&'static str> {
        [
            ("path", self.path.is_some()),
            ("port", self.port.is_some()),
            ("baud", self.baud.is_some()),
            ("framing", self.framing.is_some()),
            ("text", self.text.is_some()),
            ("failed_text", self.failed_text.is_some()),
            ("run", self.run.is_some()),
            ("time_limit_ms", self.time_limit_ms.is_some()),
            ("tare_g", self.tare_g.is_some()),
            ("on", self.on.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
        .collect()
    }
}
