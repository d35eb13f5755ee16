//! The audit trail: every weighing with what was decided and how it went, in the same file as the reports.
//!
//! | table | holds |
//! |---|---|
//! | `weighing` | each outcome, with the checksum of the settings it came about under |
//! | `picture` | the pictures, where the settings ask for them, until the service has the weighing's selection |

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::kept::StoreError;
use super::store::Store;
use crate::stamp::iso_utc;

/// The step of the file's layout that this needs.
pub(super) const LAYOUT: &str = "
CREATE TABLE weighing (
    id      TEXT PRIMARY KEY,
    at      INTEGER,                        -- UTC milliseconds; NULL while the clock is not set
    config  TEXT NOT NULL,                  -- SHA-256 of the settings' file
    outcome TEXT NOT NULL,                  -- the outcome line
    bytes   INTEGER NOT NULL
) STRICT;
CREATE INDEX weighing_age ON weighing (at, id, bytes);
CREATE TABLE picture (
    weighing TEXT PRIMARY KEY,
    at       INTEGER,
    jpeg     BLOB NOT NULL,
    bytes    INTEGER NOT NULL
) STRICT;
CREATE INDEX picture_age ON picture (at, weighing, bytes);
CREATE INDEX recognition_id ON recognition (id);
PRAGMA user_version = 3;
";

/// A weighing on its way into the trail.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub weighing: String,
    /// SHA-256 of the settings' file.
    pub config: String,
    /// The outcome line.
    pub outcome: String,
    /// The JPEG file, where the settings ask for it.
    pub picture: Option<Vec<u8>>,
}

/// A weighing of the trail, as it is shown.
#[derive(Debug, Serialize)]
pub struct Audited {
    /// When it was noted; none if the clock was not set.
    pub at: Option<String>,
    /// SHA-256 of the settings' file at that time.
    pub config: String,
    /// The length of its picture, if there is one.
    pub picture_bytes: Option<u64>,
    /// The outcome line.
    pub outcome: Box<RawValue>,
}

/// How much of the trail is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Nothing noted before this is kept; none while the clock is not set.
    pub(super) since: Option<(i64, i64)>,
    pub(super) bytes: i64,
    pub(super) picture_bytes: i64,
}

impl Store {
    /// Notes a weighing.
    pub(super) fn record(&mut self, entry: &Entry, now: Option<i64>) -> Result<(), StoreError> {
        let size = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        self.change(|change| {
            let Entry { weighing, config, outcome, picture } = entry;
            change
                .prepare("INSERT OR REPLACE INTO weighing (id, at, config, outcome, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![weighing, now, config, outcome, size(outcome.len())])?;
            if let Some(jpeg) = picture {
                change
                    .prepare("INSERT OR REPLACE INTO picture (weighing, at, jpeg, bytes) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![weighing, now, jpeg, size(jpeg.len())])?;
            }
            Ok(())
        })
    }

    /// Forgets what is too old or too much, oldest first. Weighings from before the clock was set count as of now.
    pub(super) fn prune(&mut self, bounds: Bounds, now: Option<i64>) -> Result<(), StoreError> {
        self.change(|change| {
            if let (Some((weighings, pictures)), Some(now)) = (bounds.since, now) {
                change.execute("UPDATE weighing SET at = ?1 WHERE at IS NULL", [now])?;
                change.execute("UPDATE picture SET at = ?1 WHERE at IS NULL", [now])?;
                change.execute("DELETE FROM weighing WHERE at < ?1", [weighings])?;
                change.execute("DELETE FROM picture WHERE at < ?1", [pictures])?;
            }
            for (table, name, most) in
                [("weighing", "id", bounds.bytes), ("picture", "weighing", bounds.picture_bytes)]
            {
                let all: i64 =
                    change.query_row(&format!("SELECT COALESCE(SUM(bytes), 0) FROM {table}"), [], |row| row.get(0))?;
                if all > most {
                    change.execute(
                        &format!(
                            "DELETE FROM {table} WHERE {name} IN (SELECT {name} FROM (
                                 SELECT {name}, SUM(bytes) OVER (ORDER BY at DESC, {name} DESC) AS newest FROM {table})
                             WHERE newest > ?1)"
                        ),
                        [most],
                    )?;
                }
            }
            Ok(())
        })
    }

    /// The last weighings of the trail, or one of them, oldest first.
    pub(super) fn audited(&self, most: u32, weighing: Option<&str>) -> Result<Vec<Audited>, StoreError> {
        self.ask(|connection| {
            let mut ask = connection.prepare(
                "SELECT w.at, w.config, p.bytes, w.outcome FROM weighing AS w
                 LEFT JOIN picture AS p ON p.weighing = w.id
                 WHERE ?2 IS NULL OR w.id = ?2 ORDER BY w.at DESC, w.id DESC LIMIT ?1",
            )?;
            let read = |row: &rusqlite::Row<'_>| {
                let (at, bytes): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(2)?);
                let outcome: String = row.get(3)?;
                Ok(Audited {
                    at: at.and_then(chrono::DateTime::from_timestamp_millis).map(iso_utc),
                    config: row.get(1)?,
                    picture_bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
                    // what cannot be read any more is shown as it is
                    outcome: RawValue::from_string(outcome.clone())
                        .or_else(|_| serde_json::value::to_raw_value(&outcome))
                        .unwrap_or_default(),
                })
            };
            let mut found: Vec<Audited> =
                ask.query_map(params![most, weighing], read)?.collect::<Result<_, _>>()?;
            found.reverse();
            Ok(found)
        })
    }

    /// The picture of a weighing, if it is kept.
    pub(super) fn picture(&self, weighing: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask(|connection| {
            connection
                .prepare("SELECT jpeg FROM picture WHERE weighing = ?1")?
                .query_row([weighing], |row| row.get(0))
                .optional()
        })
    }
}

/// The service has a report: with the selection a weighing is over, and its picture is no longer kept.
pub(super) fn delivered(change: &Transaction<'_>, item: i64) -> rusqlite::Result<()> {
    change
        .prepare(
            "DELETE FROM picture WHERE weighing IN (
                 SELECT recognition.weighing FROM item JOIN recognition ON recognition.id = item.recognition
                 WHERE item.id = ?1 AND item.kind = 'selection')",
        )?
        .execute([item])
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("outbox.db")).unwrap();
        (folder, store)
    }

    fn entry(weighing: &str, picture: Option<usize>) -> Entry {
        Entry {
            weighing: weighing.to_owned(),
            config: "5ca1e".to_owned(),
            outcome: r#"{"a":1}"#.to_owned(),
            picture: picture.map(|length| vec![0xFF; length]),
        }
    }

    fn names(store: &Store) -> Vec<(Option<String>, Option<u64>)> {
        store.audited(99, None).unwrap().into_iter().map(|one| (one.at, one.picture_bytes)).collect()
    }

    #[test]
    fn the_last_weighings_are_shown_oldest_first() {
        let (_folder, mut store) = store();
        for (number, weighing) in ["a", "b", "c"].into_iter().enumerate() {
            store.record(&entry(weighing, Some(3)), Some(i64::try_from(number).unwrap())).unwrap();
        }
        let last = store.audited(2, None).unwrap();
        let line = serde_json::to_string(&last[0]).unwrap();
        assert_eq!(
            line,
            r#"{"at":"1970-01-01T00:00:00.001Z","config":"5ca1e","picture_bytes":3,"outcome":{"a":1}}"#
        );
        assert_eq!(store.audited(9, Some("c")).unwrap().len(), 1);
        assert_eq!(store.picture("a").unwrap(), Some(vec![0xFF; 3]));
        assert_eq!(store.picture("z").unwrap(), None);
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten_oldest_first() {
        let (_folder, mut store) = store();
        for at in 0..10 {
            store.record(&entry(&format!("w{at}"), Some(10)), Some(at)).unwrap();
        }
        let roomy = Bounds { since: None, bytes: 70, picture_bytes: 100 };
        store.prune(roomy, None).unwrap();
        assert_eq!(names(&store).len(), 10, "just enough room");
        store.prune(Bounds { bytes: 69, picture_bytes: 35, ..roomy }, None).unwrap();
        let left = names(&store);
        assert_eq!(left.len(), 9);
        assert_eq!(left.iter().filter(|(_, picture)| picture.is_some()).count(), 3);
        assert!(left.last().unwrap().1.is_some() && left[0].1.is_none());
        store.prune(Bounds { since: Some((8, 9)), ..roomy }, Some(20)).unwrap();
        let left = names(&store);
        assert_eq!((left.len(), left[0].1, left[1].1), (2, None, Some(10)));
    }

    #[test]
    fn weighings_from_before_the_clock_was_set_count_as_of_now() {
        let (_folder, mut store) = store();
        store.record(&entry("a", Some(1)), None).unwrap();
        let bounds = Bounds { since: Some((50, 50)), bytes: 99, picture_bytes: 99 };
        store.prune(bounds, Some(100)).unwrap();
        assert_eq!(names(&store), [(Some("1970-01-01T00:00:00.100Z".to_owned()), Some(1))]);
        store.prune(Bounds { since: Some((101, 101)), ..bounds }, Some(200)).unwrap();
        assert!(names(&store).is_empty());
    }

    #[test]
    fn a_picture_is_kept_until_the_service_has_the_selection() {
        use super::super::kept::{Limits, NewItem};
        use super::super::report::Kind;
        let (_folder, mut store) = store();
        let roomy = Limits { items: 9, bytes: 999 };
        store.saw("w", "r", Some(1)).unwrap();
        store.record(&entry("w", Some(1)), Some(1)).unwrap();
        for kind in [Kind::Transaction, Kind::Selection] {
            let key = kind.word().to_owned();
            let (weighing, body, said) = ("w".to_owned(), "{}".to_owned(), vec![1]);
            store.accept(&NewItem { key, weighing, kind, body, said }, roomy, None).unwrap();
        }
        let ids: Vec<i64> = store.list().unwrap().into_iter().map(|item| item.id).collect();
        store.sent(&ids[..1]).unwrap();
        assert!(store.picture("w").unwrap().is_some());
        store.sent(&ids[1..]).unwrap();
        assert_eq!(store.picture("w").unwrap(), None);
        assert_eq!(store.audited(9, None).unwrap().len(), 1, "the weighing stays");
    }
}
