//! Who containers are, asked of the real containerd: Debian's packages `containerd` and `runc`.

#![cfg(feature = "containerd")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use common::{Host, secs};
use stripchart_collector::Node;
use stripchart_collector::node::About;
use tempfile::TempDir;

const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SANDBOX: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const PLAIN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

/// A daemon with a folder of its own, that knows nothing of any other; ended when dropped.
struct Daemon {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    /// The error says why there is none.
    fn start() -> Result<Self, String> {
        for program in ["containerd", "ctr"] {
            let found = Command::new(program).arg("--version").output();
            found.map_err(|error| format!("{program}: {error}"))?;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(
            at("config.toml"),
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
        )
        .unwrap();
        std::fs::create_dir(at("rootfs")).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        let child = Command::new("containerd")
            .arg("--config")
            .arg(at("config.toml"))
            .arg("--root")
            .arg(at("root"))
            .arg("--state")
            .arg(at("state"))
            .arg("--address")
            .arg(at("c.sock"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut daemon = Daemon { child, folder };
        loop {
            // It takes a moment until there is a socket, and another until there is an answer.
            if daemon.ctr("default", &["version"]).is_ok() {
                return Ok(daemon);
            }
            if let Some(status) = daemon.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(daemon.folder.path().join("log")).unwrap();
                let last = log.lines().last().unwrap_or_default();
                return Err(format!("containerd ended with {status}: {last}"));
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("c.sock")
    }

    fn ctr(&self, namespace: &str, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("ctr")
            .arg("--address")
            .arg(self.socket())
            .args(["--namespace", namespace, "--connect-timeout", "5s"])
            .args(arguments)
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Makes a container of no image, whose root is an empty folder; nothing in it is run.
    fn create(&self, namespace: &str, id: &str, labels: &[&str], more: &[&str]) {
        let rootfs = self.folder.path().join("rootfs");
        let mut arguments = vec!["containers", "create", "--rootfs"];
        labels.iter().for_each(|label| arguments.extend(["--label", label]));
        arguments.extend(more);
        arguments.extend([rootfs.to_str().unwrap(), id, "/bin/true"]);
        self.ctr(namespace, &arguments).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A host with the cgroups of three containers, and no file of any runtime.
fn host() -> Host {
    let host = Host::new(&["host", "v2"]);
    for path in cgroups() {
        host.write(&format!("sys/fs/cgroup{path}/cpu.stat"), "usage_usec 1000\n");
    }
    host
}

fn cgroups() -> [String; 3] {
    let pod = format!("/kubepods/burstable/pod{UID}");
    [format!("{pod}/{ID}"), format!("{pod}/{SANDBOX}"), format!("/default/{PLAIN}")]
}

fn abouts(host: &Host, socket: &Path) -> ([Arc<About>; 3], Vec<String>) {
    let node = Arc::new(Node::new());
    let mut sampler = host
        .sampler()
        .node(Arc::clone(&node))
        .containerd_socket(socket)
        .container_envs(["GIVEN"])
        .build();
    sampler.sample(secs(2_000_000_000));
    let of = |path: String| Arc::clone(&node.containers().get(&*path).unwrap().about);
    let warnings = sampler.take_warnings().iter().map(ToString::to_string).collect();
    (cgroups().map(of), warnings)
}

#[test]
fn the_real_daemon_tells_labels_pods_and_times() {
    let daemon = match Daemon::start() {
        Ok(daemon) => daemon,
        Err(why) => return println!("skipped: containerd: {why}"),
    };
    let uid = format!("io.kubernetes.pod.uid={UID}");
    let pod = ["io.kubernetes.pod.name=web-0", "io.kubernetes.pod.namespace=shop", &*uid];
    let app = ["io.cri-containerd.kind=container", "io.kubernetes.container.name=app", "team=é b"];
    daemon.create(
        "k8s.io",
        ID,
        &[&pod[..], &app].concat(),
        &["--env", "SECRET=x", "--env", "GIVEN=b=c"],
    );
    let sandbox = [&pod[..], &["io.cri-containerd.kind=sandbox"]].concat();
    daemon.create("k8s.io", SANDBOX, &sandbox, &["--net-host"]);
    daemon.create("default", PLAIN, &["nerdctl/name=plain"], &[]);

    let host = host();
    let ([app, sandbox, plain], warnings) = abouts(&host, &daemon.socket());
    assert_eq!(warnings, [""; 0]);
    assert_eq!((app.container_name.as_deref(), &*app.labels["team"]), (Some("app"), "é b"));
    assert_eq!((app.labels.len(), app.sandbox, app.host_network), (6, false, false));
    assert_eq!((app.envs.len(), &*app.envs["GIVEN"]), (1, "b=c"), "only what was asked for");
    let named = app.pod.as_ref().unwrap();
    assert_eq!((named.name.as_deref(), named.namespace.as_deref()), (Some("web-0"), Some("shop")));
    assert!(app.created.unwrap() > secs(1_600_000_000), "{:?}", app.created);
    assert!(sandbox.sandbox && sandbox.host_network && sandbox.container_name.is_none());
    assert_eq!(plain.aliases[0], PLAIN.into());
    assert_eq!((&*plain.labels["nerdctl/name"], &plain.pod), ("plain", &None));

    // What it does not know is no fault, nor that it went away afterwards.
    daemon.ctr("default", &["containers", "delete", PLAIN]).unwrap();
    let ([_, _, plain], warnings) = abouts(&host, &daemon.socket());
    assert_eq!((plain.labels.len(), warnings.len()), (0, 0));
    let socket = daemon.socket();
    drop(daemon);
    let ([app, ..], warnings) = abouts(&host, &socket);
    assert_eq!((app.labels.len(), warnings.len()), (0, 1), "{warnings:?}");
    assert!(warnings[0].contains("gave no answer about a container"), "{warnings:?}");
}
