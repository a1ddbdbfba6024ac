//! What is answered, before it becomes a response.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::body::{Body, Pieces};
use super::gzip;
use super::wanted::Wanted;

/// Below this many bytes compression costs more than it saves.
const COMPRESS_FROM_BYTES: usize = 512;

/// Bytes of an error that the header `X-Influxdb-Error` repeats, as in InfluxDB.
const ERROR_HEADER_BYTES: usize = 1024;

/// Up to so many bytes an answer is put together before it is sent, so that it has a length.
const WHOLE_UP_TO_BYTES: usize = 64 << 10;

const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    content_type: Option<&'static str>,
    content: Content,
    error: Option<String>,
    allow: Option<String>,
}

enum Content {
    Whole(Vec<u8>),
    Pieces(Pieces),
}

impl Reply {
    /// A status alone.
    pub(super) fn empty(status: StatusCode) -> Self {
        Reply {
            status,
            content_type: None,
            content: Content::Whole(Vec::new()),
            error: None,
            allow: None,
        }
    }

    /// A body.
    pub(super) fn text(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Reply {
            content_type: Some(content_type),
            content: Content::Whole(body),
            ..Reply::empty(status)
        }
    }

    /// A body that is made as it is sent.
    pub(super) fn pieces(content_type: &'static str, pieces: Pieces) -> Self {
        Reply {
            content_type: Some(content_type),
            content: Content::Pieces(pieces),
            ..Reply::empty(StatusCode::OK)
        }
    }

    /// `{"error":"..."}`, or the same in the form that is wanted.
    pub(super) fn error(wanted: Wanted, status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        let body = wanted.error(&message);
        Reply { error: Some(message), ..Reply::text(status, wanted.content_type, body) }
    }

    /// A sentence, not in a form.
    pub(super) fn plain(status: StatusCode, sentence: &str) -> Self {
        Reply::text(status, PLAIN, format!("{sentence}\n").into_bytes())
    }

    /// None of `methods` was used.
    pub(super) fn method_not_allowed(methods: &[Method]) -> Self {
        let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let reply = Reply::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        Reply { allow: Some(allow.join(", ")), ..reply }
    }

    /// The response to `request`, compressed if that helps and is wanted.
    pub(super) fn into_response(self, request: &Request<Bytes>) -> Response<Body> {
        let body = match self.content {
            Content::Whole(body) => Body::from(body),
            Content::Pieces(pieces) => begun(pieces),
        };
        let compress =
            body.len().is_none_or(|len| len >= COMPRESS_FROM_BYTES) && accepts_gzip(request);
        let mut response = Response::new(if compress { gzip::compressed(body) } else { body });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
            if content_type == PLAIN {
                headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            }
        }
        if compress {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(Ok(allow)) = self.allow.map(HeaderValue::try_from) {
            headers.insert(ALLOW, allow);
        }
        match (self.status, self.error) {
            (StatusCode::UNAUTHORIZED, _) => {
                let challenge = HeaderValue::from_static("Basic realm=\"InfluxDB\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            (_, Some(error)) => {
                headers.insert("x-influxdb-error", header_text(&error));
            }
            (_, None) => {}
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// The body of `pieces`: as a whole if it is small.
fn begun(mut pieces: Pieces) -> Body {
    let Some(first) = pieces.next() else { return Body::default() };
    let Some(second) = pieces.next() else { return Body::from(first) };
    let mut start = Vec::from(first);
    start.extend_from_slice(&second);
    while start.len() < WHOLE_UP_TO_BYTES {
        match pieces.next() {
            Some(piece) => start.extend_from_slice(&piece),
            None => return Body::from(start),
        }
    }
    Body::streaming(start.into(), pieces)
}

/// `text` as a header's value: one line, and not longer than InfluxDB makes it.
fn header_text(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text
        .bytes()
        .take(ERROR_HEADER_BYTES)
        .map(|byte| if byte.is_ascii_control() { b' ' } else { byte })
        .collect();
    HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(""))
}

fn accepts_gzip(request: &Request<Bytes>) -> bool {
    let offers = request.headers().get_all(ACCEPT_ENCODING);
    let mut codings =
        offers.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
