//! A node's figures for Prometheus, without a server: requests in, responses out.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use stripchart_collector::Node;
//! use stripchart_collector::exposition::Exposition;
//! use stripchart_core::Timestamp;
//!
//! # fn main() {
//! let node = Arc::new(Node::new()); // the same that a sampler fills
//! let exposition = Exposition::builder(node).container_labels(["app", "team"]).build();
//! let answer = |request: &Request<Bytes>, now: Timestamp| -> Response<Bytes> {
//!     // None: another path, so the server's own come next.
//!     exposition.answer(request, now).unwrap_or_else(|| Response::new("my own page".into()))
//! };
//! # let _ = answer;
//! # }
//! ```
//!
//! | path | as | labels of a container |
//! | --- | --- | --- |
//! | `/metrics` | cAdvisor | `id`, `name`, `image`, allowed ones as `container_label_...` and `container_env_...` |
//! | `/metrics/cadvisor` | the kubelet's cAdvisor | `container`, `id`, `image`, `name`, `namespace`, `pod` |
//! | `/metrics/resource` | the kubelet, for autoscalers | `container`, `namespace`, `pod` |
//!
//! Each is told in Prometheus' text format 0.0.4, or OpenMetrics 1.0 where the request's `Accept` prefers it. Names, types
//! and labels are cAdvisor's, so that dashboards and rules go on working; where its number is wrong, this one is right, and
//! what is not known is left out instead of being 0. `docs/cadvisor.md` lists both.
//!
//! # Series that last
//!
//! All containers have the same label names, from the first scrape to the last: none comes up or goes with a container
//! that has it. None of a container's own labels is shown unless allowed, for each may hold anything and every value is a
//! series of its own. Samples carry no time unless asked for ([`Times`]): Prometheus takes a series without times for gone
//! when it is missing, and shows one with times for five minutes more.
//!
//! # Families of one's own
//!
//! [`ExpositionBuilder::families`] adds what else a program wants to tell to `/metrics`, with the [`TextWriter`] that all is
//! written with; [`sampler_families`] are those of the sampler.

mod accept;
mod base;
mod container;
#[cfg(test)]
pub(crate) mod fixture;
mod machine;
mod number;
mod own;
mod resource;
pub(crate) mod role;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use stripchart_core::Timestamp;

use crate::Node;
use base::{Allowed, Base};
use snapshot::Snapshot;

pub use number::Value;
pub use own::sampler_families;
pub use text::{ExpositionError, Family, Kind, LabelName, Labels, TextFormat, TextWriter};

/// Which exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// cAdvisor's own, `/metrics`.
    Cadvisor,
    /// The kubelet's of its cAdvisor, `/metrics/cadvisor`.
    Kubelet,
    /// The kubelet's for autoscalers, `/metrics/resource`.
    Resource,
}

impl Document {
    /// The document under `path`, if it is one's.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            "/metrics" => Some(Document::Cadvisor),
            "/metrics/cadvisor" => Some(Document::Kubelet),
            "/metrics/resource" => Some(Document::Resource),
            _ => None,
        }
    }
}

/// Which samples carry the time that they were taken at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Times {
    /// None: they are of the time of the scrape, and a series that is gone is gone.
    #[default]
    Never,
    /// Those of `/metrics/resource`: autoscalers work out rates over the time between two samples.
    Resource,
    /// All, as cAdvisor and the kubelet have it.
    Always,
}

type Families = dyn Fn(&mut TextWriter) -> Result<(), ExpositionError> + Send + Sync;

/// Answers Prometheus' requests out of a [`Node`]. Make one and share it.
pub struct Exposition {
    node: Arc<Node>,
    labels: Allowed,
    envs: Allowed,
    times: Times,
    per_cpu: bool,
    topology: bool,
    version: String,
    revision: String,
    families: Vec<Arc<Families>>,
    /// Bytes that each document had the last time, which it will have again about.
    lengths: [AtomicUsize; 3],
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition")
            .field("labels", &self.labels)
            .field("envs", &self.envs)
            .field("times", &self.times)
            .field("per_cpu", &self.per_cpu)
            .field("topology", &self.topology)
            .finish_non_exhaustive()
    }
}

/// Options of an [`Exposition`].
#[derive(Debug)]
pub struct ExpositionBuilder {
    inner: Exposition,
}

impl ExpositionBuilder {
    /// Shows these labels of containers in `/metrics`, as `container_label_KEY`; none by default. Characters that no label
    /// may have become `_`; of keys that become one the first that a container has counts.
    #[must_use]
    pub fn container_labels<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        for key in keys {
            base::allow(&mut self.inner.labels, "container_label_", key.as_ref());
        }
        self
    }

    /// The same of variables of containers' environments, as `container_env_KEY`; none by default.
    #[must_use]
    pub fn container_envs<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        for key in keys {
            base::allow(&mut self.inner.envs, "container_env_", key.as_ref());
        }
        self
    }

    /// Which samples carry their time; none by default.
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.inner.times = times;
        self
    }

    /// Whether `/metrics` tells processor time of each processor where it is known, instead of all together; it does by
    /// default. The kubelet's never does.
    #[must_use]
    pub fn per_cpu(mut self, wanted: bool) -> Self {
        self.inner.per_cpu = wanted;
        self
    }

    /// Whether memory nodes, caches and siblings are told: a series or more for every hardware thread, hence not by
    /// default.
    #[must_use]
    pub fn topology(mut self, wanted: bool) -> Self {
        self.inner.topology = wanted;
        self
    }

    /// What `cadvisor_version_info` of `/metrics` says; by default this crate's version and no revision. The kubelet's is
    /// empty.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>, revision: impl Into<String>) -> Self {
        (self.inner.version, self.inner.revision) = (version.into(), revision.into());
        self
    }

    /// Adds families to `/metrics`, after all others. An error of `write` makes the answer a 500 with its text, so that it
    /// is noticed. May be given several times.
    #[must_use]
    pub fn families<F>(mut self, write: F) -> Self
    where
        F: Fn(&mut TextWriter) -> Result<(), ExpositionError> + Send + Sync + 'static,
    {
        self.inner.families.push(Arc::new(write));
        self
    }

    /// The finished thing.
    #[must_use]
    pub fn build(self) -> Exposition {
        self.inner
    }
}

impl Exposition {
    /// Tells what is known of `node`, with default options.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Exposition {
            node,
            labels: Allowed::new(),
            envs: Allowed::new(),
            times: Times::default(),
            per_cpu: true,
            topology: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: String::new(),
            families: Vec::new(),
            lengths: Default::default(),
        }
    }

    /// The same with options.
    #[must_use]
    pub fn builder(node: Arc<Node>) -> ExpositionBuilder {
        ExpositionBuilder { inner: Exposition::new(node) }
    }

    /// Answers `request` if its path is one of these, with or without a slash at the end. `now` is the time of day.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::Bytes;
    /// use http::Request;
    /// use stripchart_collector::Node;
    /// use stripchart_collector::exposition::Exposition;
    /// use stripchart_core::Timestamp;
    ///
    /// let exposition = Exposition::new(Arc::new(Node::new()));
    /// let request = Request::get("/metrics").body(Bytes::new())?;
    /// let response = exposition.answer(&request, Timestamp::EPOCH).expect("a path of the exposition");
    /// assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    /// assert!(exposition.answer(&Request::get("/else").body(Bytes::new())?, Timestamp::EPOCH).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        // Samples know when they were taken; `now` is of the other answerers' signature.
        let _ = now;
        let document = Document::at(request.uri().path())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Some(not_allowed());
        }
        let accept = request.headers().get_all(header::ACCEPT).into_iter();
        let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        let format = accept::format(&accept.join(","));
        Some(match self.text(document, format) {
            Ok(text) => reply(request, StatusCode::OK, format.content_type(), text.into()),
            Err(error) => {
                let plain = "text/plain; charset=utf-8";
                let text = format!("{error}\n");
                reply(request, StatusCode::INTERNAL_SERVER_ERROR, plain, text.into())
            }
        })
    }

    /// A document as text. Copies what the node knows, during which no sample is taken, and writes that: together about
    /// 2 µs for a container.
    ///
    /// # Errors
    ///
    /// Those of the families that the embedder passed.
    pub fn text(&self, document: Document, format: TextFormat) -> Result<String, ExpositionError> {
        let snapshot = Snapshot::of(&self.node);
        let length = &self.lengths[match document {
            Document::Cadvisor => 0,
            Document::Kubelet => 1,
            Document::Resource => 2,
        }];
        // A little more, for numbers grow.
        let room = length.load(Ordering::Relaxed);
        let mut writer = TextWriter::with_capacity(format, room + room / 16);
        match document {
            Document::Resource => {
                let timed = self.times != Times::Never;
                resource::write(&mut writer, &snapshot, timed)?;
            }
            Document::Cadvisor | Document::Kubelet => {
                self.containers(&mut writer, &snapshot, document)?;
            }
        }
        if document == Document::Cadvisor {
            for write in &self.families {
                write(&mut writer)?;
            }
        }
        let text = writer.finish();
        length.store(text.len(), Ordering::Relaxed);
        Ok(text)
    }

    fn containers(
        &self,
        writer: &mut TextWriter,
        snapshot: &Snapshot,
        document: Document,
    ) -> Result<(), ExpositionError> {
        let kubelet = document == Document::Kubelet;
        let versions = if kubelet { ["", ""] } else { [&*self.version, &*self.revision] };
        machine::write(writer, &snapshot.machine, versions, self.topology && !kubelet)?;
        writer
            .family("container_scrape_error", Kind::Gauge, "1 if no container could be looked at.")?
            .sample(&Labels::none(), &[], snapshot.containers.is_empty());
        let base = match kubelet {
            true => Base::Kubelet,
            false => Base::Cadvisor { labels: &self.labels, envs: &self.envs },
        };
        let timed = self.times == Times::Always;
        container::write(writer, snapshot, base, self.per_cpu && !kubelet, timed)
    }
}

/// An answer; to HEAD its head alone.
pub(crate) fn reply(
    request: &Request<Bytes>,
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<Bytes> {
    let length = HeaderValue::from(body.len());
    let body = if request.method() == Method::HEAD { Bytes::new() } else { body };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

/// What other methods than GET and HEAD are told.
pub(crate) fn not_allowed() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"expected GET or HEAD\n"));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
