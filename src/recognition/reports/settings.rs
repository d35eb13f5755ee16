//! The settings of the reports.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use crate::bounded::Bounded;

/// The file's name in the folder that the service manager gives the agent.
pub(super) const FILE: &str = "outbox.db";

/// The table `[reports]`: what becomes of a recognition is reported to the service, for every one of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The file that holds the reports until the service has them; none = `outbox.db` in the folder that the
    /// service manager gives the agent, and without such a folder nothing is reported.
    #[serde(deserialize_with = "path_or_none")]
    pub file: Option<PathBuf>,
    /// A recognition that nobody reported is reported as unused after so many minutes; 0 = never.
    pub unused_after_minutes: Bounded<0, 10_080>,
    /// No more reports are accepted when so many wait, quarantined ones included.
    pub most_items: Bounded<1, 1_000_000>,
    /// Nor when they take so many megabytes.
    pub most_megabytes: Bounded<1, 4_096>,
    /// A report that the service has not taken after so many days is put into quarantine.
    pub most_days: Bounded<1, 365>,
}

/// The table `[audit]`: every weighing is noted in the same file, with what was decided and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Weighings are kept for so many days; 0 = none is noted.
    pub most_days: Bounded<0, 3_650>,
    /// And no more of them than take so many megabytes.
    pub most_megabytes: Bounded<1, 4_096>,
    /// Whether the pictures that were sent are kept, too, until the service has the weighing's selection.
    pub pictures: bool,
    /// But not longer than so many hours.
    pub picture_hours: Bounded<1, 720>,
    /// And no more of them than take so many megabytes.
    pub picture_megabytes: Bounded<1, 4_096>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            most_days: const { Bounded::new(30) },
            most_megabytes: const { Bounded::new(32) },
            pictures: false,
            picture_hours: const { Bounded::new(72) },
            picture_megabytes: const { Bounded::new(64) },
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            file: None,
            unused_after_minutes: const { Bounded::new(30) },
            most_items: const { Bounded::new(10_000) },
            most_megabytes: const { Bounded::new(64) },
            most_days: const { Bounded::new(30) },
        }
    }
}

impl Settings {
    /// The file; none when there is no place for one.
    #[must_use]
    pub fn place(&self) -> Option<PathBuf> {
        let given = std::env::var("STATE_DIRECTORY").ok();
        self.place_in(given.as_deref())
    }

    /// The file of the agent that runs with the settings in `settings_file`, for those who look at it from outside: where
    /// neither the settings nor a service manager say, it is where the package's units put it.
    #[must_use]
    pub fn place_of_service(&self, settings_file: &Path) -> Option<PathBuf> {
        self.place().or_else(|| of_unit(settings_file))
    }

    /// The service manager may give several folders, with colons between them.
    fn place_in(&self, given: Option<&str>) -> Option<PathBuf> {
        let folder = given.and_then(|given| given.split(':').next()).filter(|folder| !folder.is_empty());
        self.file.clone().or_else(|| folder.map(|folder| Path::new(folder).join(FILE)))
    }
}

/// `scalecam.service` reads `config.toml`, `scalecam@1.service` reads `1.toml`; each has a state folder of its own.
fn of_unit(settings_file: &Path) -> Option<PathBuf> {
    let lane = settings_file.strip_prefix("/etc/scalecam").ok()?.to_str()?.strip_suffix(".toml")?;
    let state = Path::new("/var/lib/scalecam");
    match lane {
        "config" => Some(state.join(FILE)),
        lane if lane.contains('/') => None,
        lane => Some(state.join(lane).join(FILE)),
    }
}

fn path_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(from)?;
    Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stands_where_it_may() {
        let none = Settings::default();
        assert_eq!(none.place_in(None), None);
        assert_eq!(none.place_in(Some("")), None);
        assert_eq!(none.place_in(Some("/var/lib/a:/var/lib/b")), Some(PathBuf::from("/var/lib/a/outbox.db")));
        let set: Settings = toml::from_str("file = '/x/y.db'\nmost_days = 7").unwrap();
        assert_eq!(set.place_in(Some("/var/lib/a")), Some(PathBuf::from("/x/y.db")));
        for (settings, file) in [
            ("/etc/scalecam/config.toml", Some("/var/lib/scalecam/outbox.db")),
            ("/etc/scalecam/2.toml", Some("/var/lib/scalecam/2/outbox.db")),
            ("/etc/scalecam/old/2.toml", None),
            ("/etc/other/config.toml", None),
            ("config.toml", None),
        ] {
            assert_eq!(of_unit(Path::new(settings)), file.map(PathBuf::from), "{settings}");
        }
        let empty: Settings = toml::from_str("file = ''").unwrap();
        assert_eq!(empty, none);
    }
}
