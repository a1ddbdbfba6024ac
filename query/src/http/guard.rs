//! Which requests are let in, so that no foreign web page can read or write.

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::result::write_error;

/// Refuses what a foreign web page makes a browser send.
///
/// A page from anywhere can make the browser of whoever looks at it send requests to `http://127.0.0.1:8086`, and with
/// a name of its own that it suddenly points to that address (DNS rebinding) it can even read the answers. There are no
/// passwords to stop it, so the addresses have to. A request passes if all of this holds:
///
/// 1. **Host**: the name in `Host` (or in the URL, where that is absolute) is `localhost`, a name under it, a loopback
///    address (`127.0.0.0/8`, `::1`), or one of the configured ones; any port will do. A request without `Host` passes
///    too: no browser sends one, simple health checks do. Two of them do not.
/// 2. **Origin**: where there is one, it is the very host and port that the request was sent to, or a configured one.
///    `null` is foreign.
/// 3. **Sec-Fetch-Site**: where there is one, it is `same-origin` or `none` (typed by the user); unless it is a
///    navigation (somebody followed a link to a page) to a path that is not InfluxDB's, or comes from a configured
///    origin.
///
/// Besides, [`InfluxDb`](super::InfluxDb) takes statements that change something by GET only from programs, not from
/// browsers (those whose `User-Agent` begins with `Mozilla/`): an image's address is a GET, and not every browser tells
/// where it comes from.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use stripchart_query::http::Guard;
///
/// let guard = Guard::new(["metrics.example".to_owned()]);
/// let request = |host: &str| Request::get("/ping").header("host", host).body(Bytes::new()).unwrap();
/// assert!(guard.check(&request("localhost:8086")).is_ok());
/// assert!(guard.check(&request("metrics.example")).is_ok());
/// assert_eq!(guard.check(&request("evil.example")).unwrap_err().status(), 403);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allowed: Vec<Authority>,
}

/// A host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    /// In lower case, without the brackets of an IPv6 address and without a final dot.
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, after.strip_prefix(':').or(after.is_empty().then_some("")))
            }
            // An IPv6 address without brackets has no port.
            None if text.parse::<Ipv6Addr>().is_ok() => (text, Some("")),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, Some("")),
            },
        };
        let port = match port? {
            "" => None,
            port => Some(port.parse().ok()?),
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let odd =
            |c: char| c.is_ascii_control() || matches!(c, ' ' | '/' | '@' | '?' | '#' | '\\' | ',');
        (!host.is_empty() && !host.contains(odd)).then_some(Authority { host, port })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether `self`, as configured, admits `other`: without a port, any port.
    fn admits(&self, other: &Authority) -> bool {
        self.host == other.host && (self.port.is_none() || self.port == other.port)
    }
}

impl Guard {
    /// Admits loopback and `hosts`: names or addresses, each for all ports or with one (`metrics.example`,
    /// `192.168.1.5`, `grafana.example:3000`). An address to listen on belongs here if others are to reach it.
    ///
    /// Entries that are no host are passed over; they would admit nothing.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        Guard { allowed: hosts.into_iter().filter_map(|host| Authority::parse(&host)).collect() }
    }

    /// Lets `request` pass, or gives the response that refuses it: 403 and a sentence on what was wrong.
    ///
    /// # Errors
    ///
    /// The response to send instead.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the response, made to be sent at once"
    )]
    pub fn check(&self, request: &Request<Bytes>) -> Result<(), Response<Bytes>> {
        self.examine(request).map_err(|why| refusal(&why))
    }

    fn examine(&self, request: &Request<Bytes>) -> Result<(), String> {
        let host = self.host(request)?;
        let origin = request.headers().get(ORIGIN);
        if let Some(origin) = origin {
            self.origin(origin, host.as_ref())?;
        }
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        match site {
            None | Some(b"same-origin" | b"none") => Ok(()),
            // What passed above as an origin was configured.
            Some(_) if origin.is_some() => Ok(()),
            Some(_) if is_visit(request) => Ok(()),
            Some(_) => Err("requests made by pages of other sites are not answered".to_owned()),
        }
    }

    /// The host that the request was sent to.
    fn host(&self, request: &Request<Bytes>) -> Result<Option<Authority>, String> {
        let mut headers = request.headers().get_all(HOST).iter();
        let (first, second) = (headers.next(), headers.next());
        if second.is_some() {
            return Err("more than one Host header".to_owned());
        }
        let text = match (request.uri().authority(), first) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(header)) => header.to_str().map_err(|_| "unreadable Host header")?,
            (None, None) => return Ok(None),
        };
        match Authority::parse(text) {
            Some(host) if host.is_loopback() || self.allows(&host) => Ok(Some(host)),
            _ => Err(format!(
                "host {text:?} is not served here: expected localhost or an allowed host"
            )),
        }
    }

    fn origin(&self, header: &HeaderValue, host: Option<&Authority>) -> Result<(), String> {
        let text = header.to_str().map_err(|_| "unreadable Origin header")?;
        let (scheme, rest) = text.split_once("://").unwrap_or(("", ""));
        let default_port = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let with_port = |a: &Authority| Authority { port: a.port.or(default_port), ..a.clone() };
        let admitted = default_port.is_some()
            && Authority::parse(rest).is_some_and(|origin| {
                let origin = with_port(&origin);
                self.allows(&origin) || host.is_some_and(|host| with_port(host) == origin)
            });
        if admitted {
            return Ok(());
        }
        Err(format!("origin {text:?} is foreign: its pages may neither read nor write here"))
    }

    fn allows(&self, host: &Authority) -> bool {
        self.allowed.iter().any(|allowed| allowed.admits(host))
    }
}

/// Whether somebody follows a link to a page, which then reads as a page of its own.
fn is_visit(request: &Request<Bytes>) -> bool {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    request.method() == Method::GET
        && header("sec-fetch-mode") == Some(b"navigate")
        && header("sec-fetch-dest") == Some(b"document")
        && !matches!(request.uri().path(), "/query" | "/write" | "/api/v2/write")
}

fn refusal(why: &str) -> Response<Bytes> {
    let mut body = Vec::new();
    write_error(why, false, &mut body);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let hosts = ["Metrics.Example", "192.168.1.5:8086", "fd00::5", "", "a b"];
        Guard::new(hosts.map(str::to_owned))
    }

    fn check(path: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard().check(&request.body(Bytes::new()).unwrap()).is_ok()
    }

    #[test]
    fn hosts() {
        let cases = [
            ("localhost", true),
            ("LOCALHOST:8086", true),
            ("app.localhost:1", true),
            ("127.0.0.1:8086", true),
            ("127.1.2.3", true),
            ("[::1]:8086", true),
            ("[::1]", true),
            ("metrics.example", true),
            ("metrics.example.:443", true),
            ("192.168.1.5:8086", true),
            ("192.168.1.5:8087", false),
            ("192.168.1.5", false),
            ("[fd00::5]:1", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("xlocalhost", false),
            ("0.0.0.0:8086", false),
            ("localhost@evil.example", false),
            ("localhost:port", false),
            ("", false),
            ("[::1", false),
        ];
        for (host, want) in cases {
            assert_eq!(check("/ping", &[("host", host)]), want, "{host}");
        }
        assert!(check("/ping", &[]), "health checks of HTTP/1.0 name no host");
        assert!(!check("/ping", &[("host", "localhost"), ("host", "localhost")]));
        assert!(!check("http://evil.example/ping", &[("host", "localhost")]));
    }

    #[test]
    fn origins() {
        let cases = [
            ("localhost:8086", "http://localhost:8086", true),
            ("localhost:8086", "http://localhost:3000", false),
            ("localhost", "http://localhost", true),
            ("localhost", "http://localhost:80", true),
            ("localhost", "https://localhost:80", false),
            ("localhost:8086", "http://127.0.0.1:8086", false),
            ("localhost:8086", "https://metrics.example", true),
            ("localhost:8086", "http://metrics.example:3000", true),
            ("localhost:8086", "http://evil.example", false),
            ("localhost:8086", "http://evil.example:8086", false),
            ("localhost:8086", "null", false),
            ("localhost:8086", "", false),
            ("localhost:8086", "file://localhost:8086", false),
        ];
        for (host, origin, want) in cases {
            let got = check("/query", &[("host", host), ("origin", origin)]);
            assert_eq!(got, want, "{origin} at {host}");
        }
    }

    #[test]
    fn browsers_tell_where_a_request_comes_from() {
        let visit = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let image = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
        let cases = [
            ("/", "same-origin", image, true),
            ("/", "none", visit, true),
            ("/", "cross-site", visit, true),
            ("/", "same-site", image, false),
            ("/render/cpu.svg", "cross-site", image, false),
            ("/query?q=DROP+DATABASE+x", "cross-site", visit, false),
            ("/query?q=DROP+DATABASE+x", "cross-site", image, false),
            ("/query?q=SHOW+DATABASES", "none", visit, true),
        ];
        for (path, site, [mode, dest], want) in cases {
            let headers = [("host", "localhost"), ("sec-fetch-site", site), mode, dest];
            assert_eq!(check(path, &headers), want, "{path} {site} {mode:?}");
        }
        let configured = [
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://metrics.example"),
        ];
        assert!(check("/query", &configured));
    }

    #[test]
    fn a_refusal_says_why() {
        let request = Request::get("/").header("host", "evil.example").body(Bytes::new()).unwrap();
        let refusal = guard().check(&request).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        let body = String::from_utf8(refusal.body().to_vec()).unwrap();
        assert!(body.contains("evil.example") && body.contains("allowed host"), "{body}");
    }
}
