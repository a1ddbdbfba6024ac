//! full_stack on a real unified hierarchy: in a virtual machine with pods that are throttled, run out of memory, write to a
//! disk and talk over a veth pair.
//!
//! The variable `V2VM` names a launcher, `LAUNCHER [--mem MIB] [--time S] [--copy FILE]... -- PROGRAM [ARGS]`, that runs a
//! program in such a machine and exits with 77 where it cannot.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const POD: &str = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice";

/// What runs inside, by busybox alone. Each file is read before and after the answers, so that counters lie between.
const SCRIPT: &str = r#"
/host/full_stack --data /tmp/data --listen 127.0.0.1:8086 --interval 1s >/tmp/said 2>&1 &
sleep 12
burn=POD/cri-containerd-$(printf 'a%.0s' $(seq 64)).scope
hog=POD/cri-containerd-$(printf 'b%.0s' $(seq 64)).scope
disk=/kubepods/besteffort/pod66666666-7777-8888-9999-000000000000/$(printf 'c%.0s' $(seq 64))
# Under emulation it may take the hog a while to fill its memory.
until [ "$(sed -n 's/^oom_kill //p' /sys/fs/cgroup$hog/memory.events)" -gt 0 ]; do sleep 1; done
raw() {
  echo "$1.throttled $(sed -n 's/^nr_throttled //p' /sys/fs/cgroup$burn/cpu.stat)"
  echo "$1.oom_kills $(sed -n 's/^oom_kill //p' /sys/fs/cgroup$hog/memory.events)"
  echo "$1.written $(tr ' ' '\n' </sys/fs/cgroup$disk/io.stat | sed -n 's/^wbytes=//p' | awk '{s+=$1} END {print s+0}')"
  echo "$1.received $(awk '/eth0:/ {sub(/.*:/, ""); print $1}' /proc/$(head -1 /sys/fs/cgroup$burn/cgroup.procs)/net/dev)"
}
raw before
get() { echo "$1 $(wget -q -O - "http://127.0.0.1:8086$2")"; }
get fresh "/api/v2.1/stats/?recursive=true&count=1&max_age=0s"
get hog "/api/v1.3/containers$hog"
raw after
"#;

#[test]
fn pods_of_a_unified_hierarchy_are_told_as_the_kernel_has_them() {
    let Some(launcher) = std::env::var_os("V2VM").filter(|launcher| !launcher.is_empty()) else {
        return println!("skipped: V2VM names no launcher");
    };
    let output = Command::new(launcher)
        .args(["--mem", "1536", "--time", "400", "--copy"])
        .arg(common::program("full_stack"))
        .args(["--", "/bin/busybox", "sh", "-c", &SCRIPT.replace("POD", POD)])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(77) {
        return println!("skipped: {}", text.trim().trim_start_matches("skipped: "));
    }
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let said: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let fresh: Value = serde_json::from_str(said["fresh"]).expect(said["fresh"]);
    let latest = |id: &str| {
        let mut containers = fresh.as_object().unwrap().iter();
        containers
            .find(|(path, _)| path.contains(&id.repeat(64)))
            .map(|(_, c)| &c["stats"][0])
            .expect(id)
    };
    let hog: Value = serde_json::from_str(said["hog"]).expect(said["hog"]);
    let write = |stats: &Value| {
        let devices = stats["diskio"]["io_service_bytes"].as_array().unwrap();
        devices.iter().map(|device| device["stats"]["Write"].as_u64().unwrap()).sum::<u64>()
    };
    // The interfaces of a pod are told once, of whichever container was met first.
    let received =
        fresh.as_object().unwrap().iter().filter(|(path, _)| path.starts_with(POD)).find_map(
            |(_, c)| {
                let interfaces = c["stats"][0]["network"]["interfaces"].as_array()?;
                interfaces.iter().find(|i| i["name"] == "eth0")?["rx_bytes"].as_u64()
            },
        );
    let found = [
        ("throttled", latest("a")["cpu"]["cfs"]["throttled_periods"].as_u64().unwrap()),
        (
            "oom_kills",
            hog["stats"].as_array().unwrap().last().unwrap()["oom_events"].as_u64().unwrap_or(0),
        ),
        ("written", write(latest("c"))),
        ("received", received.expect("eth0 of the pod")),
    ];
    for (name, found) in found {
        let raw = |when: &str| said[&*format!("{when}.{name}")].parse::<u64>().unwrap();
        let (before, after) = (raw("before"), raw("after"));
        println!("{name}: {before} before, {found} told, {after} after");
        assert!(
            (before..=after).contains(&found),
            "{name}: {before} before, {found} told, {after} after"
        );
        assert!(found > 0, "{name}: nothing happened");
    }
}
