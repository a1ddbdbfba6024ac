//! InfluxDB 1.x over HTTP, without a server: requests in, responses out, in the types of the crates `http` and `bytes`.
//!
//! A server of any make hands each request to [`Guard::check`] and then to [`InfluxDb::respond`]:
//!
//! ```no_run
//! use std::sync::Arc;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use stripchart_core::Timestamp;
//! use stripchart_query::Engine;
//! use stripchart_query::http::{Guard, InfluxDb};
//!
//! struct App { guard: Guard, influx: InfluxDb }
//!
//! impl App {
//!     fn answer(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
//!         if let Err(refusal) = self.guard.check(request) {
//!             return refusal;
//!         }
//!         // None: no path of InfluxDB's, so the server's own come next.
//!         self.influx.respond(request, now).unwrap_or_else(|| Response::new(Bytes::from("my own page")))
//!     }
//! }
//! ```
//!
//! | path | methods | answers |
//! | --- | --- | --- |
//! | `/ping`, `/status` | GET, HEAD | 204; `/ping?verbose=true` the version |
//! | `/health` | GET, HEAD | whether data is taken and served, as 1.8 puts it |
//! | `/query` | GET, POST, OPTIONS | results as JSON, or CSV where asked for |
//! | `/write` | POST, OPTIONS | stores line protocol |
//! | `/api/v2/write` | POST, OPTIONS | the same for clients of 2.x; `bucket` is `database/policy` |
//!
//! The version told is 1.8.10, for clients choose by it how to speak. Texts and status codes are InfluxDB 1.8's; where
//! this knows more, as with a line's position, that follows InfluxDB's sentence.
//!
//! # Otherwise than InfluxDB
//!
//! - In a failed batch, the failing statement keeps its error and all later ones are `not executed`.
//! - What a body decompresses to is limited, not only what is sent; see [`InfluxDbBuilder::max_body_bytes`].
//! - `async=true` answers when the work is done, since nothing here runs by itself.
//! - `Access-Control-Allow-Origin` is sent only to origins that a [`Guard`] admits.
//! - A statement that changes something is not taken by GET from a browser, see [`Guard`].
//! - MessagePack is not offered.

mod backend;
mod bind;
mod body;
mod chunk;
mod form;
mod guard;
mod local;
mod query;
mod reply;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use stripchart_core::Timestamp;

use crate::{Engine, Limits};
use backend::Backend;
use form::Form;
use local::Local;
use reply::Reply;

pub use guard::Guard;

/// The version of InfluxDB that clients are told.
pub const VERSION: &str = "1.8.10";

/// Bytes of a written body, as InfluxDB's `max-body-size`.
const DEFAULT_MAX_BODY_BYTES: usize = 25_000_000;

/// Answers InfluxDB's paths. Make one and share it; it keeps no state but a counter.
pub struct InfluxDb {
    backend: Arc<dyn Backend>,
    guard: Option<Guard>,
    limits: Limits,
    max_body_bytes: usize,
    requests: AtomicU64,
}

impl fmt::Debug for InfluxDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxDb")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .field("max_body_bytes", &self.max_body_bytes)
            .finish_non_exhaustive()
    }
}

/// Options of [`InfluxDb`].
#[derive(Debug)]
pub struct InfluxDbBuilder {
    inner: InfluxDb,
}

impl InfluxDbBuilder {
    /// Bytes that the body of a write may have, before and after decompression; the default is InfluxDB's, 25 000 000.
    ///
    /// A larger one is answered with 413 and nothing of it is stored.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.inner.max_body_bytes = bytes;
        self
    }

    /// What a statement may use; the default is that of [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.inner.limits = limits;
        self
    }

    /// Checks every request on InfluxDB's paths with `guard`, and lets pages of the origins that it admits read the
    /// answers (CORS). For servers that have no other paths, or a Grafana that asks from the browser.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Self {
        self.inner.guard = Some(guard);
        self
    }

    /// The finished thing.
    #[must_use]
    pub fn build(self) -> InfluxDb {
        self.inner
    }
}

impl InfluxDb {
    /// Answers out of `engine` and its database, with default options.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        InfluxDb::with_backend(Arc::new(Local::new(engine)))
    }

    /// The same with options.
    #[must_use]
    pub fn builder(engine: Arc<Engine>) -> InfluxDbBuilder {
        InfluxDbBuilder { inner: InfluxDb::new(engine) }
    }

    fn with_backend(backend: Arc<dyn Backend>) -> Self {
        InfluxDb {
            backend,
            guard: None,
            limits: Limits::default(),
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            requests: AtomicU64::new(0),
        }
    }

    /// Answers `request` if its path is one of InfluxDB's; the whole body has been read. `now` is the time of day.
    ///
    /// Takes as long as the query takes: call it where blocking is allowed.
    #[must_use]
    pub fn respond(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        let methods: &[Method] = match path {
            "/ping" | "/status" | "/health" => &[Method::GET, Method::HEAD],
            "/query" => &[Method::GET, Method::POST, Method::OPTIONS],
            "/write" | "/api/v2/write" => &[Method::POST, Method::OPTIONS],
            _ => return None,
        };
        if let Some(guard) = &self.guard
            && let Err(refusal) = guard.check(request)
        {
            return Some(refusal);
        }
        let reply = if !methods.contains(request.method()) {
            Reply::method_not_allowed(methods)
        } else if request.method() == Method::OPTIONS {
            Reply::empty(StatusCode::OK)
        } else {
            match path {
                "/query" => self.query(request, now),
                "/write" => self.write(request, now),
                "/api/v2/write" => self.write_v2(request, now),
                "/health" => self.health(request),
                _ => ping(request),
            }
        };
        Some(self.finish(request, reply, now))
    }

    /// `/health`: InfluxDB 1.8's object. What is degraded is told in `checks`; `fail`, with 503, is for a database that
    /// serves nothing.
    fn health(&self, request: &Request<Bytes>) -> Reply {
        let health = self.backend.health();
        let checks: Vec<_> = health
            .checks
            .iter()
            .map(|(name, message)| {
                serde_json::json!({"message": message, "name": name, "status": "fail"})
            })
            .collect();
        let message = match (health.serving, checks.is_empty()) {
            (true, true) => "ready for queries and writes",
            (true, false) => "ready, with limitations: see checks",
            (false, _) => "not ready: see checks",
        };
        let body = serde_json::json!({
            "checks": checks,
            "message": message,
            "name": "influxdb",
            "status": if health.serving { "pass" } else { "fail" },
            "version": VERSION,
        });
        let status = if health.serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let pretty = Form::of_url(request).is_true("pretty");
        let text = if pretty { format!("{body:#}") } else { body.to_string() };
        Reply::text(status, "application/json; charset=utf-8", text.into_bytes())
    }

    /// Adds what every response has.
    fn finish(&self, request: &Request<Bytes>, reply: Reply, now: Timestamp) -> Response<Bytes> {
        let mut response = reply.into_response(request);
        let headers = response.headers_mut();
        headers.insert("x-influxdb-version", HeaderValue::from_static(VERSION));
        headers.insert("x-influxdb-build", HeaderValue::from_static("stripchart"));
        let id = self.request_id(request, now);
        headers.insert("request-id", id.clone());
        headers.insert("x-request-id", id);
        if self.guard.is_some()
            && let Some(origin) = request.headers().get(http::header::ORIGIN)
        {
            headers.insert("access-control-allow-origin", origin.clone());
            for (name, value) in CORS {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        response
    }

    /// The request's own id if it has one, otherwise a new one in the form of a version 1 UUID: time and a counter.
    fn request_id(&self, request: &Request<Bytes>, now: Timestamp) -> HeaderValue {
        const MAX_LEN: usize = 128;
        let given = ["x-request-id", "request-id"]
            .into_iter()
            .find_map(|name| request.headers().get(name))
            .filter(|id| !id.is_empty() && id.len() <= MAX_LEN);
        if let Some(id) = given {
            return id.clone();
        }
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        // UUIDs count tenths of a microsecond since the calendar of 1582.
        const SINCE_1582: u64 = 122_192_928_000_000_000;
        let ticks = (now.nanos() / 100).cast_unsigned().wrapping_add(SINCE_1582);
        let id = format!(
            "{:08x}-{:04x}-1{:03x}-{:04x}-{:012x}",
            ticks & 0xffff_ffff,
            ticks >> 32 & 0xffff,
            ticks >> 48 & 0xfff,
            0x8000 | count >> 48 & 0x3fff,
            count & 0xffff_ffff_ffff,
        );
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// What InfluxDB lets pages of other origins do.
const CORS: [(&str, &str); 4] = [
    ("access-control-allow-methods", "DELETE, GET, OPTIONS, POST, PUT"),
    (
        "access-control-allow-headers",
        "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override",
    ),
    ("access-control-expose-headers", "Date, X-InfluxDB-Version, X-InfluxDB-Build"),
    ("vary", "Origin"),
];

/// `/ping` and `/status`.
fn ping(request: &Request<Bytes>) -> Reply {
    let form = Form::of_url(request);
    let verbose = !matches!(form.get("verbose"), None | Some("" | "0" | "false"));
    if !verbose || request.uri().path() == "/status" {
        return Reply::empty(StatusCode::NO_CONTENT);
    }
    let body = format!("{{\"version\":\"{VERSION}\"}}");
    Reply::text(StatusCode::OK, "application/json", body.into_bytes())
}
