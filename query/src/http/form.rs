//! Parameters, from the URL and from forms.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Those of the URL alone.
    pub(super) fn of_url(request: &Request<Bytes>) -> Self {
        let mut form = Form::default();
        form.add(request.uri().query().unwrap_or_default().as_bytes());
        form
    }

    /// Those of a form in the body, which win, and of the URL.
    pub(super) fn of_request(request: &Request<Bytes>) -> Self {
        let mut form = Form::default();
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|t| t.to_str().ok());
        let media_type = content_type.unwrap_or_default();
        if request.method() == Method::POST {
            let (kind, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
            match kind.trim().to_ascii_lowercase().as_str() {
                "application/x-www-form-urlencoded" => form.add(request.body()),
                "multipart/form-data" => form.add_multipart(request.body(), parameters),
                _ => {}
            }
        }
        form.add(request.uri().query().unwrap_or_default().as_bytes());
        form
    }

    /// The first value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of `name`, unless it is empty: present but empty parameters are common.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Whether `name` is `true`, in that spelling.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    fn add(&mut self, encoded: &[u8]) {
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            // As in Go, a pair that is encoded wrongly is as good as absent.
            if let (Some(key), Some(value)) = (decode(&pair[..equals]), decode(value)) {
                self.pairs.push((key, value));
            }
        }
    }

    /// The parts of `multipart/form-data`: a query may come as a file.
    fn add_multipart(&mut self, body: &[u8], parameters: &str) {
        let boundary = parameters.split(';').find_map(|parameter| {
            parameter.trim().strip_prefix("boundary=").map(|value| value.trim_matches('"'))
        });
        let Some(boundary) = boundary.filter(|boundary| !boundary.is_empty()) else { return };
        let body = String::from_utf8_lossy(body);
        let delimiter = format!("--{boundary}");
        // What comes before the first delimiter and after the last is no part.
        for part in body.split(delimiter.as_str()).skip(1) {
            let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
            let name = head.lines().find_map(|line| {
                let (field, value) = line.split_once(':')?;
                let is_disposition = field.eq_ignore_ascii_case("content-disposition");
                is_disposition.then(|| value.split_once(" name=\"")?.1.split_once('"'))?
            });
            if let Some((name, _)) = name {
                let content = content.strip_suffix("\r\n").unwrap_or(content);
                self.pairs.push((name.to_owned(), content.to_owned()));
            }
        }
    }
}

/// Undoes the encoding of forms: `+` is a space, `%2B` a plus; `None` if a percent sign is not followed by two digits.
fn decode(encoded: &[u8]) -> Option<String> {
    let mut bytes = Cow::Borrowed(encoded);
    if encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        let mut decoded = Vec::with_capacity(encoded.len());
        let mut rest = encoded;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            decoded.push(match first {
                b'+' => b' ',
                b'%' => {
                    let (digits, after) = after.split_first_chunk::<2>()?;
                    rest = after;
                    hex(digits[0])? << 4 | hex(digits[1])?
                }
                other => *other,
            });
        }
        bytes = Cow::Owned(decoded);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_the_body_wins() {
        let request = Request::post("/query?db=url&q=a%3Bb+c&bad=%4&only=1&flag")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
            .body(Bytes::from("db=body&e=%C3%A9&=x&&"))
            .unwrap();
        let form = Form::of_request(&request);
        let cases = [
            ("db", Some("body")),
            ("q", Some("a;b c")),
            ("e", Some("é")),
            ("bad", None),
            ("only", Some("1")),
            ("flag", Some("")),
            ("", Some("x")),
        ];
        for (name, want) in cases {
            assert_eq!(form.get(name), want, "{name}");
        }
        assert_eq!(Form::of_url(&request).get("db"), Some("url"));
        assert_eq!(form.filled("flag"), None);
    }

    #[test]
    fn a_query_may_come_as_a_file() {
        let body = "--xYz\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nSHOW\r\nDATABASES\r\n--xYz\r\n\
                    Content-Disposition: form-data; name=\"db\"\r\n\r\nd\r\n--xYz--\r\n";
        let request = Request::post("/query")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=xYz")
            .body(Bytes::from(body))
            .unwrap();
        let form = Form::of_request(&request);
        assert_eq!(form.get("q"), Some("SHOW\r\nDATABASES"));
        assert_eq!(form.get("db"), Some("d"));
    }
}
