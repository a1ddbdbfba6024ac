//! `/query`: InfluxQL in, JSON or CSV out.

use std::cmp::Reverse;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{Method, Request, StatusCode};
use stripchart_core::{Precision, Timestamp};

use super::InfluxDb;
use super::backend::QueryContext;
use super::bind;
use super::form::Form;
use super::reply::Reply;
use crate::ast::{Query, Statement};
use crate::result::{FormatOptions, Message, StatementResult, write_csv, write_json};
use crate::{Params, parse_query_with};

/// Rows per document of a chunked answer, unless asked otherwise.
const DEFAULT_CHUNK_ROWS: usize = 10_000;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

impl InfluxDb {
    /// `/query?q=...&db=...&rp=...&epoch=...&params=...&pretty=...&chunked=...&chunk_size=...&async=...`, from the URL,
    /// a form or a form's file.
    pub(super) fn query(&self, request: &Request<Bytes>, now: Timestamp) -> Reply {
        let form = Form::of_request(request);
        let pretty = Form::of_url(request).is_true("pretty");
        let (format, content_type) = accepted(request);
        let refuse = |status, message: String| match format {
            Format::Json => Reply::error(status, message, pretty),
            Format::Csv => {
                let text = format!("error\n{}\n", csv_field(&message));
                Reply::text(status, content_type, text.into_bytes()).with_error(message)
            }
        };
        let query = match parse(&form) {
            Ok(query) => query,
            Err(message) => return refuse(StatusCode::BAD_REQUEST, message),
        };
        let by_get = request.method() == Method::GET;
        if by_get && is_browser(request) && query.statements.iter().any(Statement::writes) {
            let message = "statements that change something are taken from a browser by POST only";
            return refuse(StatusCode::FORBIDDEN, message.to_owned());
        }
        let chunk_rows = form.is_true("chunked").then(|| {
            let size = form.get("chunk_size").and_then(|size| size.parse().ok());
            size.filter(|rows| *rows > 0).unwrap_or(DEFAULT_CHUNK_ROWS)
        });
        let context = QueryContext {
            database: form.filled("db"),
            policy: form.filled("rp"),
            now,
            limits: &self.limits,
            chunk_rows,
        };
        let epoch = form.get("epoch").map(str::trim).filter(|unit| !unit.is_empty());
        let options = FormatOptions { epoch: epoch.map(Precision::from_influxdb), pretty };
        let body = self.run(&query, &context, by_get, format, &options);
        // InfluxDB answers at once and works on; here nothing goes on unseen.
        if form.is_true("async") {
            return Reply::empty(StatusCode::NO_CONTENT);
        }
        Reply::text(StatusCode::OK, content_type, body)
    }

    /// Runs `query` and writes the answer: one document, or one per result where it is chunked.
    fn run(
        &self,
        query: &Query,
        context: &QueryContext<'_>,
        by_get: bool,
        format: Format,
        options: &FormatOptions,
    ) -> Vec<u8> {
        let mut body = Vec::new();
        let mut results: Vec<StatementResult> = Vec::new();
        let mut warned = None;
        self.backend.execute(query, context, &mut |mut result| {
            let id = result.statement_id;
            let statement = query.statements.get(id).filter(|statement| statement.writes());
            if let Some(statement) = statement
                && by_get
                && result.error.is_none()
                && warned != Some(id)
            {
                result.messages.push(deprecated(statement));
                warned = Some(id);
            }
            results.push(result);
            if context.chunk_rows.is_some() {
                write(&results, format, options, &mut body);
                results.clear();
            }
        });
        if context.chunk_rows.is_none() {
            write(&results, format, options, &mut body);
        }
        body
    }
}

fn write(results: &[StatementResult], format: Format, options: &FormatOptions, out: &mut Vec<u8>) {
    match format {
        Format::Json => write_json(results, options, out),
        Format::Csv => {
            let mut text = String::new();
            write_csv(results, options, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Reads the statements and their parameters; `Err` is InfluxDB's text.
fn parse(form: &Form) -> Result<Query, String> {
    let text = form.get("q").map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or("missing required parameter \"q\"")?;
    let params = match form.filled("params") {
        Some(json) => bind::params(json).map_err(|why| format!("error parsing {why}"))?,
        None => Params::new(),
    };
    parse_query_with(text, &params).map_err(|error| format!("error parsing query: {error}"))
}

/// InfluxDB's warning about a statement that changes something and came by GET.
fn deprecated(statement: &Statement) -> Message {
    Message::warning(format!(
        "deprecated use of '{statement}' in a read only context, please use a POST request instead"
    ))
}

/// Whether a browser sent the request: all of them have called themselves this for thirty years.
fn is_browser(request: &Request<Bytes>) -> bool {
    let agent = request.headers().get(USER_AGENT).map(http::HeaderValue::as_bytes);
    agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"))
}

/// The form that the request likes best of those there are, JSON if none, with the name that it used.
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
