//! Responses.

use http::{HeaderValue, Response, StatusCode, header};

use super::Body;
use super::json::Json;

/// A response, or the text of a 500.
pub(super) type Answer = Result<Response<Body>, String>;

/// A document that is done.
pub(super) fn json_response(json: Json) -> Response<Body> {
    json_of(Body::from(json.into_bytes()))
}

/// A document that may be on its way.
pub(super) fn json_of(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Plain text, never taken for anything else by a browser.
pub(super) fn text_response(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Where the page is for good.
pub(super) fn moved(to: &str) -> Response<Body> {
    let mut response = text_response(StatusCode::MOVED_PERMANENTLY, &format!("moved to {to}\n"));
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}
