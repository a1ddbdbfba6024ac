//! InfluxDB 1.x over HTTP, without a server: requests in, responses out, in the types of the crates `http` and `bytes`.
//!
//! A server of any make hands each request to [`Guard::check`] and then to [`InfluxDb::answer`], and sends the pieces of
//! the body as they come:
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use stripchart_core::Timestamp;
//! use stripchart_query::Cancel;
//! use stripchart_query::http::{Body, Guard, InfluxDb};
//!
//! struct App { guard: Guard, influx: InfluxDb }
//!
//! impl App {
//!     fn answer(&self, request: &Request<Bytes>, now: Timestamp, gone: &Cancel) -> Response<Body> {
//!         if let Err(refusal) = self.guard.check(request) {
//!             return refusal.map(Body::from);
//!         }
//!         // None: no path of InfluxDB's, so the server's own come next.
//!         let answer = self.influx.answer(request, now, gone);
//!         answer.unwrap_or_else(|| Response::new(Body::from("my own page")))
//!     }
//! }
//! ```
//!
//! | path | methods | answers |
//! | --- | --- | --- |
//! | `/ping`, `/status` | GET, HEAD | 204; `/ping?verbose=true` the version |
//! | `/health` | GET, HEAD | whether data is taken and served, as 1.8 puts it |
//! | `/query` | GET, POST, OPTIONS | results as JSON, or as CSV or MessagePack where asked for |
//! | `/write` | POST, OPTIONS | stores line protocol |
//! | `/api/v2/write` | POST, OPTIONS | the same for clients of 2.x; `bucket` is `database/policy` |
//! | `/api/v2/query` | POST | that Flux is not spoken, as 1.8 does by default |
//! | `/debug/vars` | GET | figures about the server |
//! | `/debug/requests` | GET | who asked and wrote how often in the last `seconds` |
//!
//! The version told is 1.8.10, for clients choose by it how to speak. Texts and status codes are InfluxDB 1.8's; where
//! this knows more, as with a line's position, that follows InfluxDB's sentence.
//!
//! # Answers of any size
//!
//! An answer longer than some 64 KiB is made while it is sent, a piece each time that the receiver is ready for more:
//! see [`Body`]. With `chunked=true` it is a row of documents, otherwise one. What goes wrong once a part was sent stands
//! at the end of the result, beside its series.
//!
//! # Who may ask
//!
//! By default whoever can send a request may do anything, hence the [`Guard`] against foreign web pages. With
//! [`InfluxDbBuilder::authentication`] requests say who they are, as `u` and `p` in the URL, as
//! `Authorization: Basic`, `Token` or `Bearer`, and users have the rights that `GRANT` gave them. As in InfluxDB, `/ping`,
//! `/status` and `/health` answer anybody, and while there is no administrator the one statement answered is
//! `CREATE USER ... WITH ALL PRIVILEGES`.
//!
//! # Otherwise than InfluxDB
//!
//! - In a failed batch, the failing statement keeps its error and all later ones are `not executed`.
//! - What a body decompresses to is limited, not only what is sent; see [`InfluxDbBuilder::max_body_bytes`].
//! - `async=true` answers when the work is done, since nothing here runs by itself.
//! - `Access-Control-Allow-Origin` is sent only to origins that a [`Guard`] admits.
//! - A statement that changes something is not taken by GET from a browser, see [`Guard`].
//! - `/debug/requests` tells of the seconds before it was asked, and at once; InfluxDB waits and tells of those after.
//! - `/debug/vars` asks who is there, where other paths do, for it names all databases.

mod auth;
mod backend;
mod base64;
mod bind;
mod body;
mod chunk;
mod credentials;
mod form;
mod guard;
mod gzip;
mod jwt;
mod local;
mod msgpack;
mod query;
mod reply;
mod requests;
#[cfg(test)]
mod tests;
mod vars;
mod wanted;
mod write;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use stripchart_core::Timestamp;
use stripchart_storage::Cancel;

use crate::{Engine, Limits};
use auth::Authentication;
use backend::Backend;
use form::Form;
use local::Local;
use reply::Reply;
use requests::{Kind, Requests};
use vars::Counters;

pub use body::Body;
pub use guard::Guard;
pub use requests::ClientAddress;

/// The version of InfluxDB that clients are told.
pub const VERSION: &str = "1.8.10";

/// Bytes of a written body, as InfluxDB's `max-body-size`.
const DEFAULT_MAX_BODY_BYTES: usize = 25_000_000;

/// What clients of 2.x that speak Flux are told.
const FLUX_DISABLED: &str = "Flux query service disabled. Verify flux-enabled=true in the [http] section of the InfluxDB config.";

/// Answers InfluxDB's paths. Make one and share it; it keeps no state but counts of what was asked.
pub struct InfluxDb {
    backend: Arc<dyn Backend>,
    guard: Option<Guard>,
    authentication: Authentication,
    limits: Limits,
    max_body_bytes: usize,
    counters: Counters,
    requests: Requests,
}

impl fmt::Debug for InfluxDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxDb")
            .field("guard", &self.guard)
            .field("authentication", &self.authentication)
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

    /// Whether requests have to say who they are, and may only do what they were granted; by default they need not.
    ///
    /// Passwords travel in clear: beyond one machine, put something that speaks TLS before the server.
    #[must_use]
    pub fn authentication(mut self, required: bool) -> Self {
        self.inner.authentication.required = required;
        self
    }

    /// Takes tokens (JSON Web Tokens) that were signed with `secret` by HS256, HS384 or HS512 and carry `username` and
    /// `exp`. Without a secret, and with an empty one, none is taken.
    #[must_use]
    pub fn shared_secret(mut self, secret: impl Into<Box<[u8]>>) -> Self {
        let secret = secret.into();
        self.inner.authentication.shared_secret = (!secret.is_empty()).then_some(secret);
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
            authentication: Authentication::default(),
            limits: Limits::default(),
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            counters: Counters::default(),
            requests: Requests::default(),
        }
    }

    /// Answers `request` if its path is one of InfluxDB's; its whole body has been read. `now` is the time of day; `gone`
    /// stops the query, now and while the [body](Body) is taken, for when nobody waits for the answer any more.
    ///
    /// Returns when the answer begins, which may take as long as a query takes: call it where blocking is allowed.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::Bytes;
    /// use http::Request;
    /// use stripchart_core::Timestamp;
    /// use stripchart_query::http::InfluxDb;
    /// use stripchart_query::{Cancel, Engine};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let influx = InfluxDb::new(Arc::new(Engine::new(Db::open(folder.path())?)));
    /// let request = Request::get("/query?q=SHOW+DATABASES").body(Bytes::new())?;
    /// let response = influx.answer(&request, Timestamp::EPOCH, &Cancel::new()).expect("a path of InfluxDB's");
    /// assert_eq!(response.headers()["x-influxdb-version"], "1.8.10");
    /// assert!(response.into_body().into_bytes().starts_with(b"{\"results\":["));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn answer(
        &self,
        request: &Request<Bytes>,
        now: Timestamp,
        gone: &Cancel,
    ) -> Option<Response<Body>> {
        let path = request.uri().path();
        let methods: &[Method] = match path {
            "/ping" | "/status" | "/health" => &[Method::GET, Method::HEAD],
            "/query" => &[Method::GET, Method::POST, Method::OPTIONS],
            "/write" | "/api/v2/write" => &[Method::POST, Method::OPTIONS],
            "/api/v2/query" => &[Method::POST],
            "/debug/vars" | "/debug/requests" => &[Method::GET],
            _ => return None,
        };
        if let Some(guard) = &self.guard
            && let Err(refusal) = guard.check(request)
        {
            return Some(refusal.map(Body::from));
        }
        self.counters.came(now);
        let reply = if !methods.contains(request.method()) {
            Reply::method_not_allowed(methods)
        } else if request.method() == Method::OPTIONS {
            Reply::empty(StatusCode::OK)
        } else {
            self.reply(path, request, now, gone).unwrap_or_else(|refusal| refusal)
        };
        self.counters.answered(reply.status);
        Some(self.finish(request, reply, now))
    }

    /// The same with the whole body in memory.
    #[must_use]
    pub fn respond(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let response = self.answer(request, now, &Cancel::new())?;
        Some(response.map(Body::into_bytes))
    }

    /// What InfluxDB answers where it knows no such path; for servers without paths of their own.
    #[must_use]
    pub fn not_found(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Body> {
        self.finish(request, Reply::plain(StatusCode::NOT_FOUND, "404 page not found"), now)
    }

    /// The answer of a path that takes the method. `Err` is one too: whoever asked is not known.
    fn reply(
        &self,
        path: &str,
        request: &Request<Bytes>,
        now: Timestamp,
        gone: &Cancel,
    ) -> Result<Reply, Reply> {
        Ok(match path {
            "/query" => {
                let user = self.user(request, now)?;
                self.track(request, user.as_ref(), now, Kind::Query);
                self.query(request, user, now, gone)
            }
            "/write" | "/api/v2/write" => {
                let user = self.user(request, now)?;
                self.track(request, user.as_ref(), now, Kind::Write);
                match path {
                    "/write" => self.write(request, user.as_ref(), now),
                    _ => self.write_v2(request, user.as_ref(), now),
                }
            }
            "/api/v2/query" => {
                self.counters.flux_queries.add(1);
                Reply::plain(StatusCode::FORBIDDEN, FLUX_DISABLED)
            }
            "/debug/vars" => {
                self.user(request, now)?;
                self.vars(now)
            }
            "/debug/requests" => {
                self.user(request, now)?;
                self.recent_requests(request, now)
            }
            "/health" => self.health(request),
            "/status" => {
                self.counters.statuses.add(1);
                Reply::empty(StatusCode::NO_CONTENT)
            }
            _ => {
                self.counters.pings.add(1);
                ping(request)
            }
        })
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
    fn finish(&self, request: &Request<Bytes>, reply: Reply, now: Timestamp) -> Response<Body> {
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
        let count = self.counters.ids.add(1);
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

/// `/ping`.
fn ping(request: &Request<Bytes>) -> Reply {
    let form = Form::of_url(request);
    let verbose = !matches!(form.get("verbose"), None | Some("" | "0" | "false"));
    if !verbose {
        return Reply::empty(StatusCode::NO_CONTENT);
    }
    let body = format!("{{\"version\":\"{VERSION}\"}}");
    Reply::text(StatusCode::OK, "application/json", body.into_bytes())
}
