//! What containerd tells of a container through its socket.
//!
//! ```text
//! GetContainerResponse {1: Container}
//! Container            {1: id, 2: {label: value}, 3: image, 5: Any specification, 8: Timestamp created, 10: {name: Any}}
//! Any                  {1: type, 2: value}
//! Timestamp            {1: seconds, 2: nanoseconds}
//! a map's entry        {1: key, 2: value}
//! ```
//!
//! The specification is the [`Spec`] of the bundle, in JSON. What the kubelet asked for is in an extension, in JSON, too:
//!
//! ```json
//! {"Version":"v1","Metadata":{"Name":"app_web-0_shop_UID_2","LogPath":"/var/log/pods/.../2.log",
//!  "Config":{"metadata":{"name":"app","attempt":2},"annotations":{"io.kubernetes.container.restartCount":"2"}}}}
//! ```

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use stripchart_core::Timestamp;

use super::super::grpc::protobuf::{Value, each_field};
use super::super::socket::malformed;
use super::containerd::of_spec;
use super::oci::Spec;
use super::{Facts, Search, some};
use crate::cgroup::Runtime;

/// The extensions of a container of a pod and of a pod's sandbox begin so.
const CRI_CONTAINER: &str = "io.cri-containerd.container.metadata";
const CRI_SANDBOX: &str = "io.cri-containerd.sandbox.metadata";

/// The network of a pod that is the host's.
const NODE_NETWORK: i32 = 2;

/// What containerd tells of a container.
#[derive(Debug)]
pub(crate) struct Told {
    runtime: Runtime,
    labels: BTreeMap<Box<str>, Box<str>>,
    image: Box<str>,
    created: Option<Timestamp>,
    spec: Spec,
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extension {
    #[serde(rename = "Metadata")]
    metadata: Option<Metadata>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "LogPath")]
    log_path: Box<str>,
    #[serde(rename = "Config")]
    config: Option<Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    metadata: Option<Named>,
    annotations: Option<BTreeMap<Box<str>, Box<str>>>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    attempt: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    security_context: Option<Security>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Security {
    namespace_options: Option<Namespaces>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespaces {
    network: i32,
}

/// The parts of the message as they are met.
#[derive(Debug, Default)]
struct Parts<'a> {
    id: &'a str,
    labels: BTreeMap<Box<str>, Box<str>>,
    image: &'a str,
    created: Option<Timestamp>,
    spec: Option<&'a [u8]>,
    metadata: Option<&'a [u8]>,
}

impl Told {
    /// Reads the answer about container `id` of `namespace`.
    ///
    /// # Errors
    ///
    /// `InvalidData` where it is malformed or about another one.
    pub(crate) fn parse(answer: &[u8], namespace: &str, id: &str) -> io::Result<Self> {
        let mut container = None;
        each_field(answer, |number, value| {
            if number == 1 {
                container = Some(value.bytes()?);
            }
            Ok(())
        })?;
        let mut parts = Parts::default();
        each_field(container.ok_or_else(|| malformed("a container"))?, |number, value| {
            parts.add(number, value)
        })?;
        if parts.id != id {
            return Err(malformed(format!("container {id}, found {:?}", parts.id)));
        }
        let metadata = parts.metadata.map(json::<Extension>).transpose()?.unwrap_or_default();
        Ok(Told {
            runtime: if namespace == "moby" { Runtime::Docker } else { Runtime::Containerd },
            labels: parts.labels,
            image: parts.image.into(),
            created: parts.created,
            spec: parts.spec.map(json).transpose()?.unwrap_or_default(),
            metadata: metadata.metadata.unwrap_or_default(),
        })
    }

    pub(crate) fn into_facts(self, search: &Search<'_>) -> Facts {
        let label = |key: &str| self.labels.get(key).filter(|value| !value.is_empty()).cloned();
        let told = of_spec(search, &self.spec);
        let sandbox = told.sandbox || label("io.cri-containerd.kind").as_deref() == Some("sandbox");
        let config = self.metadata.config.unwrap_or_default();
        let restarts = config
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get("io.kubernetes.container.restartCount"))
            .and_then(|count| count.parse().ok());
        let attempt = config.metadata.and_then(|named| named.attempt);
        let network = config.linux.and_then(|linux| linux.security_context?.namespace_options);
        Facts {
            runtime: Some(self.runtime),
            name: label("nerdctl/name").or(told.name),
            // A container that was made from an image without a name has the image's hash there.
            image: some(self.image).filter(|image| !image.starts_with("sha256:")).or(told.image),
            pod_uid: label("io.kubernetes.pod.uid").or(told.pod_uid),
            pod_name: label("io.kubernetes.pod.name").or(told.pod_name),
            pod_namespace: label("io.kubernetes.pod.namespace").or(told.pod_namespace),
            container_name: label("io.kubernetes.container.name")
                .or(told.container_name)
                .filter(|_| !sandbox),
            sandbox,
            created: self.created,
            restarts: restarts.or(attempt).filter(|_| !sandbox),
            host_network: self.spec.is_on_host_network().unwrap_or(false)
                || network.is_some_and(|namespaces| namespaces.network == NODE_NETWORK),
            log_path: told.log_path.or_else(|| some(self.metadata.log_path)),
            envs: told.envs,
            labels: self.labels,
            ..Facts::default()
        }
    }
}

impl<'a> Parts<'a> {
    fn add(&mut self, number: u64, value: Value<'a>) -> io::Result<()> {
        match number {
            1 => self.id = value.text()?,
            2 => {
                let (key, value) = pair(value)?;
                let value =
                    std::str::from_utf8(value).map_err(|_| malformed("a label in UTF-8"))?;
                self.labels.insert(key.into(), value.into());
            }
            3 => self.image = value.text()?,
            5 => self.spec = Some(pair(value)?.1),
            8 => self.created = instant(value)?,
            10 => {
                let (key, value) = pair(value)?;
                if key.starts_with(CRI_CONTAINER) || key.starts_with(CRI_SANDBOX) {
                    self.metadata = Some(pair(Value::Bytes(value))?.1);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A text and the bytes beside it: an entry of a map, or a type and what is of it.
fn pair(value: Value<'_>) -> io::Result<(&str, &[u8])> {
    let (mut key, mut bytes) = ("", &b""[..]);
    each_field(value.bytes()?, |number, value| {
        match number {
            1 => key = value.text()?,
            2 => bytes = value.bytes()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, bytes))
}

/// An instant; `None` for none, and for Go's zero.
fn instant(value: Value<'_>) -> io::Result<Option<Timestamp>> {
    let (mut seconds, mut nanos) = (0, 0);
    each_field(value.bytes()?, |number, value| {
        match number {
            1 => seconds = value.integer()?,
            2 => nanos = value.integer()?,
            _ => {}
        }
        Ok(())
    })?;
    let instant = seconds.checked_mul(1_000_000_000).and_then(|whole| whole.checked_add(nanos));
    Ok(instant.filter(|instant| *instant > 0).map(Timestamp::from_nanos))
}

fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> io::Result<T> {
    serde_json::from_slice(text)
        .map_err(|error| malformed(format!("the description of a container: {error}")))
}
