//! `/write`: line protocol into the database.

use bytes::Bytes;
use http::{Request, StatusCode};
use stripchart_core::{Precision, Timestamp};

use super::InfluxDb;
use super::backend::{WriteContext, WriteFailure, Written};
use super::form::Form;
use super::gzip::{self, BodyError};
use super::reply::Reply;
use super::wanted::Wanted;
use crate::User;

/// Where lines go and how their timestamps count.
struct Destination<'a> {
    database: &'a str,
    policy: Option<&'a str>,
    precision: Precision,
}

impl InfluxDb {
    /// `/write?db=...&rp=...&precision=...&consistency=...`; only the URL is asked, never a form.
    pub(super) fn write(
        &self,
        request: &Request<Bytes>,
        user: Option<&User>,
        now: Timestamp,
    ) -> Reply {
        let form = Form::of_url(request);
        let Some(database) = form.filled("db") else {
            let wanted = Wanted::by(request);
            return Reply::error(wanted, StatusCode::BAD_REQUEST, "database is required");
        };
        let destination = Destination {
            database,
            policy: form.filled("rp"),
            precision: Precision::from_influxdb(form.get("precision").unwrap_or_default()),
        };
        self.store(request, user, &destination, now)
    }

    /// `/api/v2/write?bucket=database/policy&precision=...`, for clients of InfluxDB 2.x, as 1.8 has it.
    pub(super) fn write_v2(
        &self,
        request: &Request<Bytes>,
        user: Option<&User>,
        now: Timestamp,
    ) -> Reply {
        let form = Form::of_url(request);
        let refused = |status, why: String| Reply::error(Wanted::by(request), status, why);
        let precision = match form.get("precision").unwrap_or_default() {
            "" | "ns" => Precision::Nanoseconds,
            "us" => Precision::Microseconds,
            known @ ("ms" | "s") => Precision::from_influxdb(known),
            other => {
                let message = format!("invalid precision {other:?} (use ns, us, ms or s)");
                return refused(StatusCode::BAD_REQUEST, message);
            }
        };
        let bucket = form.get("bucket").unwrap_or_default();
        let (database, policy) = bucket.split_once('/').unwrap_or((bucket, ""));
        if database.is_empty() {
            let reason = match bucket {
                "" => "is missing a slash; not in \"database/retention-policy\" format",
                _ => "is in db/rp form but has an empty database",
            };
            return refused(StatusCode::NOT_FOUND, format!("bucket name {bucket:?} {reason}"));
        }
        let policy = Some(policy).filter(|policy| !policy.is_empty());
        self.store(request, user, &Destination { database, policy, precision }, now)
    }

    fn store(
        &self,
        request: &Request<Bytes>,
        user: Option<&User>,
        destination: &Destination<'_>,
        now: Timestamp,
    ) -> Reply {
        self.counters.writes.add(1);
        let wanted = Wanted::by(request);
        let refused = |status, why: &str| Reply::error(wanted, status, why);
        let database = destination.database;
        let not_found =
            || refused(StatusCode::NOT_FOUND, &format!("database not found: {database:?}"));
        if !self.backend.has_database(database) {
            return not_found();
        }
        if let Err(refusal) = self.authorize_write(user, database, wanted) {
            return refusal;
        }
        let body = match gzip::read(request, self.max_body_bytes) {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return refused(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            Err(BodyError::Gzip(message)) => return refused(StatusCode::BAD_REQUEST, &message),
        };
        if body.is_empty() {
            return Reply::empty(StatusCode::NO_CONTENT);
        }
        self.counters.written_bytes.add(body.len());
        let form = Form::of_url(request);
        let consistency = form.filled("consistency").map(str::to_ascii_lowercase);
        if !matches!(consistency.as_deref(), None | Some("any" | "one" | "quorum" | "all")) {
            return refused(StatusCode::BAD_REQUEST, "invalid consistency level");
        }
        let context = WriteContext {
            database,
            policy: destination.policy,
            precision: destination.precision,
            default_time: truncated(now, destination.precision),
        };
        match self.backend.write(&body, &context) {
            Ok(written) => {
                self.counters.points_written.add(written.rows);
                self.counters.points_dropped.add(written.refused.len());
                self.counters.points_failed.add(written.unreadable_count);
                match report(&written) {
                    None => Reply::empty(StatusCode::NO_CONTENT),
                    Some(sentence) => refused(StatusCode::BAD_REQUEST, &sentence),
                }
            }
            Err(WriteFailure::DatabaseNotFound) => not_found(),
            Err(WriteFailure::PolicyNotFound) => {
                let policy = destination.policy.unwrap_or_default();
                let message = format!("retention policy not found: {policy}");
                refused(StatusCode::INTERNAL_SERVER_ERROR, &message)
            }
            // What is sent again later may be stored then: 5xx makes clients do so.
            Err(WriteFailure::Unavailable(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
            Err(WriteFailure::Failed(why)) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
        }
    }
}

/// The time of points that carry none: as coarse as the others, as in InfluxDB.
fn truncated(now: Timestamp, precision: Precision) -> Timestamp {
    now.align_down(precision.nanos())
}

/// What to say about a body of which something was not stored: InfluxDB's sentence, then the positions.
fn report(written: &Written) -> Option<String> {
    let sentence = sentence(written)?;
    let mut positions: Vec<&str> =
        written.unreadable.iter().map(|line| line.position.as_str()).collect();
    let more =
        format!("and {} more", written.unreadable_count.saturating_sub(written.unreadable.len()));
    if written.unreadable_count > written.unreadable.len() {
        positions.push(&more);
    }
    Some(match positions.is_empty() {
        true => sentence,
        false => format!("{sentence} ({})", positions.join("; ")),
    })
}

/// What InfluxDB says about what was not stored; a refused row comes before an unreadable line.
fn sentence(written: &Written) -> Option<String> {
    if let Some(reason) = written.refused.first() {
        return Some(format!("partial write: {reason} dropped={}", written.refused.len()));
    }
    let lines: Vec<&str> = written.unreadable.iter().map(|line| line.sentence.as_str()).collect();
    match (lines.is_empty(), written.rows) {
        (true, _) => None,
        (false, 0) => Some(lines.join("\n")),
        (false, _) => Some(format!("partial write: {} dropped=0", lines.join("\n"))),
    }
}
