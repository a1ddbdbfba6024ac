//! Files of cgroups that are not what the kernel writes: some three hundred, made by the code below.
//!
//! Whatever stands in place of one file of one cgroup, its other metrics and those of all other cgroups are there, and the
//! fault is told once at most, with its path.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use common::{Host, lines, secs};
use stripchart_collector::Warning;

const V2: &str = "sys/fs/cgroup";
const BAD: &str = "system.slice/cron.service";

/// What is put in place of a file.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Text(&'static [u8]),
    /// The file as it is, altered.
    Altered(fn(&[u8]) -> Vec<u8>),
    Missing,
    Folder,
    Fifo,
    /// A link to itself.
    Loop,
    Dangling,
    /// So many bytes, all of them zero and none of them on disk.
    Sparse(u64),
}

const KINDS: [(&str, Bad); 24] = [
    ("empty", Bad::Text(b"")),
    ("a blank line", Bad::Text(b"\n")),
    ("blanks", Bad::Text(b"   \t \n")),
    ("max", Bad::Text(b"max\n")),
    ("garbage", Bad::Text(b"garbage\n")),
    ("negative", Bad::Text(b"-1\n")),
    ("20 digits beyond 64 bits", Bad::Text(b"99999999999999999999\n")),
    ("40 digits", Bad::Text(b"1234567890123456789012345678901234567890\n")),
    ("a float", Bad::Text(b"1.5\n")),
    ("NUL bytes", Bad::Text(b"\0\0\0\0\n")),
    ("no text", Bad::Text(b"\xff\xfe\x80\n")),
    ("colons", Bad::Text(b"::::\n:1\n1:\n")),
    ("equals signs", Bad::Text(b"8:0 =\n8:0 rbytes=\n=5\n")),
    ("no line end", Bad::Altered(|text| text[..text.len().saturating_sub(1)].to_vec())),
    ("half of it", Bad::Altered(|text| text[..text.len() / 2].to_vec())),
    ("NUL inside", Bad::Altered(|text| [b"1\0", text].concat())),
    (
        "every line twice",
        Bad::Altered(|text| {
            text.split_inclusive(|b| *b == b'\n').flat_map(|l| [l, l].concat()).collect()
        }),
    ),
    ("a very long line", Bad::Altered(|text| [&vec![b'x'; 100_000], &b" 1\n"[..], text].concat())),
    ("missing", Bad::Missing),
    ("a folder", Bad::Folder),
    ("a pipe", Bad::Fifo),
    ("a link to itself", Bad::Loop),
    ("a link to nothing", Bad::Dangling),
    ("a gigabyte", Bad::Sparse(1 << 30)),
];

/// Puts it at `path`; false if this system cannot.
fn put(path: &Path, bad: Bad) -> bool {
    let text = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    match bad {
        Bad::Text(text) => fs::write(path, text).unwrap(),
        Bad::Altered(alter) => fs::write(path, alter(&text)).unwrap(),
        Bad::Missing => {}
        Bad::Folder => fs::create_dir(path).unwrap(),
        Bad::Fifo => return Command::new("mkfifo").arg(path).status().is_ok_and(|s| s.success()),
        Bad::Loop => symlink(path, path).unwrap(),
        Bad::Dangling => symlink("/no/such/file", path).unwrap(),
        Bad::Sparse(bytes) => File::create(path).unwrap().set_len(bytes).unwrap(),
    }
    true
}

/// The rows of the cgroup at `path`.
fn of<'a>(rows: &'a [String], path: &str) -> Vec<&'a str> {
    let tag = format!("cgroup={path},");
    rows.iter().filter(|row| row.contains(&tag)).map(|row| &**row).collect()
}

/// A host of `tree` where the cgroup that will be bad has a neighbour with the same files.
fn with_neighbour(tree: &str, folder: &str) -> Host {
    let host = Host::new(&["host", tree]);
    for entry in fs::read_dir(host.path().join(folder).join(BAD)).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        host.write(&format!("{folder}/good/{}", entry.file_name().to_str().unwrap()), &text);
    }
    host
}

/// Samples `host` twice with `path` made bad, and checks what holds for every fault; gives what was told.
fn check(host: &Host, path: &Path, what: &str, bad: Bad) -> Vec<Warning> {
    let whole = lines(host.sampler().build().sample(secs(100)));
    let mut sampler = host.sampler().build();
    if !put(path, bad) {
        println!("skipped: {what}: cannot be made here");
        return Vec::new();
    }
    let rows = lines(sampler.sample(secs(100)));
    assert_eq!(of(&rows, "/good"), of(&whole, "/good"), "{what}");
    assert!(!of(&rows, &format!("/{BAD}")).is_empty(), "{what}: nothing is left of it");
    let fields = |row: &String| row.rsplit(' ').nth(1).unwrap().to_owned();
    let mut of_cgroups = rows.iter().filter(|row| row.starts_with("container_"));
    assert!(!of_cgroups.any(|row| fields(row).contains("=-")), "{what}: a negative value");
    sampler.sample(secs(110));
    let is_of_cgroups = |warning: &Warning| warning.path.to_string_lossy().contains(V2);
    let warnings: Vec<_> = sampler.take_warnings().into_iter().filter(is_of_cgroups).collect();
    assert!(warnings.len() <= 1, "{what}: {warnings:?}");
    for warning in &warnings {
        assert_eq!(warning.path, path, "{what}");
        assert!(warning.message.contains("its metrics are left out"), "{what}: {warning}");
    }
    warnings
}

/// Every kind in place of each of `files`; those of one number must be told of.
fn check_all(tree: &str, files: &[(&str, &str)], numbers: &[&str]) -> usize {
    let mut cases = 0;
    for (folder, file) in files {
        let host = with_neighbour(tree, folder);
        let path = host.path().join(folder).join(BAD).join(file);
        let text = fs::read(&path).unwrap();
        for kind in KINDS {
            let warnings = check(&host, &path, &format!("{tree}: {file} is {}", kind.0), kind.1);
            if fs::remove_file(&path).is_err() {
                let _ = fs::remove_dir(&path);
            }
            fs::write(&path, &text).unwrap();
            let told =
                ["garbage", "20 digits beyond 64 bits", "no line end", "NUL bytes", "a float"];
            if numbers.contains(file) && told.contains(&kind.0) {
                assert_eq!(warnings.len(), 1, "{tree}: {file} is {}", kind.0);
                assert!(warnings[0].message.starts_with("line 1: "), "{}", warnings[0]);
            }
            cases += 1;
        }
    }
    cases
}

#[test]
fn files_of_version_2() {
    let files = [
        "cpu.stat",
        "memory.current",
        "memory.stat",
        "memory.events",
        "cpu.pressure",
        "io.stat",
        "pids.current",
    ]
    .map(|file| (V2, file));
    let there = Host::new(&["host", "v2"]);
    let files: Vec<_> = files
        .into_iter()
        .filter(|(folder, file)| there.path().join(folder).join(BAD).join(file).is_file())
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    assert!(check_all("v2", &files, &["memory.current", "pids.current"]) >= 120);
}

#[test]
fn files_of_version_1() {
    let cpu = "sys/fs/cgroup/cpu,cpuacct";
    let memory = "sys/fs/cgroup/memory";
    let files = [
        (cpu, "cpuacct.usage"),
        (cpu, "cpuacct.stat"),
        (cpu, "cpu.stat"),
        (memory, "memory.usage_in_bytes"),
        (memory, "memory.stat"),
        (memory, "memory.oom_control"),
        ("sys/fs/cgroup/blkio", "blkio.throttle.io_service_bytes"),
        ("sys/fs/cgroup/pids", "pids.current"),
    ];
    let numbers = ["cpuacct.usage", "memory.usage_in_bytes", "pids.current"];
    assert_eq!(check_all("v1", &files, &numbers), 8 * KINDS.len());
}

#[test]
fn lines_that_end_as_elsewhere_are_read() {
    for (file, text) in [
        ("memory.current", "4096\r\n"),
        ("memory.stat", "anon 1\r\nfile 2\r\n"),
        ("cpu.stat", "usage_usec 7\r\n"),
        ("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\r\n"),
    ] {
        let host = Host::new(&["host", "v2"]);
        host.write(&format!("{V2}/{BAD}/{file}"), text);
        let mut sampler = host.sampler().build();
        sampler.sample(secs(100));
        assert_eq!(sampler.take_warnings(), [], "{file}");
    }
}

#[test]
fn a_device_that_is_listed_twice_counts_once() {
    let host = Host::new(&["host", "v2"]);
    let line = "8:0 rbytes=4096 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n";
    host.write(&format!("{V2}/{BAD}/io.stat"), &line.repeat(3));
    let rows = lines(host.sampler().build().sample(secs(100)));
    let io = format!("container_io,cgroup=/{BAD}");
    assert_eq!(common::field(&rows, &io, "read_bytes_total").as_deref(), Some("4096i"));
    assert_eq!(common::starting(&rows, &format!("container_io_device,cgroup=/{BAD}")).len(), 1);
}

#[test]
fn ten_thousand_devices_are_cut_off_and_cost_no_second() {
    let host = Host::new(&["host", "v2"]);
    let devices: String =
        (0..10_000).map(|n| format!("{n}:1 rbytes=1 wbytes=1 rios=1 wios=1\n")).collect();
    host.write(&format!("{V2}/{BAD}/io.stat"), &devices);
    let rows = lines(host.sampler().build().sample(secs(100)));
    assert_eq!(common::starting(&rows, &format!("container_io_device,cgroup=/{BAD}")).len(), 1024);
}

#[test]
fn folders_that_are_no_cgroups_do_no_harm() {
    let host = Host::new(&["host", "v2"]);
    let root = host.path().join(V2);
    let mut sampler = host.sampler().build();
    let before = lines(sampler.sample(secs(100))).len();
    // A loop by a link, a name that is no text, one with a line end, one as long as there are, a hundred in one another.
    symlink(&root, root.join("loop")).unwrap();
    fs::create_dir(root.join(std::ffi::OsStr::from_bytes(b"no\xff text"))).unwrap();
    fs::create_dir(root.join("two\nlines")).unwrap();
    fs::create_dir(root.join("n".repeat(255))).unwrap();
    fs::create_dir_all(root.join(["deep"; 100].join("/"))).unwrap();
    let mut sampler = host.sampler().build();
    let rows = lines(sampler.sample(secs(100)));
    assert_eq!(rows.len(), before, "a folder without files has no rows");
    assert!(sampler.stats().cgroups < 200);
    sampler.sample(secs(110));
    assert!(sampler.take_warnings().len() <= 3);
}
