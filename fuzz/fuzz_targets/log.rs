//! Any bytes as a log file of a database: an error, quarantine, or rows that were written.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../storage/tests/fuzz_api/mod.rs"]
mod fuzz_api;

fuzz_target!(|bytes: &[u8]| {
    fuzz_api::open_with(fuzz_api::Kind::Log, bytes, false);
    fuzz_api::open_with(fuzz_api::Kind::Log, bytes, true);
});
