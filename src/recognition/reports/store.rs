//! The reports on disk: `SQLite` with a write-ahead log and full synchronisation, so that what was committed is
//! there after a power cut.
//!
//! | table | holds |
//! |---|---|
//! | `recognition` | every recognition, by its weighing: when it came, and whether a selection was reported |
//! | `item` | every report that waits or is in quarantine; one that the service has taken is gone |
//! | `receipt` | what was accepted about a weighing, so that a repetition is recognised after it was sent, too |

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::desk::Note;
use super::kept::{Accepted, Counts, Item, Limits, NewItem, Refused, StoreError};
use super::ledger;
use super::report::Kind;

/// Another process (`scalecam outbox list`) may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(2);
/// So much of a refusal is kept with the report.
const MOST_REASON: usize = 300;

/// The steps from an empty file to the present layout; a file of an earlier program goes the rest of the way, one
/// of a later program is not touched.
const LAYOUTS: [&str; 3] = [
    "
CREATE TABLE recognition (
    weighing TEXT PRIMARY KEY,
    id       TEXT NOT NULL,
    seen     INTEGER,                       -- UTC milliseconds; NULL while the clock is not set
    reported INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX recognition_unreported ON recognition (seen) WHERE reported = 0;
CREATE TABLE item (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    key         TEXT NOT NULL UNIQUE,       -- names the report on every attempt to send it
    recognition TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('selection', 'transaction')),
    body        TEXT NOT NULL,
    accepted    INTEGER,                    -- UTC milliseconds; NULL while the clock was not set
    attempts    INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    reason      TEXT
) STRICT;
CREATE INDEX item_waiting ON item (recognition, id) WHERE quarantined = 0;
PRAGMA user_version = 1;
",
    "
CREATE TABLE receipt (
    weighing TEXT NOT NULL,
    kind     TEXT NOT NULL,
    said     BLOB NOT NULL,                 -- a digest of what was reported
    key      TEXT NOT NULL,
    PRIMARY KEY (weighing, kind, said)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 2;
",
    ledger::LAYOUT,
];

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    file: String,
}

impl Store {
    /// Opens the file, and makes it if there is none.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        let mut store = Connection::open(path)
            .map(|connection| Self { connection, file: file.clone() })
            .map_err(|error| explain(&file, &error))?;
        store.prepare().map_err(|error| explain(&file, &error))?;
        let version = store.version()?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(steps) = LAYOUTS.get(done..) else { return Err(StoreError::Later { file, version }) };
        for step in steps {
            store.change(|change| change.execute_batch(step))?;
        }
        Ok(store)
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY)?;
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL synchronises the log at every commit: what was accepted is there after a power cut
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        // a picture that was deleted is not to be found on the disk
        self.connection.pragma_update(None, "secure_delete", true)?;
        // 512 KiB: by default two megabytes fill up over the first thousand weighings, which looks like a leak
        self.connection.pragma_update(None, "cache_size", -512)?;
        // the log does not stay large after a week without the service
        self.connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)
    }

    fn version(&self) -> Result<i64, StoreError> {
        self.ask(|connection| connection.pragma_query_value(None, "user_version", |row| row.get(0)))
    }

    /// Takes note of a recognition.
    #[cfg(test)]
    pub(super) fn saw(&mut self, weighing: &str, id: &str, at: Option<i64>) -> Result<(), StoreError> {
        self.saw_all(&[Note { weighing: weighing.to_owned(), id: id.to_owned(), at }])
    }

    /// Takes note of recognitions, all or none.
    pub(super) fn saw_all(&mut self, notes: &[Note]) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        self.change(|change| {
            let mut insert = change
                .prepare("INSERT OR IGNORE INTO recognition (weighing, id, seen) VALUES (?1, ?2, ?3)")?;
            notes
                .iter()
                .try_for_each(|note| insert.execute(params![note.weighing, note.id, note.at]).map(|_| ()))
        })
    }

    /// Keeps a report, unless it is kept or sent already. When this returns, it is on disk.
    pub(super) fn accept(
        &mut self,
        new: &NewItem,
        limits: Limits,
        now: Option<i64>,
    ) -> Result<Accepted, Refused> {
        if let Some(key) = self.ask(|connection| receipt(connection, new))? {
            return Ok(Accepted { key, repeated: true });
        }
        let counts = self.counts()?;
        let (items, bytes) = (counts.waiting + counts.quarantined, counts.bytes);
        if items >= limits.items || bytes.saturating_add(length(&new.body)) > limits.bytes {
            return Err(Refused::Full { items, bytes });
        }
        let refused = self.change(|change| keep(change, new, now))?;
        refused.map_or_else(|| Ok(Accepted { key: new.key.clone(), repeated: false }), Err)
    }

    /// Reports the recognitions that nobody reported since `before` as unused, as many as there is room for.
    /// `report` makes the key and the body of one.
    pub(super) fn report_unused(
        &mut self,
        before: i64,
        now: i64,
        limits: Limits,
        report: impl Fn() -> (String, String),
    ) -> Result<u64, StoreError> {
        let counts = self.counts()?;
        let room = limits.items.saturating_sub(counts.waiting + counts.quarantined);
        let room = i64::try_from(room.min(1_000)).unwrap_or(0);
        if counts.bytes >= limits.bytes || room == 0 {
            return Ok(0);
        }
        self.change(|change| {
            let mut ask = change.prepare(
                "SELECT weighing FROM recognition WHERE reported = 0 AND seen <= ?1 ORDER BY seen LIMIT ?2",
            )?;
            let due: Vec<String> =
                ask.query_map(params![before, room], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for weighing in &due {
                let (key, body) = report();
                let said = Vec::new();
                let new = NewItem { key, weighing: weighing.clone(), kind: Kind::Selection, body, said };
                keep(change, &new, Some(now))?;
            }
            Ok(u64::try_from(due.len()).unwrap_or(0))
        })
    }

    /// Gives what came before the clock was set its time, forgets recognitions that are older than `before`
    /// and reported, and puts reports that are older into quarantine. Says how many.
    pub(super) fn age(&mut self, before: i64, now: i64) -> Result<u64, StoreError> {
        self.change(|change| {
            change.execute("UPDATE recognition SET seen = ?1 WHERE seen IS NULL", [now])?;
            change.execute("UPDATE item SET accepted = ?1 WHERE accepted IS NULL", [now])?;
            change.execute(
                "DELETE FROM recognition WHERE seen < ?1 AND (reported = 1 OR id IN (SELECT recognition FROM item))",
                [before],
            )?;
            change.execute("DELETE FROM receipt WHERE weighing NOT IN (SELECT weighing FROM recognition)", [])?;
            let old = change.execute(
                "UPDATE item SET quarantined = 1, reason = COALESCE(reason || '; ', '') || 'too old'
                 WHERE quarantined = 0 AND accepted < ?1",
                [before],
            )?;
            Ok(u64::try_from(old).unwrap_or(0))
        })
    }

    /// The reports that may be sent now: for each recognition the first one that waits, the least tried first.
    pub(super) fn heads(&self, most: u32) -> Result<Vec<Item>, StoreError> {
        self.ask(|connection| {
            let mut ask = connection.prepare(
                "SELECT id, key, recognition, kind, body, accepted, attempts, quarantined, reason FROM item AS one
                 WHERE quarantined = 0 AND NOT EXISTS (
                     SELECT 1 FROM item WHERE recognition = one.recognition AND quarantined = 0 AND id < one.id)
                 ORDER BY attempts, id LIMIT ?1",
            )?;
            ask.query_map([most], read)?.collect()
        })
    }

    /// Everything that is kept, in the order of acceptance.
    pub(super) fn list(&self) -> Result<Vec<Item>, StoreError> {
        self.ask(|connection| {
            let mut ask = connection.prepare(
                "SELECT id, key, recognition, kind, body, accepted, attempts, quarantined, reason FROM item
                 ORDER BY id",
            )?;
            ask.query_map([], read)?.collect()
        })
    }

    /// The service has these reports: they are gone.
    pub(super) fn sent(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        self.change(|change| {
            for id in ids {
                ledger::delivered(change, *id)?;
                change.prepare("DELETE FROM item WHERE id = ?1")?.execute([id])?;
            }
            Ok(())
        })
    }

    /// This report was sent in vain.
    pub(super) fn failed(&mut self, id: i64, quarantine: bool, reason: &str) -> Result<(), StoreError> {
        let reason: String = reason.chars().take(MOST_REASON).collect();
        self.change(|change| {
            change
                .prepare(
                    "UPDATE item SET attempts = attempts + 1, quarantined = ?2, reason = ?3 WHERE id = ?1",
                )?
                .execute(params![id, quarantine, reason])
                .map(|_| ())
        })
    }

    /// Deletes what is in quarantine, or everything; says how many.
    pub(super) fn purge(&mut self, everything: bool) -> Result<u64, StoreError> {
        self.change(|change| {
            let gone = change.execute("DELETE FROM item WHERE quarantined = 1 OR ?1", [everything])?;
            Ok(u64::try_from(gone).unwrap_or(0))
        })
    }

    /// Lets what is in quarantine try again; says how many.
    pub(super) fn release(&mut self) -> Result<u64, StoreError> {
        self.change(|change| {
            let free =
                change.execute("UPDATE item SET quarantined = 0, attempts = 0 WHERE quarantined = 1", [])?;
            Ok(u64::try_from(free).unwrap_or(0))
        })
    }

    /// How much is kept.
    pub(super) fn counts(&self) -> Result<Counts, StoreError> {
        self.ask(|connection| {
            let mut ask = connection.prepare(
                "SELECT COUNT(*) FILTER (WHERE quarantined = 0), COUNT(*) FILTER (WHERE quarantined = 1),
                        COALESCE(SUM(LENGTH(CAST(body AS BLOB))), 0),
                        MIN(accepted) FILTER (WHERE quarantined = 0) FROM item",
            )?;
            ask.query_row([], |row| {
                let count = |at| row.get::<_, i64>(at).map(|count| u64::try_from(count).unwrap_or(0));
                Ok(Counts {
                    waiting: count(0)?,
                    quarantined: count(1)?,
                    bytes: count(2)?,
                    oldest: row.get(3)?,
                })
            })
        })
    }

    /// Fails if a page of the file is damaged.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let found: String =
            self.ask(|connection| connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if found == "ok" { Ok(()) } else { Err(StoreError::Damaged { file: self.file.clone(), why: found }) }
    }

    /// What is wrong with the file; empty when nothing is.
    pub(super) fn verify(&self) -> Result<Vec<String>, StoreError> {
        let mut found: Vec<String> = self.ask(|connection| {
            let mut ask = connection.prepare("PRAGMA integrity_check(20)")?;
            ask.query_map([], |row| row.get(0))?.collect()
        })?;
        found.retain(|line| line != "ok");
        if found.is_empty() {
            let damaged = |item: &Item| serde_json::from_str::<serde::de::IgnoredAny>(&item.body).is_err();
            let items = self.list()?;
            found.extend(
                items
                    .iter()
                    .filter(|item| damaged(item))
                    .map(|item| format!("report {} is no JSON", item.key)),
            );
        }
        Ok(found)
    }

    pub(super) fn ask<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        ask(&self.connection).map_err(|error| explain(&self.file, &error))
    }

    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun
            .and_then(|transaction| {
                let done = change(&transaction)?;
                transaction.commit().map(|()| done)
            })
            .map_err(|error| explain(&self.file, &error))
    }
}

/// Keeps a report about a recognition that is known; a selection only once.
fn keep(change: &Transaction<'_>, new: &NewItem, now: Option<i64>) -> rusqlite::Result<Option<Refused>> {
    let weighing = new.weighing.clone();
    let known = change
        .prepare("SELECT id, reported FROM recognition WHERE weighing = ?1")?
        .query_row([&weighing], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))
        .optional()?;
    let Some((recognition, reported)) = known else { return Ok(Some(Refused::Unknown { weighing })) };
    if new.kind == Kind::Selection {
        if reported {
            return Ok(Some(Refused::Twice { weighing }));
        }
        change.prepare("UPDATE recognition SET reported = 1 WHERE weighing = ?1")?.execute([&weighing])?;
    }
    change
        .prepare("INSERT INTO item (key, recognition, kind, body, accepted) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![new.key, recognition, new.kind.word(), new.body, now])?;
    change
        .prepare("INSERT INTO receipt (weighing, kind, said, key) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![weighing, new.kind.word(), new.said, new.key])?;
    Ok(None)
}

/// The key under which the same report was accepted before.
fn receipt(connection: &Connection, new: &NewItem) -> rusqlite::Result<Option<String>> {
    connection
        .prepare("SELECT key FROM receipt WHERE weighing = ?1 AND kind = ?2 AND said = ?3")?
        .query_row(params![new.weighing, new.kind.word(), new.said], |row| row.get(0))
        .optional()
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Item> {
    let kind: String = row.get(3)?;
    Ok(Item {
        id: row.get(0)?,
        key: row.get(1)?,
        recognition: row.get(2)?,
        // the table itself allows no other word
        kind: Kind::read(&kind).unwrap_or(Kind::Transaction),
        body: row.get(4)?,
        accepted: row.get(5)?,
        attempts: row.get(6)?,
        quarantined: row.get(7)?,
        reason: row.get(8)?,
    })
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn explain(file: &str, error: &rusqlite::Error) -> StoreError {
    let (file, why) = (file.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { file },
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure,
        ) => StoreError::ReadOnly { file, why },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged { file, why },
        _ => StoreError::Other { file, why },
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
