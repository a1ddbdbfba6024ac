//! Whole pages: a host's overview, control groups, and a Kubernetes cluster's nodes and pods.
//!
//! A [`Site`] answers paths with [`Page`]s. It opens no socket and knows no framework: a server of any make hands it the
//! path, the query string and the hour, and sends on what comes back.
//!
//! | path | shows | parameters |
//! | --- | --- | --- |
//! | `/` | a host: state, tiles, charts, its busiest control groups | `host`, `sort`, `rows=all` |
//! | `/cgroup` | one control group and those inside it | `path`, `host`, `sort`, `rows` |
//! | `/nodes` | a cluster and its nodes, or one node | `node` |
//! | `/pods` | namespaces and pods, those of one namespace, or one pod | `namespace`, `pod`, `sort`, `rows` |
//! | `/render/NAME.svg` | one panel as a file, `NAME` being `host-cpu` and the like | `width`, `height`, and the dashboard's variables |
//! | `/ui/...` | style sheet, script and icon | |
//!
//! Beside these [`Site::sheet`] draws a page of whatever frames it is given, in the same looks.
//!
//! All take `from` and `to` (`now-6h`, RFC 3339 or milliseconds since 1970; without, the last hour or as much of it as
//! there is history of), `refresh` (`off`, `10s`, ...) and `theme`
//! (`light`, `dark`). Nothing is fetched from elsewhere, and nothing needs a script.
//!
//! ```
//! use std::ops::ControlFlow;
//! use stripchart_core::{Frame, FrameRequest, FrameSource, SourceError, Timestamp};
//! use stripchart_render::page::{PageRequest, Site};
//!
//! /// A database that nothing was stored in yet.
//! struct Empty;
//! impl FrameSource for Empty {
//!     fn stream(
//!         &self,
//!         _: &FrameRequest<'_>,
//!         _: &mut dyn FnMut(Frame) -> ControlFlow<()>,
//!     ) -> Result<(), SourceError> {
//!         Ok(())
//!     }
//! }
//!
//! let request = PageRequest::from_query("from=now-15m", Timestamp::from_secs(1_700_000_000));
//! let page = Site::default().respond(&Empty, "/", &request);
//! assert_eq!(page.status, 200);
//! assert!(page.body.contains("No data yet"));
//! ```

mod asset;
mod cgroup;
mod cluster;
mod home;
mod html;
mod layout;
mod panel;
mod picture;
mod request;
mod sheet;
mod table;
mod url;

pub use request::PageRequest;
use request::{HOUR_NS, View, default_range_ns};
pub use sheet::Sheet;

use stripchart_core::{FrameRequest, FrameSource, Timestamp};

use layout::Content;

/// The content security policy of every page: everything from the site itself, no inline script or style, no frames.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The content security policy of every picture: it carries its own styles and may be embedded anywhere.
pub const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The pages over one source of frames.
///
/// Plain settings; [`Site::default`] has those of the suite's own collector and server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The database with hosts and their control groups.
    pub host_database: String,
    /// The database with Kubernetes' nodes and pods, in Heapster's measurements.
    pub cluster_database: String,
    /// What all paths begin with where the site is mounted below another: `/monitor`. Empty at the root.
    pub base_path: String,
    /// How far the samples of hosts lie apart, in nanoseconds; no chart has narrower buckets.
    pub host_interval_ns: i64,
    /// How far the samples of clusters lie apart, in nanoseconds.
    pub cluster_interval_ns: i64,
    /// Where a server answers InfluxDB's `/query`, for links to a chart's data; `None` for no links.
    pub query_path: Option<String>,
    /// Where a server shows its containers by a [`Sheet`], as `/containers/`, for a link in the navigation; `None` for none.
    pub containers_path: Option<String>,
}

impl Default for Site {
    /// Databases `stripchart` and `k8s`, samples every ten seconds and every minute, mounted at the root.
    fn default() -> Self {
        Site {
            host_database: "stripchart".to_owned(),
            cluster_database: "k8s".to_owned(),
            base_path: String::new(),
            host_interval_ns: 10_000_000_000,
            cluster_interval_ns: 60_000_000_000,
            query_path: Some("/query".to_owned()),
            containers_path: None,
        }
    }
}

impl Site {
    /// The answer to a `GET` of `path`, the part of the address after the base path and before the question mark.
    ///
    /// Never fails: what is not there is a page that says so, with status 404, and a question that `source` cannot
    /// answer shows its error in the place of the picture.
    #[must_use]
    pub fn respond(&self, source: &dyn FrameSource, path: &str, request: &PageRequest) -> Page {
        if let Some(page) = asset::asset(path) {
            return page;
        }
        let default_ns = self.default_range_ns(source, path, request);
        let view = View::new(request, self.at(path), default_ns);
        if let Some(name) = path.strip_prefix("/render/") {
            return self.picture(source, &view, name);
        }
        match path {
            "" | "/" => self.home(source, &view),
            "/cgroup" => self.cgroup(source, &view),
            "/nodes" => self.nodes(source, &view),
            "/pods" => self.pods(source, &view),
            _ => self.not_found(&view, "There is no such page."),
        }
    }

    /// What a page shows if the address does not say: an hour, or less while the history is younger.
    fn default_range_ns(&self, source: &dyn FrameSource, path: &str, request: &PageRequest) -> i64 {
        let (database, statement) = match path {
            "" | "/" | "/cgroup" => {
                (&self.host_database, r#"SELECT first("uptime") FROM "system""#)
            }
            "/nodes" | "/pods" => (
                &self.cluster_database,
                r#"SELECT first("value") FROM "uptime" WHERE "type" = 'node'"#,
            ),
            _ => return HOUR_NS,
        };
        if request.get("from").is_some() {
            return HOUR_NS;
        }
        let question =
            FrameRequest { database, retention_policy: None, statement, now: request.now };
        let frames = source.frames(&question).unwrap_or_default();
        let first = frames.first().and_then(|frame| frame.times()?.first().copied());
        first.map_or(HOUR_NS, |at| default_range_ns(age_ns(request.now, at)))
    }

    fn not_found(&self, view: &View<'_>, why: &str) -> Page {
        let main = format!("<h1>Not found</h1>\n<p>{}</p>\n", html::esc(why));
        self.framed(view, &Content { status: 404, title: "Not found", section: "", main })
    }

    /// The path of a page of the site.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }
}

/// An answer to send: status, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// HTTP's status code.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The `Cache-Control`.
    pub cache_control: &'static str,
    /// The `Content-Security-Policy`.
    pub content_security_policy: &'static str,
    /// The body.
    pub body: String,
}

impl Page {
    fn html(status: u16, body: String) -> Self {
        Page {
            status,
            content_type: "text/html; charset=utf-8",
            cache_control: "no-store",
            content_security_policy: PAGE_POLICY,
            body,
        }
    }

    fn asset(content_type: &'static str, body: String) -> Self {
        Page {
            status: 200,
            content_type,
            // Addresses carry a fingerprint of the content.
            cache_control: "public, max-age=31536000, immutable",
            content_security_policy: PICTURE_POLICY,
            body,
        }
    }

    fn svg(status: u16, body: String) -> Self {
        Page {
            status,
            content_type: "image/svg+xml",
            cache_control: "no-store",
            content_security_policy: PICTURE_POLICY,
            body,
        }
    }

    /// All headers to send with the body, names in lower case.
    #[must_use]
    pub const fn headers(&self) -> [(&'static str, &'static str); 5] {
        [
            ("content-type", self.content_type),
            ("cache-control", self.cache_control),
            ("content-security-policy", self.content_security_policy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
        ]
    }
}

/// `3 s`, `5 min`, `2 h 10 min`, `12 d 3 h`: a length of time as people say it, to two units.
fn length_text(nanos: i64) -> String {
    let secs = nanos.max(0) / 1_000_000_000;
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large} {unit}")
        } else {
            format!("{large} {unit} {small} {small_unit}")
        }
    };
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min", secs / 60),
        3_600..86_400 => two(secs / 3_600, "h", secs % 3_600 / 60, "min"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3_600, "h"),
    }
}

/// How long before `now` something was, in nanoseconds.
fn age_ns(now: Timestamp, at: i64) -> i64 {
    now.since(Timestamp::from_nanos(at)).max(0)
}
