//! Any bytes in any file of a database: a typed error, quarantine, or rows that were written; never a panic, never a wrong value.
//!
//! What a file does is driven through the database that opens it, so that every decoder behind is reached: of the log, its
//! records and frames; of segments, their directories, dictionaries and blocks; of the catalog and the tombstones. The bodies are
//! [`fuzz_api`]'s, which the fuzz targets in `fuzz/` call with libFuzzer's bytes; here they are called with mutations of good files,
//! some hundreds of them. `STRIPCHART_BYTES=n` takes `n` per target; a failure prints the seed, `STRIPCHART_BYTES_SEED` sets it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "fuzz_api/mod.rs"]
mod fuzz_api;

use fuzz_api::{KINDS, Random, good_files, open_with, operations};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Turns over bits, cuts, repeats, fills, and splices in pieces of another file.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            bytes.push(random.byte());
        }
        let at = random.index(bytes.len());
        let end = at + random.index(bytes.len() - at + 1);
        match random.below(9) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.index(5)],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end.min(at + 64))),
            5 => bytes[at..end.min(at + 32)].fill([0, 0xff][random.index(2)]),
            6 => {
                let piece: Vec<u8> = bytes[at..end.min(at + 64)].to_vec();
                bytes.splice(at..at, piece);
            }
            7 if !other.is_empty() => {
                let from = random.index(other.len());
                let piece = other[from..other.len().min(from + 1 + random.index(128))].to_vec();
                bytes.splice(at..bytes.len().min(at + piece.len()), piece);
            }
            _ => {
                // A length or an offset.
                let value =
                    [u64::MAX, u64::from(u32::MAX), 1 << 31, 0][random.index(4)].to_le_bytes();
                let until = bytes.len().min(at + [4, 8][random.index(2)]);
                bytes[at..until].copy_from_slice(&value[..until - at]);
            }
        }
    }
}

#[test]
fn mutated_files_are_refused_or_read_right() {
    let files = good_files();
    let (count, seed) = (number("STRIPCHART_BYTES", 160), number("STRIPCHART_BYTES_SEED", 1));
    for kind in KINDS {
        let of_kind: Vec<&Vec<u8>> =
            files.iter().filter(|(path, _)| kind.is(path)).map(|(_, bytes)| bytes).collect();
        assert!(!of_kind.is_empty(), "{kind:?}: the database has no such file");
        let mut random = Random::new(seed);
        for n in 0..count {
            let mut bytes = of_kind[random.index(of_kind.len())].clone();
            let other = of_kind[random.index(of_kind.len())];
            mutate(&mut random, &mut bytes, other);
            let again = random.below(2) == 0;
            let run = || open_with(kind, &bytes, again);
            if std::panic::catch_unwind(run).is_err() {
                panic!("{kind:?}, seed {seed}, case {n}: {bytes:02x?}");
            }
        }
        println!("bytes: {kind:?}: {count} mutations");
    }
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random::new(number("STRIPCHART_BYTES_SEED", 1));
    for kind in KINDS {
        for _ in 0..number("STRIPCHART_BYTES", 160) / 4 {
            let len = random.index(600);
            let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            open_with(kind, &bytes, false);
        }
    }
}

#[test]
fn any_operations_leave_what_the_model_says() {
    let mut random = Random::new(number("STRIPCHART_BYTES_SEED", 1));
    for n in 0..number("STRIPCHART_BYTES", 160) / 8 {
        let len = 20 + random.index(200);
        let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
        if std::panic::catch_unwind(|| operations(&bytes)).is_err() {
            panic!("operations, case {n}: {bytes:02x?}");
        }
    }
}
