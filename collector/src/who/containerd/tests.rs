use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::super::directory::{Directory, Known};
use super::super::grpc::tests::{answer, refusal};
use super::*;
use crate::Roots;
use crate::node::About;

const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";
const IN_POD: &str = "/kubepods/burstable/podUID/ID";

fn filled(text: &str) -> String {
    text.replace("UID", UID).replace("ID", ID)
}

/// A host with a daemon that says the same on each connection, whatever it is told; gives what it was told.
struct Host {
    root: TempDir,
    socket: PathBuf,
    directory: Directory,
    warnings: Warnings,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let socket = root.path().join("containerd.sock");
        let mut directory = Directory::new(&Roots::below(root.path()));
        directory.ask_containerd(&socket);
        directory.keep_envs(&["A".into()]);
        Host { root, socket, directory, warnings: Warnings::default() }
    }

    fn serve(&self, connections: Vec<Vec<u8>>) -> JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(&self.socket).unwrap();
        std::thread::spawn(move || {
            let told = connections.into_iter().map(|says| {
                let (mut stream, _) = listener.accept().unwrap();
                // One that has had enough is gone already.
                let _ = stream.write_all(&says);
                let mut told = Vec::new();
                let _ = stream.read_to_end(&mut told);
                String::from_utf8_lossy(&told).into_owned()
            });
            told.collect()
        })
    }

    fn look(&mut self, path: &str, known: &mut Option<Known>, secs: i64) -> std::sync::Arc<About> {
        self.directory.begin(None);
        let (path, now) = (filled(path), Timestamp::from_secs(secs));
        self.directory.look(&path, Path::new("/no/such"), known, now, &mut self.warnings);
        std::sync::Arc::clone(known.as_ref().unwrap().about())
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.path().join(filled(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, filled(text)).unwrap();
    }
}

fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, bytes)| write_bytes(&mut message, *number, bytes));
    message
}

/// An entry of a map, or something of any type.
fn pair(key: &str, value: &[u8]) -> Vec<u8> {
    message(&[(1, key.as_bytes()), (2, value)])
}

/// The answer about a container with `labels`, a specification and an extension.
fn container(labels: &[(&str, &str)], spec: &str, extension: (&str, &str)) -> Vec<u8> {
    let mut container = message(&[(1, ID.as_bytes()), (3, b"registry/app:1")]);
    for (key, value) in labels {
        write_bytes(&mut container, 2, &pair(key, filled(value).as_bytes()));
    }
    write_bytes(&mut container, 5, &pair("spec", filled(spec).as_bytes()));
    // 1000000050 seconds and 5 nanoseconds.
    write_bytes(&mut container, 8, b"\x08\xb2\x94\xeb\xdc\x03\x10\x05");
    let of_any_type = pair("metadata", extension.1.as_bytes());
    write_bytes(&mut container, 10, &pair(extension.0, &of_any_type));
    message(&[(1, &container)])
}

fn app() -> Vec<u8> {
    let labels = [
        ("io.cri-containerd.kind", "container"),
        ("io.kubernetes.container.name", "app"),
        ("io.kubernetes.pod.name", "web-0"),
        ("io.kubernetes.pod.namespace", "shop"),
        ("io.kubernetes.pod.uid", "UID"),
        ("maintainer", "somebody"),
    ];
    let extension = r#"{"Version":"v1","Metadata":{"LogPath":"/var/log/x.log","Config":{"metadata":{"name":"app","attempt":3},
        "annotations":{"io.kubernetes.container.restartCount":"4"}}}}"#;
    let spec = r#"{"process":{"env":["A=b","SECRET=x"]},"linux":{"namespaces":[{"type":"network","path":"/proc/7/ns/net"}]}}"#;
    container(&labels, spec, ("io.cri-containerd.container.metadata", extension))
}

#[test]
fn the_daemon_tells_what_no_file_does() {
    let mut host = Host::new();
    let daemon = host.serve(vec![answer(1, &app())]);
    let mut known = None;
    let about = host.look(IN_POD, &mut known, 2_000_000_000);
    assert_eq!(about.runtime, Some(Runtime::Containerd));
    assert_eq!(about.image.as_deref(), Some("registry/app:1"));
    assert_eq!((&*about.labels["maintainer"], about.labels.len()), ("somebody", 6));
    assert_eq!((&*about.envs["A"], about.envs.len()), ("b", 1));
    assert_eq!(about.container_name.as_deref(), Some("app"));
    let pod = about.pod.as_ref().unwrap();
    assert_eq!((pod.name.as_deref(), pod.namespace.as_deref()), (Some("web-0"), Some("shop")));
    assert_eq!((about.restarts, about.sandbox, about.host_network), (Some(4), false, false));
    assert_eq!(about.created, Some(Timestamp::from_nanos(1_000_000_050_000_000_005)));
    assert!(host.warnings.take().is_empty());
    // All is known: it is not asked again.
    host.look(IN_POD, &mut known, 2_000_001_000);
    drop(host);
    let told = daemon.join().unwrap();
    assert!(told[0].starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    assert!(told[0].contains("/containerd.services.containers.v1.Containers/Get"));
    assert!(told[0].contains("k8s.io") && told[0].contains(ID));
}

#[test]
fn a_pods_sandbox_on_the_hosts_network_is_one() {
    let mut host = Host::new();
    let labels = [("io.cri-containerd.kind", "sandbox"), ("io.kubernetes.pod.name", "web-0")];
    let extension = r#"{"Metadata":{"Config":{"linux":{"security_context":{"namespace_options":{"network":2}}}}}}"#;
    let sandbox = container(&labels, "{}", ("io.cri-containerd.sandbox.metadata", extension));
    let daemon = host.serve(vec![answer(1, &sandbox)]);
    let about = host.look(IN_POD, &mut None, 2_000_000_000);
    assert!(about.sandbox && about.host_network);
    assert_eq!((about.container_name.as_deref(), about.restarts), (None, None));
    drop(host);
    daemon.join().unwrap();
}

#[test]
fn labels_are_asked_for_although_the_files_tell_the_rest() {
    let mut host = Host::new();
    let bundle = "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json";
    host.write(
        bundle,
        r#"{"annotations":{"io.kubernetes.cri.container-name":"of-file","io.kubernetes.cri.image-name":"registry/app@sha256:1",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}"#,
    );
    host.write(
        "proc/1/mountinfo",
        "1 0 0:9 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/rootfs rw - overlay overlay rw,upperdir=/up\n",
    );
    let mut known = None;
    // The daemon is not there yet.
    let about = host.look(IN_POD, &mut known, 2_000_000_000);
    assert_eq!(
        (about.container_name.as_deref(), about.labels.get("maintainer")),
        (Some("of-file"), None)
    );
    assert_eq!(host.warnings.take().len(), 1);
    let daemon = host.serve(vec![answer(1, &app())]);
    for secs in [1, 3, 7, 15, 31, 63] {
        host.look(IN_POD, &mut known, 2_000_000_000 + secs);
    }
    let about = host.look(IN_POD, &mut known, 2_000_000_064);
    assert_eq!(
        (about.container_name.as_deref(), &*about.labels["maintainer"]),
        (Some("app"), "somebody")
    );
    assert_eq!(about.image.as_deref(), Some("registry/app:1"));
    assert_eq!(about.writable_layer.as_deref(), Some("/up"), "which the daemon does not tell");
    assert!(host.warnings.take().is_empty());
    drop(host);
    daemon.join().unwrap();
}

#[test]
fn other_namespaces_are_asked_one_after_the_other() {
    let mut host = Host::new();
    let says = [refusal(1, 5, "not found"), refusal(3, 5, "not found"), answer(5, &app())];
    let daemon = host.serve(vec![says.concat(), refusal(1, 5, "not found")]);
    let about = host.look("/elsewhere/ID", &mut None, 2_000_000_000);
    assert_eq!(about.runtime, Some(Runtime::Docker), "its containers are in moby");
    let about = host.look("/system.slice/docker-ID.scope", &mut None, 2_000_000_001);
    assert_eq!((about.image.as_deref(), about.labels.len()), (None, 0));
    assert!(host.warnings.take().is_empty(), "not to know one is no fault");
    drop(host);
    let told = daemon.join().unwrap();
    let at = |name: &str| {
        told[0].find(&format!(
            "containerd-namespace{}{name}",
            char::from(u8::try_from(name.len()).unwrap())
        ))
    };
    assert!(at("default") < at("k8s.io") && at("k8s.io") < at("moby"), "{}", told[0]);
}

#[test]
fn a_daemon_that_says_nonsense_is_left_alone_and_told_of_once() {
    let of_another = message(&[(1, &message(&[(1, b"another")]))]);
    let broken = message(&[(1, &message(&[(1, ID.as_bytes()), (5, &pair("spec", b"{"))]))]);
    let cases = [
        (Vec::new(), "expected a frame, found the end of the connection"),
        (
            refusal(1, 14, "shutting down"),
            "expected a container, found the refusal 14: shutting down",
        ),
        (answer(1, b""), "expected a container"),
        (answer(1, b"\x0a\xff"), "expected a number of at most ten bytes"),
        (answer(1, &of_another), "found \"another\""),
        (answer(1, &broken), "expected the description of a container: EOF"),
    ];
    for (says, error) in cases {
        let mut host = Host::new();
        // A connection that ends at once takes what was written with it.
        let ends = says.is_empty();
        let listener = UnixListener::bind(&host.socket).unwrap();
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            if ends {
                stream.shutdown(std::net::Shutdown::Write).unwrap();
            } else {
                let _ = stream.write_all(&says);
            }
            let _ = stream.read_to_end(&mut Vec::new());
            listener
        });
        let mut known = None;
        let about = host.look(IN_POD, &mut known, 2_000_000_000);
        assert_eq!(about.image, None, "{error}");
        let warnings = host.warnings.take();
        assert!(
            warnings.len() == 1 && warnings[0].to_string().contains(error),
            "{error}: {warnings:?}"
        );
        let listener = daemon.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        host.look(IN_POD, &mut known, 2_000_000_059);
        assert!(listener.accept().is_err(), "nobody called");
        host.look(IN_POD, &mut None, 2_000_000_061);
        assert!(listener.accept().is_ok());
        assert!(host.warnings.take().is_empty(), "told once");
    }
}

#[test]
fn some_are_asked_about_in_a_sample_and_the_others_later() {
    let mut host = Host::new();
    let says = (0..32_u32).map(|at| refusal(2 * at + 1, 5, "")).collect::<Vec<_>>().concat();
    let daemon = host.serve(vec![says, answer(1, &app())]);
    host.directory.begin(None);
    let mut known: Vec<Option<Known>> = (0..33).map(|_| None).collect();
    let look = |host: &mut Host, known: &mut Option<Known>, secs| {
        let now = Timestamp::from_secs(secs);
        host.directory.look(&filled(IN_POD), Path::new("/x"), known, now, &mut host.warnings)
    };
    for known in &mut known {
        look(&mut host, known, 2_000_000_000);
    }
    host.directory.begin(None);
    assert!(look(&mut host, &mut known[32], 2_000_000_001));
    assert_eq!(known[32].as_ref().unwrap().about().image.as_deref(), Some("registry/app:1"));
    assert!(host.warnings.take().is_empty());
    drop(host);
    daemon.join().unwrap();
}
