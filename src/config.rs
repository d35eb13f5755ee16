//! `config.toml`: read once, checked whole, never half believed.
//!
//! Every table refuses keys it does not know, every value's type holds its rule, and a message points at the
//! line and column of the very value. A bad setting never becomes a default.

mod advice;
mod custom;
mod local;
mod place;
mod values;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::bounded::Bounded;
use crate::outcome::Products;
use crate::scale::custom::Rules as CustomRules;
use crate::scale::{FAMILIES, Family, Framing, Kind, Line, Model, Profile};
use crate::serial::{Port, Setup};
use crate::stability::Rules;
use crate::weight::{Division, Grams, Unit, Weight};
use crate::{camera, picture, recognition, sink};
use custom::CustomTable;
pub use local::Local;
use local::LocalTable;
use place::{checksum, line_and_column, start};
use values::{DeviceId, Protocol};

/// Where the settings are unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/scalecam/config.toml";

/// The extra hold on top of the scale's own word, where the settings do not say.
const SETTLE: Duration = Duration::ZERO;
/// The hold where the scale gives no word of its own.
const SETTLE_UNFLAGGED: Duration = Duration::from_millis(800);

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The device as the service knows it; nothing if it is neither set nor to be read from the machine.
    pub device_id: Option<String>,
    /// The scale.
    pub scale: Scale,
    /// When a weighing fires.
    pub trigger: Trigger,
    /// The camera.
    pub camera: camera::Settings,
    /// What is made of a frame.
    pub picture: picture::Settings,
    /// The service.
    pub recognition: recognition::Settings,
    /// What the service gets to know afterwards.
    pub reports: recognition::reports::Settings,
    /// What is noted of every weighing.
    pub audit: recognition::reports::Audit,
    /// Who on this box may ask and report.
    pub local: Local,
    /// Where outcomes go.
    pub sinks: Vec<sink::Settings>,
    /// Product id → what a person reads.
    pub products: Arc<Products>,
    /// The SHA-256 of the file, as `sha256sum` prints it.
    pub checksum: String,
}

/// The `[scale]` table, with the protocol's defaults filled in.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Where it is plugged in.
    pub port: PortName,
    /// What it speaks.
    pub family: &'static Family,
    /// How the line is set.
    pub line: Line,
    /// What the wire does not say.
    pub profile: Profile,
    /// The division, if it is set.
    pub division: Option<Division>,
    /// The file with the checksums that the scale may demand, if it is set.
    pub checksum_file: Option<PathBuf>,
    /// The protocol in the site's own words, for `custom`.
    pub custom: Option<Arc<CustomRules>>,
}

/// Where a scale is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortName {
    /// A serial device.
    Device(PathBuf),
    /// A practice scale that speaks a protocol, on a pseudo-terminal of our own.
    Practice(&'static Family),
}

/// The `[trigger]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Nothing fires by itself.
    pub manual: bool,
    /// The least load, if it is set.
    pub min_load: Option<Weight>,
    /// The hold, if it is set.
    pub settle: Option<Duration>,
}

/// Why the settings cannot be used. Prints as `config.toml:7:11: trigger.hold_ms: …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// The file cannot be read.
    #[error("{file}: the settings cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the kernel said.
        reason: String,
    },
    /// A value is wrong.
    #[error("{file}:{line}:{column}: {key}{reason}")]
    Wrong {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// The setting, with a colon and a blank, or nothing.
        key: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

impl Config {
    /// Reads and checks a file.
    pub fn read(file: &Path) -> Result<Self, BadSettings> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| BadSettings::Unreadable { file: file.to_owned(), reason: error.to_string() })?;
        Self::parse(&text, file)
    }

    /// Checks a text; `file` is only named in messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, BadSettings> {
        let wrong = |at: usize, key: String, reason: String| {
            let (line, column) = line_and_column(text, at);
            BadSettings::Wrong { file: file.to_owned(), line, column, key, reason }
        };
        let from = toml::Deserializer::parse(text)
            .map_err(|error| wrong(start(&error), String::new(), error.message().to_owned()))?;
        let tables: Tables = serde_path_to_error::deserialize(from).map_err(|error| {
            // Values that keep their place in the file go through a field of that name.
            let path = error.path().to_string().replace(".$__serde_spanned_private_value", "");
            let key = if path == "." { String::new() } else { format!("{path}: ") };
            wrong(start(error.inner()), key, error.inner().message().to_owned())
        })?;
        let config =
            tables.check().map_err(|Objection { at, key, reason }| wrong(at, format!("{key}: "), reason))?;
        Ok(Self { checksum: checksum(text), ..config })
    }

    /// The rules of settling that these settings make.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            division: self.scale.division,
            min_load: self.trigger.min_load,
            settle: self.trigger.settle.unwrap_or(SETTLE),
            settle_unflagged: self.trigger.settle.unwrap_or(SETTLE_UNFLAGGED),
        }
    }

    /// What the conversation with the scale needs, once its device is known.
    #[must_use]
    pub fn link(&self, device: PathBuf) -> Setup {
        let rules = self.rules();
        Setup {
            port: Port { path: device, line: self.scale.line },
            family: self.scale.family,
            profile: self.scale.profile,
            hold: rules.settle.max(rules.settle_unflagged),
            checksum_file: self.scale.checksum_file.clone(),
            custom: self.scale.custom.clone(),
        }
    }

    /// Whether any part is simulated, so that every outcome says so.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        matches!(self.scale.port, PortName::Practice(_)) || self.camera.source.is_simulated()
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    device: DeviceTable,
    scale: ScaleTable,
    #[serde(default)]
    trigger: TriggerTable,
    camera: camera::Settings,
    picture: Option<Spanned<picture::Settings>>,
    recognition: Option<Spanned<recognition::Settings>>,
    #[serde(default)]
    reports: recognition::reports::Settings,
    #[serde(default)]
    audit: recognition::reports::Audit,
    #[serde(default)]
    local: LocalTable,
    #[serde(default)]
    sink: Vec<Spanned<sink::Settings>>,
    #[serde(default)]
    products: Products,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceTable {
    id: Option<DeviceId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleTable {
    port: PortName,
    protocol: Option<Spanned<Protocol>>,
    baud: Option<Baud>,
    framing: Option<Framing>,
    unit: Option<Unit>,
    decimals: Option<Decimals>,
    profile: Option<Spanned<String>>,
    division_g: Option<Grams>,
    checksum_file: Option<PathBuf>,
    custom: Option<Spanned<CustomTable>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TriggerTable {
    manual: bool,
    min_load_g: Option<Grams>,
    settle_ms: Option<SettleMs>,
}

/// The rates that serial adapters offer.
type Baud = Bounded<300, 921_600>;
/// No scale shows more decimal places.
type Decimals = Bounded<0, 6>;
/// A load that has not settled within a minute is being played with.
type SettleMs = Bounded<0, 60_000>;

/// A rule between settings that is broken, and where.
struct Objection {
    at: usize,
    key: String,
    reason: String,
}

impl Tables {
    fn check(self) -> Result<Config, Objection> {
        let scale = self.scale.check()?;
        let local = self.local.check()?;
        for (index, sink) in self.sink.iter().enumerate() {
            check_sink(index, sink, &scale)?;
        }
        let (picture, camera) = (view::picture(self.picture, &self.camera)?, self.camera);
        let place = self.recognition.as_ref().map_or(0, |table| table.span().start);
        let recognition = self.recognition.map(Spanned::into_inner).unwrap_or_default();
        if let Some((setting, why)) = recognition.objection() {
            let key = format!("recognition.{setting}");
            return Err(Objection { at: place, key, reason: why.to_owned() });
        }
        Ok(Config {
            device_id: self.device.id.map(|id| id.0),
            scale,
            trigger: Trigger {
                manual: self.trigger.manual,
                min_load: self.trigger.min_load_g.map(Grams::weight),
                settle: self.trigger.settle_ms.map(Bounded::as_millis),
            },
            camera,
            picture,
            recognition,
            reports: self.reports,
            audit: self.audit,
            local,
            sinks: self.sink.into_iter().map(Spanned::into_inner).collect(),
            products: Arc::new(self.products),
            checksum: String::new(),
        })
    }
}

/// Refuses a sink that the scale has no words for, and names the protocols that have.
fn check_sink(index: usize, sink: &Spanned<sink::Settings>, scale: &Scale) -> Result<(), Objection> {
    let Some(kind) = sink.as_ref().wants() else { return Ok(()) };
    let Scale { family, profile, .. } = scale;
    if family.writes_of(profile.model).of(kind).is_some() {
        return Ok(());
    }
    let what = match kind {
        Kind::Text => "has no display for texts",
        Kind::Price => "takes no price",
        Kind::Tare => "takes no known tare",
        Kind::Beep => "has no beep for the host",
    };
    let speaks = profile.model.map_or(String::new(), |model| format!(" with the profile {}", model.name));
    let reason = format!(
        "a scale that speaks {}{speaks} {what}; of the protocols, these do: {}",
        family.name,
        able(kind).join(", ")
    );
    Err(Objection { at: sink.span().start, key: format!("sink[{index}]"), reason })
}

/// The protocols that take that from the host; a variant as `family (profile "variant")`.
fn able(kind: Kind) -> Vec<String> {
    let each = |family: &&'static Family| {
        let own = family.writes.of(kind).map(|_| family.name.to_owned());
        let variants =
            family.models.iter().filter(|model| model.writes.is_some_and(|writes| writes.of(kind).is_some()));
        let variants = variants.map(|model| format!("{} (profile {:?})", family.name, model.name));
        own.into_iter().chain(variants).collect::<Vec<_>>()
    };
    FAMILIES.iter().flat_map(each).collect()
}

impl ScaleTable {
    fn check(self) -> Result<Scale, Objection> {
        let family = match (&self.port, self.protocol) {
            (PortName::Device(_), Some(protocol)) => protocol.into_inner().0,
            (PortName::Practice(family), None) => family,
            (PortName::Practice(family), Some(protocol)) if protocol.as_ref().0 == *family => family,
            (PortName::Practice(family), Some(protocol)) => {
                let reason = format!(
                    "the practice scale speaks {}; leave protocol out or make it the same",
                    family.name
                );
                return Err(Objection {
                    at: protocol.span().start,
                    key: "scale.protocol".to_owned(),
                    reason,
                });
            }
            (PortName::Device(_), None) => {
                let reason = format!("is missing; expected one of {}", names());
                return Err(Objection { at: 0, key: "scale.protocol".to_owned(), reason });
            }
        };
        let model = self.profile.map(|name| model(family, &name)).transpose()?;
        let line = family.line_of(model);
        let is_custom = *family == crate::scale::custom::FAMILY;
        if let Some(table) = self.custom.as_ref().filter(|_| !is_custom) {
            let reason = "describes a protocol; it needs scale.protocol = \"custom\"".to_owned();
            return Err(Objection { at: table.span().start, key: "scale.custom".to_owned(), reason });
        }
        let table = self.custom.map(Spanned::into_inner);
        let custom = is_custom.then(|| Arc::new(CustomRules::from(table.unwrap_or_default())));
        let decimals = self.decimals.and_then(|decimals| u8::try_from(decimals.get()).ok());
        Ok(Scale {
            port: self.port,
            family,
            line: Line {
                baud: self.baud.map_or(line.baud, Bounded::get),
                framing: self.framing.unwrap_or(line.framing),
            },
            profile: Profile { unit: self.unit, decimals, model },
            division: self
                .division_g
                .and_then(|grams| Division::from_micrograms(grams.weight().micrograms().unsigned_abs())),
            checksum_file: self.checksum_file,
            custom,
        })
    }
}

/// The maker's variant of that name.
fn model(family: &'static Family, name: &Spanned<String>) -> Result<&'static Model, Objection> {
    family.model(name.as_ref()).ok_or_else(|| {
        let names: Vec<_> = family.models.iter().map(|model| model.name).collect();
        let reason = match names.as_slice() {
            [] => format!("{} has no variants; leave the setting out", family.name),
            names => format!("unknown variant `{}`, expected one of {}", name.as_ref(), names.join(", ")),
        };
        Objection { at: name.span().start, key: "scale.profile".to_owned(), reason }
    })
}

fn names() -> String {
    let names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    format!("{}, custom", names.join(", "))
}
