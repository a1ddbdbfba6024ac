//! What the path of a cgroup tells about whose it is.
//!
//! | made by | path |
//! | --- | --- |
//! | kubelet, systemd driver | `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope`, UID with `_` for `-` |
//! | kubelet, cgroupfs driver | `/kubepods/burstable/podUID/ID` |
//! | docker | `/docker/ID`, `/system.slice/docker-ID.scope` |
//! | podman | `/machine.slice/libpod-ID.scope/container` |
//! | containerd and others without kubelet | `/default/ID` |
//! | systemd | `/system.slice/cron.service` |
//!
//! | podman, rootless | `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container` |
//!
//! Where the kubelet's root is nested, as in kind (`/kubelet.slice/kubelet-kubepods.slice/...`) or under minikube
//! (`/docker/ID/kubepods/...`), the same pieces stand further in; k3s and rke2 use those of containerd. Under a mis-set
//! driver the last part is `kubepods-burstable-podUID.slice:cri-containerd:ID`. An id is 64 lower-case hexadecimal
//! digits. A static pod's UID is a hash of 32 such digits without dashes.
//!
//! CRI-O keeps the container that holds a pod's namespaces in `crio-ID` where containers proper have `crio-ID.scope`, and
//! the process that watches over a container in `crio-conmon-ID.scope`; podman's are `libpod-conmon-ID.scope`. The latter
//! are helpers: they belong to a container and are none.
//!
//! A pod's class of service is that of the folder it is in: `burstable`, `besteffort`, or directly the kubelet's root for
//! `guaranteed`.

use std::borrow::Cow;

/// Digits of a container's id.
const ID_LEN: usize = 64;

/// What a cgroup's path tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Identity<'a> {
    /// The UID of the pod that the cgroup is, or is a part of.
    pub pod_uid: Option<Cow<'a, str>>,
    /// The id of the container that the cgroup is.
    pub container_id: Option<&'a str>,
    /// What runs the container, where its name is in the path.
    pub runtime: Option<Runtime>,
    /// The pod's class of service: `guaranteed`, `burstable` or `besteffort`.
    pub qos: Option<&'static str>,
    /// Whether the path says that the container is the one that keeps its pod's namespaces. That of CRI-O with systemd
    /// does; of other runtimes only their files tell.
    pub sandbox: bool,
    /// The id of the container that the cgroup's processes watch over, without being part of it.
    pub helper_of: Option<&'a str>,
    /// The user whose own service manager the cgroup is below, as it is for containers without privileges.
    pub user: Option<u32>,
    /// The systemd unit that the cgroup is: a service, socket, scope or slice that is neither container nor pod.
    pub unit: Option<&'a str>,
}

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Runtime {
    /// Docker.
    Docker,
    /// Containerd, under the kubelet.
    Containerd,
    /// CRI-O.
    Crio,
    /// Podman.
    Podman,
}

impl Runtime {
    /// `docker`, `containerd`, `crio` or `podman`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Runtime::Docker => "docker",
            Runtime::Containerd => "containerd",
            Runtime::Crio => "crio",
            Runtime::Podman => "podman",
        }
    }
}

impl<'a> Identity<'a> {
    /// What `path`, below the root of its hierarchy, tells.
    ///
    /// ```
    /// use stripchart_collector::cgroup::Identity;
    /// let id = "0123456789abcdef".repeat(4);
    /// let path = format!("/kubepods.slice/kubepods-pod1c2d3e4f_0000_4000_8000_000000000001.slice/crio-{id}.scope");
    /// let identity = Identity::of(&path);
    /// assert_eq!(identity.pod_uid.as_deref(), Some("1c2d3e4f-0000-4000-8000-000000000001"));
    /// assert_eq!(identity.container_id, Some(&*id));
    /// ```
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
        let Some(mut last) = parts.next() else { return Identity::default() };
        // Podman and newer CRI-O put the container's processes one level further in.
        if last == "container"
            && let Some(above) = parts.next()
        {
            last = above;
        }
        let above = parts.next();
        let is_helper = HELPERS.iter().any(|prefix| last.starts_with(prefix));
        let (container_id, helper_of) = match id(last) {
            id if is_helper => (None, id),
            id => (id, None),
        };
        let pod_uid = path.rsplit('/').find_map(pod_uid);
        let runtime = match container_id {
            Some(_) => runtime(last).or_else(|| {
                // `/docker/ID`; below the kubelet's folders the bare id may be any runtime's.
                (above == Some("docker") && pod_uid.is_none()).then_some(Runtime::Docker)
            }),
            None => None,
        };
        let sandbox = container_id.is_some()
            && runtime == Some(Runtime::Crio)
            && !last.ends_with(".scope")
            && above.is_some_and(|above| above.ends_with(".slice"));
        let is_unit = container_id.is_none()
            && helper_of.is_none()
            && pod_uid.is_none()
            && [".service", ".socket", ".scope", ".slice", ".mount", ".swap"]
                .iter()
                .any(|suffix| last.ends_with(suffix));
        Identity {
            qos: pod_uid.as_ref().and_then(|_| qos(path)),
            pod_uid,
            container_id,
            runtime,
            sandbox,
            helper_of,
            user: path.split('/').find_map(user),
            unit: is_unit.then_some(last),
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Identity::default()
    }
}

/// What the names of cgroups begin with whose processes watch over a container.
const HELPERS: [&str; 2] = ["crio-conmon-", "libpod-conmon-"];

/// The id in `part`, a path's last.
fn id(part: &str) -> Option<&str> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let start = bare.len().checked_sub(ID_LEN)?;
    let id = bare.get(start..)?;
    let alone = start == 0 || matches!(bare.as_bytes()[start - 1], b'-' | b':');
    (alone && is_lower_hex(id)).then_some(id)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn runtime(part: &str) -> Option<Runtime> {
    const PREFIXES: [(&str, Runtime); 5] = [
        ("docker-", Runtime::Docker),
        ("cri-containerd-", Runtime::Containerd),
        ("crio-", Runtime::Crio),
        ("libpod-", Runtime::Podman),
        ("libpod_pod_", Runtime::Podman),
    ];
    const BETWEEN_COLONS: [(&str, Runtime); 4] = [
        ("cri-containerd", Runtime::Containerd),
        ("crio", Runtime::Crio),
        ("docker", Runtime::Docker),
        ("libpod", Runtime::Podman),
    ];
    if let Some((before, _)) = part.rsplit_once(':') {
        let word = before.rsplit(':').next()?;
        return BETWEEN_COLONS.iter().find(|(name, _)| *name == word).map(|(_, runtime)| *runtime);
    }
    PREFIXES.iter().find(|(prefix, _)| part.starts_with(prefix)).map(|(_, runtime)| *runtime)
}

/// The class of service of the pod that `path` is of, if the kubelet's folders are in it.
fn qos(path: &str) -> Option<&'static str> {
    let mut of_kubelet = false;
    for part in path.split('/') {
        let slice = part.contains("kubepods");
        of_kubelet |= slice;
        for class in ["burstable", "besteffort"] {
            if part == class || (slice && part.split(['-', '.']).any(|word| word == class)) {
                return Some(class);
            }
        }
    }
    of_kubelet.then_some("guaranteed")
}

/// The number in `user-1000.slice`.
fn user(part: &str) -> Option<u32> {
    part.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()
}

/// The UID in `part`, if that is the folder of a pod: `podUID`, `kubepods-burstable-podUID.slice`.
fn pod_uid(part: &str) -> Option<Cow<'_, str>> {
    let part = part.split(':').next()?;
    let uid = match part.strip_suffix(".slice") {
        Some(slice) if slice.contains("kubepods") => &slice[slice.rfind("-pod")? + "-pod".len()..],
        Some(_) => return None,
        None => part.strip_prefix("pod")?,
    };
    if !is_uid(uid) {
        return None;
    }
    Some(if uid.contains('_') { uid.replace('_', "-").into() } else { uid.into() })
}

/// Whether `text` is a UUID, with dashes or underscores, or a static pod's hash.
fn is_uid(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.len() {
        32 => digits(text),
        36 => {
            let separators = [8, 13, 18, 23];
            text.bytes().enumerate().all(|(at, byte)| match byte {
                b'-' | b'_' => separators.contains(&at),
                byte => byte.is_ascii_hexdigit() && !separators.contains(&at),
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";
    const UNDERSCORED: &str = "0a1b2c3d_1111_2222_3333_444455556666";
    const HASH: &str = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";

    #[test]
    fn paths_tell_whose_they_are() {
        use Runtime::{Containerd, Crio, Docker, Podman};
        // path, pod, whether ID is found, runtime, unit
        type Case =
            (&'static str, Option<&'static str>, bool, Option<Runtime>, Option<&'static str>);
        let cases: &[Case] = &[
            ("/", None, false, None, None),
            ("", None, false, None, None),
            ("/kubepods.slice", None, false, None, Some("kubepods.slice")),
            ("/kubepods/burstable/podUID/ID", Some(UID), true, None, None),
            ("/kubepods/podHASH", Some(HASH), false, None, None),
            ("/kubepods/besteffort/podUID/crio-ID", Some(UID), true, Some(Crio), None),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUNDER.slice/cri-containerd-ID.scope",
                Some(UID),
                true,
                Some(Containerd),
                None,
            ),
            ("/kubepods.slice/kubepods-podUNDER.slice", Some(UID), false, None, None),
            (
                "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podHASH.slice/docker-ID.scope",
                Some(HASH),
                true,
                Some(Docker),
                None,
            ),
            (
                "/kubepods.slice/kubepods-podUNDER.slice/crio-ID.scope/container",
                Some(UID),
                true,
                Some(Crio),
                None,
            ),
            (
                "/kubepods.slice/kubepods-podUNDER.slice/crio-conmon-ID.scope",
                Some(UID),
                false,
                None,
                None,
            ),
            (
                "/system.slice/containerd.service/kubepods-burstable-podUNDER.slice:cri-containerd:ID",
                Some(UID),
                true,
                Some(Containerd),
                None,
            ),
            ("/docker/ID", None, true, Some(Docker), None),
            ("/system.slice/docker-ID.scope", None, true, Some(Docker), None),
            ("/machine.slice/libpod-ID.scope/container", None, true, Some(Podman), None),
            ("/default/ID", None, true, None, None),
            ("/system.slice/cron.service", None, false, None, Some("cron.service")),
            (
                "/user.slice/user-0.slice/session-1.scope",
                None,
                false,
                None,
                Some("session-1.scope"),
            ),
            ("/build/job-7", None, false, None, None),
            ("/container", None, false, None, None),
            ("/podman", None, false, None, None),
            ("/docker/ID/kubepods/besteffort/podUID/ID", Some(UID), true, None, None),
            ("/kubelet/kubepods/burstable/podUID/ID", Some(UID), true, None, None),
            ("/system.slice:docker:ID", None, true, Some(Docker), None),
            ("/machine.slice/libpod-conmon-ID.scope", None, false, None, None),
            (
                "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope",
                None,
                true,
                Some(Podman),
                None,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
                None,
                true,
                Some(Podman),
                None,
            ),
            ("/aID", None, false, None, None),
            ("/é-ID", None, true, None, None),
        ];
        for (path, pod, has_id, runtime, unit) in cases {
            let path = path.replace("UNDER", UNDERSCORED).replace("UID", UID).replace("HASH", HASH);
            let path = path.replace("ID", ID);
            let got = Identity::of(&path);
            assert_eq!(got.pod_uid.as_deref(), *pod, "{path}");
            assert_eq!(got.container_id, has_id.then_some(ID), "{path}");
            assert_eq!((got.runtime, got.unit), (*runtime, *unit), "{path}");
        }
    }
    #[test]
    fn the_class_of_service_is_that_of_the_folder() {
        let cases: &[(&str, Option<&str>)] = &[
            ("/kubepods/burstable/podUID/ID", Some("burstable")),
            ("/kubepods/besteffort/podUID", Some("besteffort")),
            ("/kubepods/podUID/ID", Some("guaranteed")),
            ("/kubepods.slice/kubepods-podUNDER.slice", Some("guaranteed")),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUNDER.slice",
                Some("besteffort"),
            ),
            (
                "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable-podUNDER.slice",
                Some("burstable"),
            ),
            (
                "/system.slice/containerd.service/kubepods-burstable-podUNDER.slice:cri-containerd:ID",
                Some("burstable"),
            ),
            ("/kubepods/burstable", None),
            ("/podUID", None),
            ("/system.slice/docker-ID.scope", None),
        ];
        for (path, want) in cases {
            let path = path.replace("UNDER", UNDERSCORED).replace("UID", UID).replace("ID", ID);
            assert_eq!(Identity::of(&path).qos, *want, "{path}");
        }
    }

    #[test]
    fn sandboxes_and_helpers_of_crio_are_told_apart() {
        let in_pod = |last: &str| {
            format!("/kubepods.slice/kubepods-podUNDER.slice/{last}")
                .replace("UNDER", UNDERSCORED)
                .replace("ID", ID)
        };
        let (sandbox, container, helper) =
            (in_pod("crio-ID"), in_pod("crio-ID.scope"), in_pod("crio-conmon-ID.scope"));
        assert!(Identity::of(&sandbox).sandbox && Identity::of(&sandbox).container_id.is_some());
        assert!(!Identity::of(&container).sandbox);
        let helper = Identity::of(&helper);
        assert_eq!((helper.container_id, helper.helper_of), (None, Some(ID)));
        assert_eq!(helper.pod_uid.as_deref(), Some(UID));
        // With the other driver containers, too, have no `.scope`, so that the path tells nothing.
        let cgroupfs = format!("/kubepods/besteffort/pod{UID}/crio-{ID}");
        assert!(!Identity::of(&cgroupfs).sandbox);
    }

    #[test]
    fn the_user_is_known_whose_manager_it_is_under() {
        let path = "/user.slice/user-1000.slice/user@1000.service/user.slice";
        assert_eq!(Identity::of(path).user, Some(1000));
        assert_eq!(Identity::of("/system.slice/user-x.slice").user, None);
    }
}
