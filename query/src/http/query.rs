//! `/query`: InfluxQL in, JSON, CSV or MessagePack out.

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{Method, Request, StatusCode};
use stripchart_core::{Precision, Timestamp};
use stripchart_storage::Cancel;

use super::InfluxDb;
use super::backend::QueryContext;
use super::bind;
use super::form::Form;
use super::reply::Reply;
use super::wanted::Wanted;
use crate::ast::{Query, Statement};
use crate::{FormatOptions, Message, Params, User, parse_query_with};

/// Rows per document of a chunked answer, unless asked otherwise.
const DEFAULT_CHUNK_ROWS: usize = 10_000;

impl InfluxDb {
    /// `/query?q=...&db=...&rp=...&epoch=...&params=...&pretty=...&chunked=...&chunk_size=...&async=...`, from the URL,
    /// a form or a form's file.
    pub(super) fn query(
        &self,
        request: &Request<Bytes>,
        user: Option<User>,
        now: Timestamp,
        cancel: &Cancel,
    ) -> Reply {
        self.counters.queries.add(1);
        let form = Form::of_request(request);
        let wanted = Wanted::by(request);
        let query = match parse(&form) {
            Ok(query) => query,
            Err(message) => return Reply::error(wanted, StatusCode::BAD_REQUEST, message),
        };
        let database = form.filled("db");
        if let Err(refusal) = self.authorize(user.as_ref(), &query, database, wanted) {
            return refusal;
        }
        let by_get = request.method() == Method::GET;
        if by_get && is_browser(request) && query.statements.iter().any(Statement::writes) {
            let message = "statements that change something are taken from a browser by POST only";
            return Reply::error(wanted, StatusCode::FORBIDDEN, message);
        }
        let chunk_rows = form.is_true("chunked").then(|| {
            let size = form.get("chunk_size").and_then(|size| size.parse().ok());
            size.filter(|rows| *rows > 0).unwrap_or(DEFAULT_CHUNK_ROWS)
        });
        let epoch = form.get("epoch").map(str::trim).filter(|unit| !unit.is_empty());
        let context = QueryContext {
            database: database.map(str::to_owned),
            policy: form.filled("rp").map(str::to_owned),
            now,
            limits: self.limits.clone(),
            chunk_rows,
            cancel: cancel.clone(),
            user,
            format: wanted.format,
            text: FormatOptions {
                epoch: epoch.map(Precision::from_influxdb),
                pretty: wanted.pretty,
            },
            remark: by_get.then_some(deprecated),
        };
        let pieces = self.backend.execute(query, context);
        // InfluxDB answers at once and works on; here nothing goes on unseen.
        if form.is_true("async") {
            pieces.for_each(drop);
            return Reply::empty(StatusCode::NO_CONTENT);
        }
        Reply::pieces(wanted.content_type, pieces)
    }
}

/// InfluxDB's warning about a statement that changes something and came by GET.
fn deprecated(statement: &Statement) -> Option<Message> {
    let text = format!(
        "deprecated use of '{statement}' in a read only context, please use a POST request instead"
    );
    statement.writes().then(|| Message::warning(text))
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

/// Whether a browser sent the request: all of them have called themselves this for thirty years.
fn is_browser(request: &Request<Bytes>) -> bool {
    let agent = request.headers().get(USER_AGENT).map(http::HeaderValue::as_bytes);
    agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"))
}
