//! Trees of kernel files, unpacked from one text each.

#![allow(dead_code, unreachable_pub, reason = "shared by tests of which each uses some")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::fs;
use std::path::Path;

use stripchart_collector::{Roots, Sampler, SamplerBuilder};
use stripchart_core::{Batch, Timestamp, line_protocol};
use tempfile::TempDir;

/// A folder that stands for a host's `/`.
#[derive(Debug)]
pub struct Host(TempDir);

impl Host {
    /// A host with the files of `trees` (names in `fixtures/trees`), later ones replacing those of before.
    pub fn new(trees: &[&str]) -> Self {
        let host = Host(TempDir::new().unwrap());
        trees.iter().for_each(|tree| host.change(tree));
        host
    }

    /// Adds or replaces the files of `tree`.
    pub fn change(&self, tree: &str) {
        let text = fs::read_to_string(format!("tests/fixtures/trees/{tree}.tree")).unwrap();
        for section in text.split("== ").skip(1) {
            let (path, content) = section.split_once('\n').unwrap();
            self.write(path, content);
        }
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // In place, as the kernel's files change: descriptors opened before see it.
        fs::write(path, content).unwrap();
    }

    pub fn remove_file(&self, path: &str) {
        fs::remove_file(self.path().join(path)).unwrap();
    }

    /// Removes a cgroup from the tree of version 2.
    pub fn remove_dir(&self, path: &str) {
        fs::remove_dir_all(self.path().join(path)).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn sampler(&self) -> SamplerBuilder {
        Sampler::builder().roots(Roots::below(self.path()))
    }
}

/// The rows of `batch` as line protocol, without those of `disk` and `timex`: how full the disk is that holds the tree, and
/// how well the clock of the machine at hand is kept, is no fixture's business.
pub fn lines(batch: &Batch) -> Vec<String> {
    let mut text = String::new();
    line_protocol::write_batch(batch, &mut text).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("disk,") && !line.starts_with("timex,"))
        .map(str::to_owned)
        .collect()
}

/// Those of `lines` that begin with `start`.
pub fn starting<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line.starts_with(start)).map(|line| &**line).collect()
}

/// The value of `field` in the only line that begins with `start`.
pub fn field(lines: &[String], start: &str, field: &str) -> Option<String> {
    let found = starting(lines, start);
    assert_eq!(found.len(), 1, "one line begins with {start}: {lines:#?}");
    let fields = found[0].split(' ').nth(1).unwrap();
    fields.split(',').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name == field).then(|| value.to_owned())
    })
}

pub fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}
