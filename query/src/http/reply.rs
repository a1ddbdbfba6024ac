//! What is answered, before it becomes a response.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::result::write_error;

/// Below this many bytes compression costs more than it saves.
const COMPRESS_FROM_BYTES: usize = 512;

/// Bytes of an error that the header `X-Influxdb-Error` repeats, as in InfluxDB.
const ERROR_HEADER_BYTES: usize = 1024;

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    error: Option<String>,
    allow: Option<String>,
}

impl Reply {
    /// A status alone.
    pub(super) fn empty(status: StatusCode) -> Self {
        Reply { status, content_type: None, body: Vec::new(), error: None, allow: None }
    }

    /// A body.
    pub(super) fn text(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Reply { content_type: Some(content_type), body, ..Reply::empty(status) }
    }

    /// `{"error":"..."}`.
    pub(super) fn error(status: StatusCode, message: impl Into<String>, pretty: bool) -> Self {
        let message = message.into();
        let mut body = Vec::new();
        write_error(&message, pretty, &mut body);
        Reply { error: Some(message), ..Reply::text(status, "application/json", body) }
    }

    /// A body about an error, other than JSON.
    pub(super) fn with_error(mut self, message: impl Into<String>) -> Self {
        self.error = Some(message.into());
        self
    }

    /// None of `methods` was used.
    pub(super) fn method_not_allowed(methods: &[Method]) -> Self {
        let allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
        let body = b"Method Not Allowed\n".to_vec();
        let reply = Reply::text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", body);
        Reply { allow: Some(allow.join(", ")), ..reply }
    }

    /// The response to `request`, compressed if that helps and is wanted.
    pub(super) fn into_response(self, request: &Request<Bytes>) -> Response<Bytes> {
        let compressed = if self.body.len() >= COMPRESS_FROM_BYTES && accepts_gzip(request) {
            compress(&self.body)
        } else {
            None
        };
        let is_compressed = compressed.is_some();
        let mut response = Response::new(Bytes::from(compressed.unwrap_or(self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if is_compressed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(Ok(allow)) = self.allow.map(HeaderValue::try_from) {
            headers.insert(ALLOW, allow);
        }
        if let Some(error) = self.error {
            headers.insert("x-influxdb-error", header_text(&error));
        }
        response
    }
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

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
