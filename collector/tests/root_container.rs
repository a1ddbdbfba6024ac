//! What the root container has of the host's network, file systems and disks.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::sync::Arc;

use common::{Host, secs};
use stripchart_collector::Node;

#[test]
fn the_root_has_the_hosts_interfaces_and_file_systems_with_their_disks() {
    let host = Host::new(&["host", "v2"]);
    for folder in ["run/layers", "run/shm"] {
        std::fs::create_dir_all(host.path().join(folder)).unwrap();
    }
    host.write(
        "proc/1/mountinfo",
        "27 1 8:0 / / rw,relatime - ext4 /dev/sda rw\n\
         28 23 0:24 / /sys/fs/cgroup rw,relatime - cgroup2 none rw\n\
         29 27 0:45 / /run/layers rw,relatime - overlay overlay rw\n\
         30 27 0:46 / /run/shm rw,relatime - tmpfs tmpfs rw\n",
    );
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).build();
    sampler.sample(secs(100));
    assert_eq!(sampler.take_warnings(), []);
    let containers = node.containers();
    let root = containers["/"].samples.latest().unwrap();
    let interfaces: Vec<_> =
        root.network.as_ref().unwrap().interfaces.iter().map(|i| (&*i.name, i.rx_bytes)).collect();
    assert_eq!(interfaces, [("eth0", 185_489_972), ("eth1", 0)], "neither lo nor veth12");
    let seen: Vec<_> = root.filesystems.iter().map(|f| (&*f.device, &*f.kind, f.major)).collect();
    let want = [("/dev/sda", "ext4", 8), ("overlay_0-45", "overlay", 0), ("/run/shm", "tmpfs", 0)];
    assert_eq!(seen, want);
    let disk = root.filesystems[0].disk.unwrap();
    assert_eq!((disk.reads_completed, disk.sectors_read, disk.write_ms), (15, 320, 9));
    assert!(root.filesystems.iter().all(|f| f.capacity > 0 && f.usage <= f.capacity));
    assert!(root.filesystems[1].disk.is_none());
}
