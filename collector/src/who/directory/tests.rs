use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SANDBOX: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

/// A host made of files.
struct Host {
    root: TempDir,
    directory: Directory,
    warnings: Warnings,
}

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::new(&Roots::below(root.path()));
        let host = Host { root, directory, warnings: Warnings::default() };
        host.write(files);
        host
    }

    /// Writes files, in the names and texts of which `ID`, `SANDBOX` and `UID` stand for the constants.
    fn write(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.root.path().join(filled(name));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, filled(text)).unwrap();
        }
    }

    fn look_at(&mut self, path: &str, known: &mut Option<Known>, secs: i64) -> bool {
        let folder = PathBuf::from("/no/such/cgroup");
        self.directory.begin(None);
        let now = Timestamp::from_secs(secs);
        self.directory.look(&filled(path), &folder, known, now, &mut self.warnings)
    }

    fn look(&mut self, path: &str) -> Arc<About> {
        let mut known = None;
        self.look_at(path, &mut known, 1_000);
        Arc::clone(known.unwrap().about())
    }
}

fn filled(text: &str) -> String {
    text.replace("SANDBOX", SANDBOX).replace("UID", UID).replace("ID", ID)
}

fn text(value: &Option<Box<str>>) -> Option<&str> {
    value.as_deref()
}

#[test]
fn the_kubelets_file_names_tell_who_a_container_is_where_no_runtime_does() {
    let mut host = Host::new(&[
        ("var/log/pods/shop_web-0_UID/app/3.log", ""),
        ("var/log/containers/web-0_shop_app-ID.log", ""),
    ]);
    let about = host.look("/kubepods/burstable/podUID/ID");
    let pod = about.pod.as_ref().unwrap();
    assert_eq!(
        (&*pod.uid, text(&pod.name), text(&pod.namespace)),
        (UID, Some("web-0"), Some("shop"))
    );
    assert_eq!((pod.qos, text(&about.container_name)), (Some("burstable"), Some("app")));
    assert_eq!(
        (about.restarts, text(&about.log_path)),
        (Some(3), Some(&*filled("/var/log/pods/shop_web-0_UID/app")))
    );
    // The folder of the pod knows its name, too, and is no container.
    let about = host.look("/kubepods/burstable/podUID");
    assert_eq!(text(&about.pod.as_ref().unwrap().name), Some("web-0"));
    assert_eq!((&about.container_id, &about.container_name), (&None, &None));
}

#[test]
fn services_and_plain_groups_are_known_at_once_and_never_looked_for_again() {
    let mut host = Host::new(&[]);
    let mut known = None;
    assert!(host.look_at("/system.slice/cron.service", &mut known, 10));
    assert_eq!(text(&known.as_ref().unwrap().about().unit), Some("cron.service"));
    assert!(!host.look_at("/system.slice/cron.service", &mut known, 1_000_000));
    assert!(host.warnings.take().is_empty());
}

#[test]
fn what_is_unknown_is_looked_for_again_ever_more_seldom() {
    let mut host = Host::new(&[]);
    let mut known = None;
    let path = "/kubepods/podUID/ID";
    assert!(host.look_at(path, &mut known, 100));
    host.write(&[("var/log/containers/web-0_shop_app-ID.log", "")]);
    assert!(!host.look_at(path, &mut known, 100), "too early");
    assert!(host.look_at(path, &mut known, 101), "after a second");
    assert_eq!(text(&known.as_ref().unwrap().about().container_name), Some("app"));
    let mut looks = Vec::new();
    let mut unknown = None;
    for secs in 0..4_000 {
        let before = unknown.as_ref().map(|known: &Known| known.tries);
        host.look_at("/kubepods/pod9f8e7d6c5b4a39281706f5e4d3c2b1a0", &mut unknown, secs);
        if before != unknown.as_ref().map(|known| known.tries) {
            looks.push(secs);
        }
    }
    assert_eq!(looks[..6], [0, 1, 3, 7, 15, 31]);
    assert_eq!(looks[looks.len() - 1] - looks[looks.len() - 2], 300);
}

#[test]
fn a_cgroup_is_as_old_as_its_folder_but_not_older_than_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut directory = Directory::new(&Roots::default());
    let mut warnings = Warnings::default();
    let mut created_if = |booted: Option<i64>, now: i64| {
        directory.begin(booted.map(Timestamp::from_secs));
        let mut known = None;
        let now = Timestamp::from_secs(now);
        directory.look("/a", folder.path(), &mut known, now, &mut warnings);
        known.unwrap().about().created.unwrap()
    };
    let real = created_if(None, 1 << 33);
    assert!(real > Timestamp::from_secs(1_700_000_000));
    assert_eq!(created_if(Some(1 << 33), 1 << 33), Timestamp::from_secs(1 << 33));
}

#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
mod runtimes {
    use super::*;

    const OVERLAY: &str = "1 0 0:9 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/rootfs rw - overlay overlay \
         rw,lowerdir=/l,upperdir=/var/lib/containerd/snapshots/12/fs,workdir=/w\n\
         2 0 0:9 / /var/lib/docker/rootfs/overlayfs/ID rw - overlay overlay rw,upperdir=/var/lib/x\\040y/fs\n";

    #[test]
    fn docker_tells_name_image_labels_and_state() {
        let mut host = Host::new(&[
            (
                "var/lib/docker/containers/ID/config.v2.json",
                r#"{"State":{"Running":true,"Pid":713,"ExitCode":0,"StartedAt":"2026-05-01T10:00:00.5Z"},
                    "ID":"ID","Created":"2026-05-01T09:59:59Z","Managed":false,
                    "Config":{"Image":"nginx:1","Env":["A=b=c","B=","SECRET=x"],"Labels":{"tier":"web"}},
                    "NetworkSettings":{"Ports":null},"LogPath":"/var/lib/docker/containers/ID/ID-json.log",
                    "Name":"/web","Driver":"overlay2","RestartCount":2}"#,
            ),
            (
                "var/lib/docker/containers/ID/hostconfig.json",
                r#"{"NetworkMode":"host","Memory":0}"#,
            ),
            ("var/lib/docker/image/overlay2/layerdb/mounts/ID/mount-id", "abc123"),
        ]);
        host.directory.keep_envs(&["A".into(), "B".into(), "C".into()]);
        for path in ["/docker/ID", "/system.slice/docker-ID.scope"] {
            let about = host.look(path);
            assert_eq!(about.runtime, Some(Runtime::Docker));
            assert_eq!(about.aliases, ["web".into(), Box::<str>::from(ID)]);
            assert_eq!(text(&about.image), Some("nginx:1"));
            assert_eq!(about.labels["tier"], "web".into());
            assert_eq!(about.envs.len(), 2);
            assert_eq!((&*about.envs["A"], &*about.envs["B"]), ("b=c", ""));
            assert_eq!(about.created, Some(Timestamp::from_secs(1_777_629_599)));
            assert_eq!(about.started, Some(Timestamp::from_nanos(1_777_629_600_500_000_000)));
            assert_eq!((about.restarts, about.host_network), (Some(2), true));
            assert_eq!(text(&about.writable_layer), Some("/var/lib/docker/overlay2/abc123/diff"));
            assert!(text(&about.log_path).unwrap().ends_with("-json.log"));
            assert_eq!(about.pod, None);
        }
    }

    #[test]
    fn docker_over_containerds_snapshots_has_its_layer_in_the_list_of_mounts() {
        let mut host = Host::new(&[
            (
                "var/lib/docker/containers/ID/config.v2.json",
                r#"{"Name":"/web","Driver":"overlayfs","Config":{"Image":"nginx","Labels":null,"Env":null},"State":null}"#,
            ),
            (
                "run/containerd/io.containerd.runtime.v2.task/moby/ID/config.json",
                r#"{"root":{"path":"/var/lib/docker/rootfs/overlayfs/ID"}}"#,
            ),
            ("proc/1/mountinfo", OVERLAY),
        ]);
        let about = host.look("/docker/ID");
        assert_eq!(text(&about.writable_layer), Some("/var/lib/x y/fs"));
        assert_eq!((about.started, about.host_network), (None, false));
    }

    #[test]
    fn a_pod_of_docker_is_known_by_the_kubelets_labels() {
        let mut host = Host::new(&[(
            "var/lib/docker/containers/ID/config.v2.json",
            r#"{"Name":"/k8s_POD_web-0_shop_UID_1","Config":{"Image":"pause:3.9","Labels":{
                "io.kubernetes.docker.type":"podsandbox","io.kubernetes.container.name":"POD",
                "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"UID"}}}"#,
        )]);
        let about = host.look("/kubepods/besteffort/podUID/ID");
        assert_eq!((about.sandbox, &about.container_name), (true, &None));
        let pod = about.pod.as_ref().unwrap();
        assert_eq!((text(&pod.name), pod.qos), (Some("web-0"), Some("besteffort")));
    }

    #[test]
    fn containerd_tells_pod_container_and_image_and_the_log_folder_the_restarts() {
        let annotations = r#"{"process":{"env":["A=b"]},"root":{"path":"rootfs"},
            "linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/proc/812/ns/net"}]},
            "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"app",
            "io.kubernetes.cri.image-name":"docker.io/library/web:2","io.kubernetes.cri.sandbox-id":"SANDBOX",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-uid":"UID"}}"#;
        let sandbox = r#"{"linux":{"namespaces":[{"type":"pid"}]},"annotations":{
            "io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":"SANDBOX",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"}}"#;
        let bundles = "run/containerd/io.containerd.runtime.v2.task/k8s.io";
        let mut host = Host::new(&[
            (&format!("{bundles}/ID/config.json"), annotations),
            (&format!("{bundles}/ID/init.pid"), "900"),
            (&format!("{bundles}/SANDBOX/config.json"), sandbox),
            ("var/log/pods/shop_web-0_UID/app/0.log", ""),
            ("var/log/pods/shop_web-0_UID/app/1.log", ""),
            ("proc/1/mountinfo", OVERLAY),
        ]);
        let path = "/kubepods.slice/kubepods-podUID.slice/cri-containerd-ID.scope";
        let about = host.look(path);
        assert_eq!(about.aliases, [Box::<str>::from(ID), filled(path).into()]);
        assert_eq!(text(&about.container_name), Some("app"));
        assert_eq!(text(&about.image), Some("docker.io/library/web:2"));
        assert_eq!(&*about.labels["io.kubernetes.container.name"], "app");
        assert_eq!(&*about.labels["io.kubernetes.pod.uid"], UID);
        assert!(about.host_network, "its sandbox has no network namespace of its own");
        assert_eq!(about.restarts, Some(1));
        assert_eq!(text(&about.writable_layer), Some("/var/lib/containerd/snapshots/12/fs"));
        assert!(about.created.is_some() && about.started >= about.created);
        let about = host.look("/kubepods/podUID/SANDBOX");
        assert_eq!((about.sandbox, &about.container_name, about.host_network), (true, &None, true));
        assert_eq!(about.runtime, Some(Runtime::Containerd), "the path did not tell");
        assert_eq!(&*about.labels["io.cri-containerd.kind"], "sandbox");
        // And the pod's own folder was told by its containers.
        let about = host.look("/kubepods.slice/kubepods-podUID.slice");
        assert_eq!(text(&about.pod.as_ref().unwrap().name), Some("web-0"));
    }

    #[test]
    fn k3s_keeps_its_bundles_elsewhere() {
        let mut host = Host::new(&[(
            "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
            r#"{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"p",
                "io.kubernetes.cri.sandbox-namespace":"n"}}"#,
        )]);
        let about = host.look("/kubepods/burstable/podUID/ID");
        assert_eq!(text(&about.container_name), Some("app"));
        assert!(!about.host_network);
    }

    #[test]
    fn crio_tells_everything_in_annotations() {
        let mut host = Host::new(&[(
            "var/lib/containers/storage/overlay-containers/ID/userdata/config.json",
            r#"{"root":{"path":"/var/lib/containers/storage/overlay/77aa/merged"},
                "linux":{"namespaces":[{"type":"network","path":"/var/run/netns/x"}]},
                "annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container",
                "io.kubernetes.cri-o.Name":"k8s_app_web-0_shop_UID_2","io.kubernetes.cri-o.ImageName":"quay.io/web:2",
                "io.kubernetes.cri-o.Created":"2026-05-01T12:00:00.25+02:00",
                "io.kubernetes.cri-o.Metadata":"{\"name\":\"app\",\"attempt\":2}",
                "io.kubernetes.cri-o.LogPath":"/var/log/pods/shop_web-0_UID/app/2.log",
                "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.pod.uid\":\"UID\"}"}}"#,
        )]);
        let about = host.look("/kubepods.slice/kubepods-podUID.slice/crio-ID.scope/container");
        assert_eq!(about.runtime, Some(Runtime::Crio));
        assert_eq!(about.aliases[0], filled("k8s_app_web-0_shop_UID_2").into());
        assert_eq!((text(&about.container_name), about.restarts), (Some("app"), Some(2)));
        assert_eq!(about.created, Some(Timestamp::from_nanos(1_777_629_600_250_000_000)));
        assert_eq!(
            text(&about.writable_layer),
            Some("/var/lib/containers/storage/overlay/77aa/diff")
        );
        assert_eq!(&*about.labels["io.kubernetes.pod.name"], "web-0");
        assert!(!about.host_network && !about.sandbox);
        assert_eq!(text(&about.pod.as_ref().unwrap().namespace), Some("shop"));
    }

    #[test]
    fn podman_has_names_in_the_list_of_the_store_also_of_users() {
        let spec = r#"{"annotations":{"io.container.manager":"libpod"},"linux":{"namespaces":[{"type":"network"}]}}"#;
        let entry = r#"[{"id":"other"},{"id":"ID","names":["web"],"image":"5d","layer":"67b0","created":"2026-05-01T10:00:00Z",
             "metadata":"{\"image-name\":\"docker.io/library/nginx:1\",\"name\":\"web\"}","flags":{"MountLabel":""}}]"#;
        for (store, list, path) in [
            ("var/lib", "containers.json", "/machine.slice/libpod-ID.scope/container"),
            (
                "home/ann/.local/share",
                "volatile-containers.json",
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            ),
        ] {
            let store = format!("{store}/containers/storage");
            let mut host = Host::new(&[
                ("etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n"),
                (&format!("{store}/overlay-containers/ID/userdata/config.json"), spec),
                (&format!("{store}/overlay-containers/{list}"), entry),
            ]);
            let about = host.look(path);
            assert_eq!(about.runtime, Some(Runtime::Podman));
            assert_eq!(about.aliases, [Box::<str>::from("web"), ID.into()]);
            assert_eq!(text(&about.image), Some("docker.io/library/nginx:1"));
            assert_eq!(about.created, Some(Timestamp::from_secs(1_777_629_600)));
            let layer = format!("/{store}/overlay/67b0/diff");
            assert_eq!(text(&about.writable_layer), Some(&*layer));
            assert!(host.warnings.take().is_empty());
        }
    }

    #[test]
    fn malformed_files_give_one_warning_and_leave_what_else_is_known() {
        let cases: &[&str] = &[
            "",
            "{",
            "[]",
            "nul\0",
            r#"{"Name":7}"#,
            r#"{"Config":{"Labels":["a"]}}"#,
            r#"{"RestartCount":-1}"#,
            r#"{"RestartCount":99999999999999999999}"#,
        ];
        for case in cases {
            let mut host = Host::new(&[
                ("var/lib/docker/containers/ID/config.v2.json", case),
                ("var/log/containers/web-0_shop_app-ID.log", ""),
            ]);
            let mut known = None;
            for secs in [0, 1, 3, 7] {
                host.look_at("/system.slice/docker-ID.scope", &mut known, secs);
            }
            let warnings = host.warnings.take();
            assert_eq!(warnings.len(), 1, "{case}: {warnings:?}");
            assert!(warnings[0].to_string().contains("config.v2.json: expected"), "{case}");
            let about = known.as_ref().unwrap().about();
            assert_eq!(text(&about.container_name), Some("app"), "{case}");
        }
    }

    #[test]
    fn huge_files_folders_and_pipes_are_refused() {
        let mut host = Host::new(&[("etc/x", "")]);
        let folder = host.root.path().join(filled("var/lib/docker/containers/ID"));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("config.v2.json");
        let huge = std::fs::File::create(&path).unwrap();
        huge.set_len(1 << 30).unwrap();
        host.look("/docker/ID");
        let warning = host.warnings.take().remove(0).to_string();
        assert!(warning.contains("larger than 4 MiB"), "{warning}");
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: mkfifo is not there");
            return;
        }
        host.warnings.good(&path);
        host.look("/docker/ID");
        let warning = host.warnings.take().remove(0).to_string();
        assert!(warning.contains("not a regular file"), "{warning}");
    }

    #[test]
    fn names_in_annotations_cannot_lead_out_of_the_log_folder() {
        let mut host = Host::new(&[(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
            r#"{"annotations":{"io.kubernetes.cri.container-name":"../../../../etc","io.kubernetes.cri.sandbox-name":"p",
                "io.kubernetes.cri.sandbox-namespace":"n","io.kubernetes.cri.sandbox-id":"../.."}}"#,
        )]);
        host.write(&[("etc/7.log", "")]);
        let about = host.look("/kubepods/podUID/ID");
        assert_eq!((&about.log_path, about.restarts), (&None, None));
    }

    #[test]
    fn exit_codes_are_where_runtimes_leave_them() {
        use super::super::super::runtime::exit_code;
        let host = Host::new(&[
            (
                "var/lib/docker/containers/ID/config.v2.json",
                r#"{"State":{"Running":false,"ExitCode":137}}"#,
            ),
            (
                "var/lib/docker/containers/SANDBOX/config.v2.json",
                r#"{"State":{"Running":true,"ExitCode":0}}"#,
            ),
            ("run/crio/exits/ID", "-1\n"),
            ("run/libpod/exits/ID", "3"),
            ("run/libpod/exits/SANDBOX", "what"),
        ]);
        let root = host.root.path();
        assert_eq!(exit_code(root, ID, Some(Runtime::Docker)), Some(137));
        assert_eq!(exit_code(root, SANDBOX, Some(Runtime::Docker)), None);
        assert_eq!(exit_code(root, ID, Some(Runtime::Crio)), Some(-1));
        assert_eq!(exit_code(root, ID, Some(Runtime::Podman)), Some(3));
        assert_eq!(exit_code(root, SANDBOX, Some(Runtime::Podman)), None);
        assert_eq!(exit_code(root, ID, Some(Runtime::Containerd)), None);
    }
}
