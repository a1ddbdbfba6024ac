//! The one question that every reader asks of a checksum.
//!
//! Checksums keep damaged bytes from the decoders, and with them whatever a fuzzer makes up. So that decoders are
//! tried with more than what an encoder wrote, a build for fuzzing (`--cfg fuzzing`, which `cargo fuzz` sets) can have
//! them pass; no other build has that switch.

#[cfg(fuzzing)]
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether bytes whose checksum is `computed` are those that `stored` was computed of.
pub(crate) fn holds(stored: u32, computed: u32) -> bool {
    stored == computed || ignored()
}

#[cfg(not(fuzzing))]
const fn ignored() -> bool {
    false
}

#[cfg(fuzzing)]
static IGNORED: AtomicBool = AtomicBool::new(false);

#[cfg(fuzzing)]
fn ignored() -> bool {
    IGNORED.load(Ordering::Relaxed)
}

/// From now on every checksum of the process passes; for fuzz targets of decoders, and only in their builds.
#[cfg(fuzzing)]
pub fn ignore_checksums() {
    IGNORED.store(true, Ordering::Relaxed);
}
