//! A file system that never answers: a FUSE mount that nobody serves.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Host, lines, secs, starting};

/// A mount whose questions wait until this is dropped.
#[derive(Debug)]
struct Hung {
    at: PathBuf,
    device: Option<File>,
}

impl Hung {
    /// Mounts it at `at`; the error says why that cannot be done here.
    fn mount(at: &Path) -> Result<Self, String> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .map_err(|error| format!("/dev/fuse: {error}"))?;
        let stdin = device.try_clone().map_err(|error| error.to_string())?;
        // The device is handed over as descriptor 0. Nobody ever reads from it, not even the kernel's greeting.
        let mounted = Command::new("mount")
            .args(["-i", "-t", "fuse.sshfs", "-o", "fd=0,rootmode=40000,user_id=0,group_id=0"])
            .arg("nobody")
            .arg(at)
            .stdin(stdin)
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if !mounted.status.success() {
            return Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned());
        }
        Ok(Hung { at: at.to_owned(), device: Some(device) })
    }

    /// Ends the connection, upon which whoever waits gets an error.
    fn abort(&mut self) {
        self.device = None;
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.abort();
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn a_mount_that_never_answers_does_not_stop_the_sampler() {
    let host = Host::new(&["host", "v2"]);
    let at = host.path().join("mnt/hung");
    std::fs::create_dir_all(&at).unwrap();
    let mut hung = match Hung::mount(&at) {
        Ok(hung) => hung,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    // The line of the list of mounts is that of the host's view: `/mnt/hung`, below the root of the fixtures.
    let mut mounts = std::fs::read_to_string(host.path().join("proc/1/mountinfo")).unwrap();
    mounts.push_str("77 1 0:99 / /mnt/hung rw - fuse.sshfs nobody rw\n");
    host.write("proc/1/mountinfo", &mounts);

    let before = threads();
    let mut sampler = host.sampler().build();
    for n in 0..50 {
        let rows = lines(sampler.sample(secs(100 + 10 * n)));
        assert!(!starting(&rows, "system,").is_empty());
    }
    assert_eq!(threads(), before + 1, "one thread waits");
    let warnings = sampler.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].path, at);
    assert!(warnings[0].message.contains("has not answered for "), "{}", warnings[0]);

    // Whoever drops the sampler does not wait for it either, and the thread ends with the mount.
    drop(sampler);
    hung.abort();
    while threads() > before {
        std::thread::yield_now();
    }
}
