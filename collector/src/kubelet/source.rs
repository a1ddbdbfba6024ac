//! Where summaries come from: a kubelet, a file, or a function of the caller's.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{Summary, SummaryError};

/// What a URL without a path asks for.
const SUMMARY_PATH: &str = "/stats/summary";

/// One place to read summaries from: one node.
///
/// # As text
///
/// ```text
/// source   = [ "summary:" ] ( url | [ "file:" ] path )
/// url      = "http://" host [ ":" port ] [ "/" path ] [ "?" query ]         feature `http`
/// ```
///
/// A URL without a path asks for `/stats/summary`. Kubelets speak plain HTTP on their read-only port (10255) where that
/// is switched on. Everywhere else `kubectl proxy` makes plain HTTP of the API server's TLS and credentials, for every
/// node of the cluster: `http://127.0.0.1:8001/api/v1/nodes/NODE/proxy/stats/summary`. A program with a TLS client of its
/// own passes it to [`SummarySource::from_fn`].
///
/// ```
/// use stripchart_collector::SummarySource;
///
/// let source: SummarySource = "summary:/var/lib/kubelet-summary.json".parse()?;
/// assert_eq!(source.name(), "/var/lib/kubelet-summary.json");
/// assert_eq!(SummarySource::parse_list("summary:a.json,b.json")?.len(), 2);
/// # Ok::<(), stripchart_collector::kubelet::SourceTextError>(())
/// ```
#[derive(Clone)]
pub struct SummarySource {
    name: String,
    kind: Kind,
}

type FetchFn = dyn Fn(&FetchLimits) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Send + Sync;

#[derive(Clone)]
enum Kind {
    File(PathBuf),
    #[cfg(feature = "http")]
    Http,
    Function(Arc<FetchFn>),
}

impl SummarySource {
    /// The file at `path`, read anew each time.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        SummarySource { name: path.display().to_string(), kind: Kind::File(path.to_owned()) }
    }

    /// Whatever `fetch` returns, which should keep to the limits it is given; `name` stands in warnings.
    pub fn from_fn<F>(name: impl Into<String>, fetch: F) -> Self
    where
        F: Fn(&FetchLimits) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>
            + Send
            + Sync
            + 'static,
    {
        SummarySource { name: name.into(), kind: Kind::Function(Arc::new(fetch)) }
    }

    /// Reads a list of sources: their texts, separated by commas. The prefix `summary:` may stand before the first or
    /// each of them.
    ///
    /// # Errors
    ///
    /// [`SourceTextError`] for the first that is none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, SourceTextError> {
        text.split(',').map(str::parse).collect()
    }

    /// The URL, the path, or the name given to the function.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fetches a document and reads it.
    ///
    /// Blocks for as long as [`FetchLimits::timeout`] at most; for a file, as long as the file system takes. To keep to
    /// that, the HTTP client looks host names up in a thread of its own, which a resolver that hangs may outlast.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub fn fetch(&self, limits: &FetchLimits) -> Result<Summary, FetchError> {
        let document = match &self.kind {
            Kind::File(path) => read_file(path, limits)?,
            #[cfg(feature = "http")]
            Kind::Http => http::get(&self.name, limits)?,
            Kind::Function(fetch) => {
                fetch(limits).map_err(|source| FetchError::Function { source })?
            }
        };
        if document.len() > limits.max_bytes {
            return Err(FetchError::TooLong { max_bytes: limits.max_bytes });
        }
        Summary::parse(&document).map_err(|source| FetchError::Document { source })
    }
}

impl FromStr for SummarySource {
    type Err = SourceTextError;

    /// Reads one source; see [above](SummarySource#as-text).
    ///
    /// # Errors
    ///
    /// [`SourceTextError`] if the text is none, or needs a feature that this build lacks.
    fn from_str(text: &str) -> Result<Self, SourceTextError> {
        let error = |expected| {
            // What stands before an "@" may be a password, and errors end up in logs.
            let found = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            SourceTextError { expected, found: found.to_owned() }
        };
        let place = text.trim();
        let place = place.strip_prefix("summary:").unwrap_or(place);
        if place.starts_with("https://") {
            return Err(error(
                "plain http, such as `kubectl proxy` offers; https is not built into this source",
            ));
        }
        if place.starts_with("http://") {
            return http_source(place).map_err(error);
        }
        let path = place.strip_prefix("file:").unwrap_or(place);
        if path.is_empty() || path.contains("://") {
            return Err(error("http://HOST:PORT, or the path of a file"));
        }
        Ok(SummarySource::file(path))
    }
}

#[cfg(feature = "http")]
fn http_source(url: &str) -> Result<SummarySource, &'static str> {
    let uri: ureq::http::Uri = url.parse().map_err(|_| "a URL as in http://HOST:PORT")?;
    let authority = uri.authority().ok_or("a host after http://")?.as_str();
    if authority.contains('@') {
        return Err("a URL without user and password, which would show up in warnings");
    }
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let path = if uri.path() == "/" { SUMMARY_PATH } else { uri.path() };
    Ok(SummarySource { name: format!("http://{authority}{path}{query}"), kind: Kind::Http })
}

#[cfg(not(feature = "http"))]
fn http_source(_: &str) -> Result<SummarySource, &'static str> {
    let _ = SUMMARY_PATH;
    Err("the path of a file; this build lacks the feature `http`")
}

impl fmt::Debug for SummarySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::File(_) => "file",
            #[cfg(feature = "http")]
            Kind::Http => "http",
            Kind::Function(_) => "function",
        };
        f.debug_struct("SummarySource").field("kind", &kind).field("name", &self.name).finish()
    }
}

fn read_file(path: &Path, limits: &FetchLimits) -> Result<Vec<u8>, FetchError> {
    let io = |op| move |source| FetchError::Io { op, source };
    // A pipe would block until someone writes to it, and with it the thread that should stop when told.
    if !std::fs::metadata(path).map_err(io("open"))?.is_file() {
        return Err(FetchError::Io {
            op: "open",
            source: io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"),
        });
    }
    let mut document = Vec::new();
    let limit = u64::try_from(limits.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)
        .map_err(io("open"))?
        .take(limit)
        .read_to_end(&mut document)
        .map_err(io("read"))?;
    Ok(document)
}

#[cfg(feature = "http")]
mod http {
    use super::{FetchError, FetchLimits};

    /// Fetches `url`: no redirects, no proxy from the environment, no connection kept for the next round.
    pub(super) fn get(url: &str, limits: &FetchLimits) -> Result<Vec<u8>, FetchError> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(limits.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(0)
            .input_buffer_size(16 << 10)
            .output_buffer_size(4 << 10)
            .user_agent(concat!("stripchart/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .build()
            .new_agent();
        let mut response = agent.get(url).call().map_err(|error| failed(error, limits))?;
        let status = response.status().as_u16();
        if status != 200 {
            let answer = response.body_mut().with_config().limit(200).read_to_vec();
            let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).trim().to_owned();
            return Err(FetchError::Status { status, answer });
        }
        let limit = u64::try_from(limits.max_bytes).unwrap_or(u64::MAX);
        response
            .body_mut()
            .with_config()
            .limit(limit)
            .read_to_vec()
            .map_err(|error| failed(error, limits))
    }

    fn failed(error: ureq::Error, limits: &FetchLimits) -> FetchError {
        match error {
            ureq::Error::Timeout(_) => FetchError::Timeout { timeout: limits.timeout },
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLong { max_bytes: limits.max_bytes },
            ureq::Error::Io(source) if source.kind() == std::io::ErrorKind::TimedOut => {
                FetchError::Timeout { timeout: limits.timeout }
            }
            ureq::Error::Io(source) => FetchError::Io { op: "fetch", source },
            other => FetchError::Http { source: Box::new(other) },
        }
    }
}

/// How long a fetch may take and how much it may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchLimits {
    /// From the look-up of the host's name to the last byte.
    pub timeout: Duration,
    /// Bytes of the document.
    pub max_bytes: usize,
}

impl FetchLimits {
    /// These limits; documents longer than [`Summary::MAX_LEN`] are refused all the same.
    #[must_use]
    pub const fn new(timeout: Duration, max_bytes: usize) -> Self {
        FetchLimits { timeout, max_bytes }
    }
}

impl Default for FetchLimits {
    /// Five seconds and [`Summary::MAX_LEN`].
    fn default() -> Self {
        FetchLimits { timeout: Duration::from_secs(5), max_bytes: Summary::MAX_LEN }
    }
}

/// Why a source gave no summary. The source itself is not named: whoever asked knows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum FetchError {
    /// The operating system refused `op` (`open`, `read`, `fetch`).
    Io {
        /// What was being done.
        op: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It took too long.
    Timeout {
        /// The limit.
        timeout: Duration,
    },
    /// The document is longer than allowed.
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// The server answered with another status than 200.
    Status {
        /// The status.
        status: u16,
        /// The beginning of its answer.
        answer: String,
    },
    /// The exchange failed otherwise.
    Http {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller's function failed.
    Function {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// What came is no summary.
    Document {
        /// Why.
        source: SummaryError,
    },
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Io { op, .. } => write!(f, "cannot {op}"),
            FetchError::Timeout { timeout } => {
                write!(f, "expected an answer within {timeout:?}, found none")
            }
            FetchError::TooLong { max_bytes } => {
                write!(f, "expected a document of at most {max_bytes} bytes, found more")
            }
            FetchError::Status { status, answer } => {
                write!(f, "expected status 200, found {status} {answer:?}")
            }
            FetchError::Http { .. } => f.write_str("the exchange over HTTP failed"),
            FetchError::Function { .. } => f.write_str("the source's function failed"),
            FetchError::Document { .. } => f.write_str("not a kubelet summary"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FetchError::Io { source, .. } => Some(source),
            FetchError::Http { source } | FetchError::Function { source } => Some(&**source),
            FetchError::Document { source } => Some(source),
            FetchError::Timeout { .. } | FetchError::TooLong { .. } | FetchError::Status { .. } => {
                None
            }
        }
    }
}

/// Why a text names no source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTextError {
    expected: &'static str,
    found: String,
}

impl fmt::Display for SourceTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source {:?}: expected {}", self.found, self.expected)
    }
}

impl Error for SourceTextError {}
