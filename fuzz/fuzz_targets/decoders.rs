//! Any bytes as changes of the files of a database whose checksums are ignored: no decoder panics, or asks for memory without bound.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../storage/tests/fuzz_api/mod.rs"]
mod fuzz_api;

fuzz_target!(init: stripchart_storage::ignore_checksums(), |bytes: &[u8]| fuzz_api::changed(bytes));
