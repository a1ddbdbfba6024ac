//! Any bytes as operations on a database, crashes among them: it holds what a map holds.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../storage/tests/fuzz_api/mod.rs"]
mod fuzz_api;

fuzz_target!(|bytes: &[u8]| fuzz_api::operations(bytes));
