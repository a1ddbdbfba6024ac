use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::vfs::sim::{Crash, SimVfs};
use crate::{Db, OpenError};

fn open(vfs: &SimVfs) -> Result<Db, OpenError> {
    Db::builder().vfs(Arc::new(vfs.clone())).open("/db")
}

fn put(db: &Db, name: &str, content: &[u8]) -> Result<(), DbError> {
    db.change_document(name, |_| Ok(Some(content.to_vec())))
}

fn get(db: &Db, name: &str) -> Option<Vec<u8>> {
    db.document(name).unwrap().map(|content| content.to_vec())
}

#[test]
fn a_document_is_there_after_opening_again_and_in_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy, back) =
        (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    let db = Db::open(&live).unwrap();
    put(&db, "users", b"one").unwrap();
    put(&db, "users", b"two").unwrap();
    put(&db, "empty", b"").unwrap();
    db.snapshot(&copy).unwrap();
    put(&db, "users", b"three").unwrap();
    db.close().unwrap();
    assert!(matches!(put(&db, "users", b"four"), Err(DbError::Closed)));
    drop(db);
    crate::restore(&live, &back).unwrap();
    for (path, want) in
        [(&live, b"three".to_vec()), (&copy, b"two".to_vec()), (&back, b"three".to_vec())]
    {
        let db = Db::open(path).unwrap();
        assert_eq!(get(&db, "users"), Some(want));
        assert_eq!(get(&db, "empty"), Some(Vec::new()));
        assert_eq!(get(&db, "none"), None);
    }
    let report = crate::verify_folder(&live, |_| ()).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn a_change_sees_the_present_content_and_may_leave_it() {
    let db = open(&SimVfs::new()).unwrap();
    put(&db, "n", b"1").unwrap();
    let nothing = db.change_document("n", |old| {
        assert_eq!(old, Some(&b"1"[..]));
        Ok::<_, DbError>(None)
    });
    nothing.unwrap();
    let refused = db.change_document("n", |_| Err(DbError::Closed));
    assert!(refused.is_err());
    assert_eq!(get(&db, "n"), Some(b"1".to_vec()));
    for name in ["", "../x", "A", "a.b", &"x".repeat(65)] {
        assert!(matches!(put(&db, name, b""), Err(DbError::InvalidName { .. })), "{name}");
        assert!(db.document(name).is_err());
    }
}

#[test]
fn a_crash_leaves_the_old_one_or_the_new_one() {
    let vfs = SimVfs::new();
    let db = open(&vfs).unwrap();
    put(&db, "n", b"old").unwrap();
    let before = vfs.operations();
    vfs.keep_history();
    put(&db, "n", b"new").unwrap();
    let after = vfs.operations();
    assert!(after > before);
    drop(db);
    let mut found = Vec::new();
    for (operation, image) in vfs.moments() {
        for (crash, seed) in [
            (Crash::KeepAll, 0),
            (Crash::DropUnsynced, 0),
            (Crash::Torn, 1),
            (Crash::Entries, 2),
            (Crash::Reorder, 3),
        ] {
            let image = image.after_crash_seeded(crash, seed);
            let db = open(&image).unwrap();
            let content = get(&db, "n").unwrap();
            assert!(content == b"old" || content == b"new", "{operation}");
            put(&db, "n", b"newer").unwrap();
            drop(db);
            assert_eq!(get(&open(&image).unwrap(), "n"), Some(b"newer".to_vec()));
            found.push(content);
        }
    }
    assert!(found.contains(&b"old".to_vec()) && found.contains(&b"new".to_vec()));
}

#[test]
fn what_is_acknowledged_after_a_failure_survives_a_power_cut() {
    for operation in 0..8 {
        let vfs = SimVfs::new();
        let db = open(&vfs).unwrap();
        put(&db, "n", b"old").unwrap();
        vfs.fail_at(vfs.operations() + operation, false);
        let first = put(&db, "n", b"new");
        vfs.heal();
        // The second change finds what it wants, and changes nothing; yet it says that it is so.
        let wanted = first.is_ok() || db.document("n").unwrap().as_deref() == Some(b"new");
        db.change_document("n", |_| Ok::<_, DbError>(None)).unwrap();
        drop(db);
        let image = vfs.after_crash(Crash::DropUnsynced);
        let content = get(&open(&image).unwrap(), "n").unwrap();
        assert_eq!(content, if wanted { b"new" } else { b"old" }, "operation {operation}");
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_an_error() {
    let path = Path::new("/db/documents/n.doc");
    let whole = encode(b"content");
    assert_eq!(decode(path, &whole).unwrap(), b"content");
    for len in 0..whole.len() {
        assert!(decode(path, &whole[..len]).is_err(), "{len}");
    }
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(path, &bytes).is_err(), "{bit}");
    }
    let mut newer = whole;
    newer[8] = 9;
    assert!(matches!(decode(path, &newer), Err(ReadError::Version { found: 9, .. })));
}
