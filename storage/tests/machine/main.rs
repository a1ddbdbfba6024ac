//! The real file system when it is cut off, full or broken: an ext4 in a file, mounted through a loop device.
//!
//! These tests need root, loop devices and a few programs; where something is missing they say `skipped: why` and pass. Mounts
//! are made in a mount namespace of the test's own (`unshare --mount`), so they are gone when the test is, however it ends, and
//! nobody else sees them. `STRIPCHART_POWER_ROUNDS=n` cuts the power `n` times (otherwise three).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod full;
mod power;
mod unreadable;

use common::acks;

/// Not a test: the process that writes.
#[test]
#[ignore = "run by the tests below"]
fn child() {
    acks::child();
}

/// What runs in a mount namespace of its own, by the name of the ignored test.
macro_rules! namespaced {
    ($($(#[doc = $doc:literal])* $name:ident = $inside:path;)*) => {
        $(
            $(#[doc = $doc])*
            #[test]
            fn $name() {
                disk::in_namespace(concat!("inside::", stringify!($name)));
            }
        )*
        mod inside {
            $(
                #[test]
                #[ignore = "run in a mount namespace by the test of the same name"]
                fn $name() {
                    if std::env::var_os(crate::disk::INSIDE).is_some() {
                        $inside();
                    }
                }
            )*
        }
    };
}

namespaced! {
    /// The power is cut while four writers write: what was acknowledged under `Always` is there after the journal's replay.
    nothing_acknowledged_is_lost_when_the_power_is_cut = crate::power::cut;
    /// The device runs out of room behind the file system's back: a sync fails, and nothing is acknowledged from then on.
    nothing_is_acknowledged_after_a_failed_sync = crate::power::sync_fails;
    /// The disk is full: writes are refused, queries go on, opening works, and room makes all well.
    a_full_ext4_is_survived = crate::full::ext4;
    /// The same on a file system in memory.
    a_full_tmpfs_is_survived = crate::full::tmpfs;
    /// The device cannot be read any more: errors, no signal.
    an_unreadable_device_is_an_error = crate::unreadable::device;
}
