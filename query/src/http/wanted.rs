//! The form in which a request wants its answer.

use std::cmp::Reverse;

use bytes::Bytes;
use http::Request;
use http::header::ACCEPT;

use super::form::Form;
use crate::result::{write_error, write_msgpack_error};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    MessagePack,
}

/// What a request wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The form.
    pub(super) format: Format,
    /// What the form is called: by the name that was used to ask for it.
    pub(super) content_type: &'static str,
    /// JSON over several lines.
    pub(super) pretty: bool,
}

impl Wanted {
    /// The form that `request` likes best of those there are, JSON if none.
    pub(super) fn by(request: &Request<Bytes>) -> Self {
        let (format, content_type) = accepted(request);
        Wanted { format, content_type, pretty: Form::of_url(request).is_true("pretty") }
    }

    /// The document of a request that failed as a whole.
    pub(super) fn error(self, message: &str) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => write_error(message, self.pretty, &mut out),
            Format::MessagePack => write_msgpack_error(message, &mut out),
            Format::Csv => {
                out.extend_from_slice(b"error\n");
                out.extend_from_slice(csv_field(message).as_bytes());
                out.push(b'\n');
            }
        }
        out
    }
}

fn accepted(request: &Request<Bytes>) -> (Format, &'static str) {
    const JSON: (Format, &str) = (Format::Json, "application/json");
    let headers = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut wishes: Vec<(u32, &str)> =
        headers.flat_map(|value| value.split(',')).map(wish).collect();
    wishes.sort_by_key(|(thousandths, _)| Reverse(*thousandths)); // stable: of equals the first
    let forms = wishes.iter().find_map(|(_, media_type)| match *media_type {
        "*/*" | "application/*" | "application/json" => Some(JSON),
        "application/csv" => Some((Format::Csv, "application/csv")),
        "text/csv" | "text/*" => Some((Format::Csv, "text/csv")),
        "application/x-msgpack" => Some((Format::MessagePack, "application/x-msgpack")),
        _ => None,
    });
    forms.unwrap_or(JSON)
}

/// One item of `Accept`: its weight in thousandths, and the media type.
fn wish(item: &str) -> (u32, &str) {
    let mut parts = item.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1");
    // `0.25` as 250: digits after the point, filled up to three.
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let decimals: String = decimals.chars().chain("000".chars()).take(3).collect();
    let thousandths = whole.parse::<u32>().unwrap_or(1).min(1) * 1000;
    (thousandths + decimals.parse::<u32>().unwrap_or(0), media_type)
}

/// A text as a field of CSV.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
