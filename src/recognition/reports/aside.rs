//! A damaged file is set aside under another name and a new one is begun with everything that can still be read:
//! reports go on, nothing is deleted, and the state says so until somebody has looked.

use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::kept::StoreError;
use super::settings::FILE;
use super::store::Store;

/// How every file of this kind begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// What is appended to the name; a number follows.
const MARK: &str = ".damaged-";
/// So many damaged files may lie there; further ones are not made.
const MOST: u32 = 100;
/// The tables, and the order in which each can be read from both ends.
const TABLES: [(&str, &str); 4] =
    [("recognition", "rowid"), ("receipt", "weighing"), ("item", "rowid"), ("weighing", "rowid")];

/// Opens the file, looks through it, and begins a new one in its place if it is damaged.
pub(super) fn open_whole(path: &Path) -> Result<Store, StoreError> {
    let opened = Store::open(path).and_then(|store| store.check().map(|()| store));
    match opened {
        Err(StoreError::Damaged { why, .. }) if is_ours(path) => anew(path, &why),
        opened => opened,
    }
}

/// The damaged files that lie beside this one.
pub(super) fn beside(path: &Path) -> Vec<PathBuf> {
    (1..=MOST).map(|number| aside(path, number)).filter(|file| file.exists()).collect()
}

/// Another program's file is never moved: the name or the beginning must be that of the reports.
fn is_ours(path: &Path) -> bool {
    let begins_as_one = || {
        let mut head = [0; MAGIC.len()];
        std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *MAGIC
    };
    path.file_name().is_some_and(|name| name == FILE) || begins_as_one()
}

fn anew(path: &Path, why: &str) -> Result<Store, StoreError> {
    let file = path.display().to_string();
    let failed =
        |error: std::io::Error| StoreError::Damaged { file: file.clone(), why: format!("{why}; {error}") };
    let free = (1..=MOST).map(|number| aside(path, number)).find(|aside| !aside.exists());
    let Some(aside) = free else {
        return Err(StoreError::Damaged {
            file,
            why: format!("{why}; {MOST} damaged files lie beside it already"),
        });
    };
    // the log belongs to the file: what was committed last stands in it
    let log = |of: &Path| with(of, "-wal");
    if log(path).exists() {
        std::fs::rename(log(path), log(&aside)).map_err(failed)?;
    }
    std::fs::rename(path, &aside).map_err(failed)?;
    // made anew by whoever opens the file
    let _ = std::fs::remove_file(with(path, "-shm"));
    let mut store = Store::open(path)?;
    let saved = save(&aside, &mut store).unwrap_or(0);
    tracing::error!(
        "{file}: it is damaged ({why}); set aside as {}, {saved} reports were saved",
        aside.display()
    );
    Ok(store)
}

fn aside(path: &Path, number: u32) -> PathBuf {
    with(path, &format!("{MARK}{number}"))
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Takes over every row that can be read; says how many of them are reports. A damaged page ends the way
/// through a table, so each is gone through from both ends.
fn save(aside: &Path, into: &mut Store) -> Result<u64, rusqlite::Error> {
    let from = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut reports = 0;
    for (table, order) in TABLES {
        for direction in ["ASC", "DESC"] {
            let Ok(mut ask) = from.prepare(&format!("SELECT * FROM {table} ORDER BY {order} {direction}"))
            else {
                continue;
            };
            let columns = ask.column_count();
            let Ok(rows) = ask.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()) else {
                continue;
            };
            let rows: Vec<Vec<Value>> = rows.map_while(Result::ok).collect();
            let saved = into.take_over(
                table,
                columns,
                rows.into_iter().filter(|row| table != "item" || is_whole(row)),
            );
            if table == "item" {
                reports += saved;
            }
        }
    }
    Ok(reports)
}

/// Whether a report is one that can be sent.
fn is_whole(row: &[Value]) -> bool {
    row.iter().any(|value| match value {
        Value::Text(text) => {
            text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        }
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => false,
    })
}

impl Store {
    /// Takes rows over, leaving out what is there and what cannot be; says how many were new.
    fn take_over(&mut self, table: &str, columns: usize, rows: impl Iterator<Item = Vec<Value>>) -> u64 {
        let places = vec!["?"; columns].join(", ");
        let insert = format!("INSERT OR IGNORE INTO {table} VALUES ({places})");
        let taken = self.change(|change| {
            let mut insert = change.prepare(&insert)?;
            Ok(rows.filter_map(|row| insert.execute(params_from_iter(row)).ok()).sum::<usize>())
        });
        taken.ok().and_then(|taken| u64::try_from(taken).ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::{Limits, NewItem};
    use super::super::report::Kind;
    use super::*;

    const REPORTS: usize = 150;

    /// A file with many reports.
    fn full(path: &Path) {
        let mut store = Store::open(path).unwrap();
        store.saw("w", "r", Some(1)).unwrap();
        for number in 0..REPORTS {
            let body = format!(r#"{{"number":{number},"more":"{}"}}"#, "x".repeat(500));
            let key = format!("k{number}");
            let said = number.to_be_bytes().to_vec();
            let new = NewItem { key, weighing: "w".to_owned(), kind: Kind::Transaction, body, said };
            store.accept(&new, Limits { items: 9_999, bytes: 9_999_999 }, None).unwrap();
        }
    }

    fn spoil(path: &Path, at: usize) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at..at + 4_096].fill(0xA5);
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_damaged_page_costs_what_stood_on_it_and_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports.db");
        full(&path);
        let pages = std::fs::metadata(&path).unwrap().len() / 4_096;
        let mut worst = REPORTS;
        for page in 1..usize::try_from(pages).unwrap() {
            let spoilt = folder.path().join("spoilt.db");
            std::fs::copy(&path, &spoilt).unwrap();
            spoil(&spoilt, page * 4_096);
            let before = std::fs::read(&spoilt).unwrap();
            let store = open_whole(&spoilt).unwrap();
            let left = store.list().unwrap();
            assert!(left.is_sorted_by_key(|item| item.id) && store.verify().unwrap().is_empty());
            worst = worst.min(left.len());
            drop(store);
            for damaged in beside(&spoilt) {
                assert_eq!(std::fs::read(&damaged).unwrap(), before, "nothing is deleted");
                std::fs::remove_file(damaged).unwrap();
            }
            std::fs::remove_file(&spoilt).unwrap();
        }
        // the worst page is the one that leads to all others
        assert!(worst < REPORTS, "no page was found to be damaged");
    }

    #[test]
    fn a_damaged_leaf_costs_a_few_reports_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports.db");
        full(&path);
        let bytes = std::fs::read(&path).unwrap();
        let leaf = br#"{"number":70,"#;
        let at = bytes.windows(leaf.len()).position(|part| part == leaf).unwrap();
        spoil(&path, at / 4_096 * 4_096);
        let left = open_whole(&path).unwrap().list().unwrap().len();
        assert!((REPORTS - 10..REPORTS).contains(&left), "{left}");
        assert_eq!(beside(&path).len(), 1);
    }

    #[test]
    fn a_file_without_a_beginning_is_set_aside_only_under_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let letter = "this is a letter and no database at all ".repeat(50);
        for (name, is_set_aside) in [(FILE, true), ("letter.txt", false)] {
            let path = folder.path().join(name);
            std::fs::write(&path, &letter).unwrap();
            assert_eq!(open_whole(&path).is_ok(), is_set_aside, "{name}");
            let letter_is = if is_set_aside { aside(&path, 1) } else { path };
            assert_eq!(std::fs::read_to_string(letter_is).unwrap(), letter);
        }
    }
}
