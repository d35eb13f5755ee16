use super::*;

const ROOMY: Limits = Limits { items: 100, bytes: 1_000_000 };

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("outbox.db")).unwrap();
    (folder, store)
}

fn item(weighing: &str, kind: Kind, key: &str) -> NewItem {
    let (key, weighing, body) = (key.to_owned(), weighing.to_owned(), r#"{"a":1}"#.to_owned());
    NewItem { said: key.clone().into_bytes(), key, weighing, kind, body }
}

fn accept(store: &mut Store, weighing: &str, kind: Kind, key: &str) -> Result<(), Refused> {
    store.accept(&item(weighing, kind, key), ROOMY, Some(1_000)).map(|accepted| {
        assert_eq!(accepted, Accepted { key: key.to_owned(), repeated: false });
    })
}

fn keys(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.key.as_str()).collect()
}

#[test]
fn a_report_needs_its_recognition_and_a_selection_is_reported_once() {
    let (_folder, mut store) = store();
    let unknown = Refused::Unknown { weighing: "w".to_owned() };
    assert_eq!(accept(&mut store, "w", Kind::Selection, "k1"), Err(unknown));
    store.saw("w", "r", Some(1)).unwrap();
    store.saw("w", "other", Some(2)).unwrap();
    accept(&mut store, "w", Kind::Selection, "k1").unwrap();
    let twice = Refused::Twice { weighing: "w".to_owned() };
    assert_eq!(accept(&mut store, "w", Kind::Selection, "k2"), Err(twice));
    accept(&mut store, "w", Kind::Transaction, "k3").unwrap();
    accept(&mut store, "w", Kind::Transaction, "k4").unwrap();
    let items = store.list().unwrap();
    assert_eq!(keys(&items), ["k1", "k3", "k4"], "what was refused left nothing behind");
    assert!(items.iter().all(|item| item.recognition == "r"), "the first name stands");
}

#[test]
fn what_was_accepted_is_there_when_the_file_is_opened_again() {
    let (folder, mut store) = store();
    store.saw("w", "r", Some(1)).unwrap();
    accept(&mut store, "w", Kind::Selection, "k1").unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("outbox.db")).unwrap();
    assert_eq!(keys(&store.list().unwrap()), ["k1"]);
    assert!(store.verify().unwrap().is_empty());
    let mode: String = store.ask(|c| c.pragma_query_value(None, "journal_mode", |row| row.get(0))).unwrap();
    let synchronous: i64 =
        store.ask(|c| c.pragma_query_value(None, "synchronous", |row| row.get(0))).unwrap();
    assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    let cache: i64 = store.ask(|c| c.pragma_query_value(None, "cache_size", |row| row.get(0))).unwrap();
    assert_eq!(cache, -512, "in KiB");
}

#[test]
fn the_order_is_kept_for_each_recognition_and_the_least_tried_goes_first() {
    let (_folder, mut store) = store();
    for weighing in ["a", "b"] {
        store.saw(weighing, weighing, Some(1)).unwrap();
        accept(&mut store, weighing, Kind::Selection, &format!("{weighing}1")).unwrap();
        accept(&mut store, weighing, Kind::Transaction, &format!("{weighing}2")).unwrap();
    }
    assert_eq!(keys(&store.heads(9).unwrap()), ["a1", "b1"]);
    assert_eq!(store.heads(1).unwrap().len(), 1);
    let first = store.heads(9).unwrap().remove(0).id;
    store.failed(first, false, "503").unwrap();
    assert_eq!(keys(&store.heads(9).unwrap()), ["b1", "a1"]);
    store.failed(first, true, &"x".repeat(1_000)).unwrap();
    assert_eq!(keys(&store.heads(9).unwrap()), ["a2", "b1"], "what is in quarantine holds up nobody");
    let put_aside = store.list().unwrap().remove(0);
    assert_eq!((put_aside.attempts, put_aside.reason.unwrap().len()), (2, MOST_REASON));
    let counts = store.counts().unwrap();
    assert_eq!((counts.waiting, counts.quarantined, counts.bytes), (3, 1, 28));
    assert_eq!(store.release().unwrap(), 1);
    assert_eq!(keys(&store.heads(9).unwrap()), ["a1", "b1"]);
    store.failed(first, true, "no").unwrap();
    assert_eq!(store.purge(false).unwrap(), 1);
    store.sent(&[store.heads(9).unwrap().remove(0).id]).unwrap();
    assert_eq!(keys(&store.list().unwrap()), ["b1", "b2"]);
    assert_eq!(store.purge(true).unwrap(), 2);
}

#[test]
fn a_repetition_is_recognised_before_and_after_it_was_sent_and_when_there_is_no_room() {
    let (_folder, mut store) = store();
    store.saw("w", "r", Some(1)).unwrap();
    let first = item("w", Kind::Selection, "k1");
    store.accept(&first, ROOMY, None).unwrap();
    let again = NewItem { key: "k2".to_owned(), ..first.clone() };
    let full = Limits { items: 0, ..ROOMY };
    let known = Accepted { key: "k1".to_owned(), repeated: true };
    assert_eq!(store.accept(&again, full, None), Ok(known.clone()));
    store.sent(&[store.list().unwrap().remove(0).id]).unwrap();
    assert_eq!(store.accept(&again, ROOMY, None), Ok(known.clone()));
    let other = NewItem { kind: Kind::Transaction, ..again.clone() };
    assert_eq!(
        store.accept(&other, ROOMY, None),
        Ok(Accepted { key: "k2".to_owned(), repeated: false }),
        "another kind of report is another report"
    );
    store.sent(&[store.list().unwrap().remove(0).id]).unwrap();
    store.age(2, 2).unwrap();
    assert!(
        matches!(store.accept(&again, ROOMY, None), Err(Refused::Unknown { .. })),
        "forgotten with its weighing"
    );
}

#[test]
fn a_file_of_the_first_layout_goes_on_as_one_of_the_present() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(LAYOUTS[0]).unwrap();
    old.execute("INSERT INTO recognition (weighing, id, seen) VALUES ('w', 'r', 1)", []).unwrap();
    drop(old);
    let mut store = Store::open(&path).unwrap();
    accept(&mut store, "w", Kind::Selection, "k1").unwrap();
    assert_eq!(store.version().unwrap(), 3);
}

#[test]
fn limits_hold_on_both_sides() {
    let (_folder, mut store) = store();
    store.saw("w", "r", Some(1)).unwrap();
    let mut accept = |limits, key: &str| store.accept(&item("w", Kind::Transaction, key), limits, None);
    let items = |items| Limits { items, ..ROOMY };
    accept(items(1), "k1").unwrap();
    assert_eq!(accept(items(1), "k2"), Err(Refused::Full { items: 1, bytes: 7 }));
    let bytes = |bytes| Limits { bytes, ..ROOMY };
    assert_eq!(accept(bytes(13), "k2"), Err(Refused::Full { items: 1, bytes: 7 }));
    accept(bytes(14), "k2").unwrap();
}

#[test]
fn recognitions_that_nobody_reported_are_reported_as_unused() {
    let (_folder, mut store) = store();
    for (weighing, seen) in [("a", Some(100)), ("b", Some(101)), ("c", None), ("d", Some(50))] {
        store.saw(weighing, weighing, seen).unwrap();
    }
    accept(&mut store, "d", Kind::Selection, "d1").unwrap();
    let number = std::cell::Cell::new(0);
    let report = || {
        number.set(number.get() + 1);
        (format!("u{}", number.get()), "{}".to_owned())
    };
    assert_eq!(store.report_unused(100, 500, Limits { items: 1, ..ROOMY }, report).unwrap(), 0, "no room");
    assert_eq!(store.report_unused(100, 500, ROOMY, report).unwrap(), 1);
    assert_eq!(store.report_unused(100, 500, ROOMY, report).unwrap(), 0, "once");
    let items = store.list().unwrap();
    assert_eq!((items.len(), items[1].recognition.as_str()), (2, "a"));
    assert!(matches!(accept(&mut store, "a", Kind::Selection, "late"), Err(Refused::Twice { .. })));
    store.age(0, 400).unwrap();
    assert_eq!(store.report_unused(400, 500, ROOMY, report).unwrap(), 2, "b, and c since the clock was set");
}

#[test]
fn what_is_too_old_is_put_aside_and_forgotten_only_when_it_was_reported() {
    let (_folder, mut store) = store();
    for weighing in ["reported", "unreported"] {
        store.saw(weighing, weighing, Some(10)).unwrap();
    }
    accept(&mut store, "reported", Kind::Selection, "k").unwrap();
    assert_eq!(store.age(1_000, 2_000).unwrap(), 0, "accepted at 1000, that is not older");
    assert_eq!(store.age(1_001, 2_000).unwrap(), 1);
    let item = store.list().unwrap().remove(0);
    assert_eq!((item.quarantined, item.reason.as_deref()), (true, Some("too old")));
    assert!(matches!(accept(&mut store, "reported", Kind::Transaction, "k2"), Err(Refused::Unknown { .. })));
    assert!(accept(&mut store, "unreported", Kind::Selection, "k3").is_ok());
}

#[test]
fn a_full_disk_is_said_and_what_is_there_stays() {
    let (_folder, mut store) = store();
    store.saw("w", "r", Some(1)).unwrap();
    let pages: i64 = store.ask(|c| c.pragma_query_value(None, "page_count", |row| row.get(0))).unwrap();
    store.connection.pragma_update(None, "max_page_count", pages).unwrap();
    let large =
        NewItem { body: format!(r#""{}""#, "x".repeat(20_000)), ..item("w", Kind::Transaction, "k1") };
    let refused = store.accept(&large, ROOMY, None).unwrap_err();
    assert!(matches!(refused, Refused::Store(StoreError::Full { .. })), "{refused}");
    assert!(refused.to_string().contains("the disk is full"));
    assert!(store.list().unwrap().is_empty() && store.verify().unwrap().is_empty());
    store.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    store.accept(&large, ROOMY, None).unwrap();
}

#[test]
fn files_that_are_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    std::fs::write(
        &path,
        "this is a letter, not a database, and it is long enough to be seen as such. ".repeat(20),
    )
    .unwrap();
    let refused = Store::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("this is a letter"));

    let later = folder.path().join("later.db");
    drop(Store::open(&later).unwrap());
    Connection::open(&later).unwrap().pragma_update(None, "user_version", 4).unwrap();
    assert!(matches!(Store::open(&later), Err(StoreError::Later { version: 4, .. })));

    let nowhere = Store::open(&folder.path().join("absent/outbox.db")).unwrap_err();
    assert!(matches!(nowhere, StoreError::ReadOnly { .. }), "{nowhere}");
}

#[test]
fn a_damaged_page_is_found() {
    let (folder, mut store) = store();
    store.saw("w", "r", Some(1)).unwrap();
    for number in 0..50 {
        let body = format!(r#""{}""#, "x".repeat(2_000));
        let new = NewItem { body, ..item("w", Kind::Transaction, &format!("k{number}")) };
        store.accept(&new, ROOMY, None).unwrap();
    }
    drop(store);
    let path = folder.path().join("outbox.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let found = Store::open(&path).and_then(|store| store.verify());
    assert!(found.is_err() || found.is_ok_and(|found| !found.is_empty()));
}
