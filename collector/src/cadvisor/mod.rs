//! cAdvisor's API over what is known of this node, without a server: requests in, responses out, in the types of the
//! crates `http` and `bytes`.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use http::Request;
//! use stripchart_collector::{Node, cadvisor::CadvisorApi};
//! use stripchart_core::Timestamp;
//!
//! let node = Arc::new(Node::new()); // to be filled by a sampler
//! let api = CadvisorApi::new(node);
//! let request = Request::get("/healthz").body(Bytes::new())?;
//! let answer = api.answer(&request, Timestamp::EPOCH).expect("a path of cAdvisor's");
//! assert_eq!(answer.into_body().into_bytes(), "ok");
//! let other = Request::get("/elsewhere").body(Bytes::new())?;
//! assert!(api.answer(&other, Timestamp::EPOCH).is_none());
//! # Ok::<(), http::Error>(())
//! ```
//!
//! | path | answers |
//! | --- | --- |
//! | `/api/` | which versions there are; `/api` without the slash is left to others |
//! | `/api/v1.0/machine`, `containers/NAME` | the machine; a container with its latest samples |
//! | `/api/v1.1/subcontainers/NAME` | a container and all below it |
//! | `/api/v1.2/docker/NAME` | Docker's containers, or one by name, id or the beginning of its id |
//! | `/api/v1.3/events/NAME` | what happened; with `stream=true` what happens |
//! | `/api/v2.0/version`, `attributes`, `machine`, `storage`, `ps/NAME`, `appmetrics/NAME`, `events/NAME` | |
//! | `/api/v2.0/summary/NAME`, `stats/NAME`, `spec/NAME` | by name of the container |
//! | `/api/v2.1/stats/NAME`, `machinestats` | the same in a newer shape |
//! | `/containers/NAME`, `/docker/NAME`, `/podman/NAME` | pages: see [`CadvisorApi::page`] |
//! | `/validate/`, `/healthz` | what of the node can be watched; that the server is there |
//!
//! Versions 1 take a body, `{"num_stats":60,"start":"...","end":"..."}`; versions 2 the options `type`, `count`,
//! `recursive` and `max_age`. Every error is 500 with a text, as cAdvisor has it.
//!
//! # Otherwise than cAdvisor
//!
//! - `max_age` has all cgroups read again, not one alone; without [a sampler](CadvisorApi::sampler) to ask it does nothing.
//! - `cpu_inst` is there from a container's second sample on, even where only one is asked for.
//! - Version 2 has `udp` and `tcp_advanced` where they are known.
//! - `/api/v1/...` and `/api/v2/...`, without a digit after a point, are nobody's version and left to others.
//! - `appmetrics` is always empty: nothing asks containers for metrics of their own.
//!
//! # Costs
//!
//! An answer is written straight from the samples. Long ones are made while they are taken, so that no sample waits for a
//! slow client and memory is bounded; see [`Body`].

mod body;
mod derived;
mod events;
mod json;
mod listing;
mod lookup;
mod model;
mod page;
mod ps;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod v1;
mod v2;
mod validate;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use stripchart_core::Timestamp;

use crate::{Node, Roots, SamplerHandle};
use body::EventStream;
use derived::Summaries;
use events::Wanted;
use json::Json;
use reply::{Answer, json_response, text_response};
use request::{Query, container_name, decoded};

pub use body::{Body, Piece};
pub use page::ContainerPage;

/// The version that clients are told.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The versions of the API and what may be asked of each, in order.
const VERSIONS: [(&str, &[&str]); 6] = [
    ("v1.0", &["containers", "machine"]),
    ("v1.1", &["containers", "machine", "subcontainers"]),
    ("v1.2", &["containers", "docker", "machine", "subcontainers"]),
    ("v1.3", &["containers", "docker", "events", "machine", "subcontainers"]),
    (
        "v2.0",
        &[
            "appmetrics",
            "attributes",
            "events",
            "machine",
            "ps",
            "spec",
            "stats",
            "storage",
            "summary",
            "version",
        ],
    ),
    (
        "v2.1",
        &[
            "appmetrics",
            "attributes",
            "events",
            "machine",
            "machinestats",
            "ps",
            "spec",
            "stats",
            "storage",
            "summary",
            "version",
        ],
    ),
];

/// Answers cAdvisor's paths out of a [`Node`]. Make one and share it.
pub struct CadvisorApi {
    node: Arc<Node>,
    roots: Roots,
    /// Who can be asked for something newer.
    sampler: Option<SamplerHandle>,
    summaries: Arc<Summaries>,
    /// Set once streams of events shall end.
    ended: Arc<AtomicBool>,
}

impl fmt::Debug for CadvisorApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CadvisorApi").field("roots", &self.roots).finish_non_exhaustive()
    }
}

impl CadvisorApi {
    /// Answers out of `node`; processes are listed from this host's `/proc`.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        CadvisorApi {
            node,
            roots: Roots::default(),
            sampler: None,
            summaries: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// Lists processes from `roots` instead: those of the sampler that fills the node.
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// Lets requests of version 2 with `max_age` ask the sampler that fills the node for something newer. Without it they
    /// are answered with what there is.
    #[must_use]
    pub fn sampler(mut self, sampler: SamplerHandle) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Takes what was sampled since the last call into the account that `summary` answers from.
    ///
    /// Every request for a summary does so too. Call it once a minute, or in the time that a container's
    /// [`History`](crate::node::History) covers if that is less, so that hours have no gaps; without it a summary is of
    /// what the history holds when it is first asked for.
    pub fn observe(&self) {
        self.summaries.observe(&self.node);
    }

    /// Ends all streams of events, those under way and those to come: for a server that stops.
    pub fn end_streams(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Answers `request` if its path is one of cAdvisor's; `None` if not. `now` is the time of day.
    ///
    /// Takes the time of reading `/proc` for lists of processes, otherwise that of writing the answer's first 64 KiB.
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Body>> {
        let path = request.uri().path();
        let answer = match path {
            "/healthz" => Ok(text_response(StatusCode::OK, "ok")),
            "/validate" | "/validate/" => {
                Ok(text_response(StatusCode::OK, &validate::report(&self.node, &self.roots)))
            }
            // The pages of these are with a slash.
            "/containers" | "/docker" | "/podman" => Ok(reply::moved(&format!("{path}/"))),
            _ => self.answer_api(path.strip_prefix("/api/")?, request, now)?,
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
            return Some(text_response(
                StatusCode::METHOD_NOT_ALLOWED,
                "this is only read: GET or POST\n",
            ));
        }
        Some(answer.unwrap_or_else(|error| {
            text_response(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n"))
        }))
    }

    /// What follows `/api/`.
    fn answer_api(&self, rest: &str, request: &Request<Bytes>, now: Timestamp) -> Option<Answer> {
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if matches!(version, "v1" | "v2") {
            return None;
        }
        let (kind, name) = rest.split_once('/').unwrap_or((rest, ""));
        let kinds = VERSIONS.iter().find(|(known, _)| *known == version).map(|(_, kinds)| *kinds);
        Some(match (version, kinds) {
            ("", _) => {
                let versions = VERSIONS.map(|(version, _)| version).join(",");
                let text = format!("Supported API versions: {versions}\n");
                Ok(text_response(StatusCode::BAD_REQUEST, &text))
            }
            (_, None) => Err(format!("unsupported API version {version:?}")),
            (_, Some(kinds)) if kind.is_empty() => {
                let text = format!("Supported request types: \"{}\"\n", kinds.join(","));
                Ok(text_response(StatusCode::BAD_REQUEST, &text))
            }
            (_, Some(kinds)) if !kinds.contains(&kind) => {
                Err(format!("unknown request type {kind:?}"))
            }
            _ => {
                let query = Query::parse(request.uri().query().unwrap_or_default());
                let name = decoded(name);
                match (kind, version) {
                    ("machine", _) => Ok(self.machine()),
                    ("events", _) => self.events(&container_name(&name), &query),
                    (_, "v2.0" | "v2.1") => self.v2(version, kind, &name, &query, now),
                    _ => self.v1(kind, &name, request.body()),
                }
            }
        })
    }

    fn machine(&self) -> Response<Body> {
        let mut json = Json::new();
        let containers = self.node.containers();
        let filesystems = lookup::host_filesystems(&containers);
        model::machine(&mut json, &self.node.machine(), filesystems);
        json_response(json)
    }

    fn events(&self, container: &str, query: &Query) -> Answer {
        let wanted = Wanted::new(container, query)?;
        if wanted.stream {
            let stream = EventStream::new(Arc::clone(&self.node), wanted, Arc::clone(&self.ended));
            return Ok(reply::json_of(Body::events(stream)));
        }
        let mut events = self.node.events().since(0, |event| wanted.takes(event));
        events.sort_by_key(|event| event.at);
        let skipped = events.len().saturating_sub(wanted.max);
        let mut json = Json::new();
        json.array(|json| {
            for event in &events[skipped..] {
                model::event(json, event);
            }
        });
        Ok(json_response(json))
    }
}
