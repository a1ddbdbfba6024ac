//! `/debug/requests?seconds=N`: who asked and wrote how often.
//!
//! ```text
//! {
//! "ann:10.0.0.7": {"writes":12,"queries":3},
//! "10.0.0.8": {"writes":0,"queries":40}
//! }
//! ```
//!
//! InfluxDB begins to count when it is asked, and answers `N` seconds later. Here requests are counted by the second as
//! they come, and what is told are the last `N` seconds: nobody waits, and what was the matter a minute ago can be seen.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, StatusCode};
use stripchart_core::Timestamp;

use super::InfluxDb;
use super::form::Form;
use super::reply::Reply;
use super::wanted::Wanted;
use crate::User;

/// From where a request came: a server puts it among the request's extensions, so that [`/debug/requests`](super) can
/// tell clients apart.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use bytes::Bytes;
/// use http::Request;
/// use stripchart_query::http::ClientAddress;
///
/// let mut request = Request::get("/query?q=SHOW+DATABASES").body(Bytes::new())?;
/// request.extensions_mut().insert(ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// Seconds that are told unless asked otherwise, and the most that may be asked for; both InfluxDB's.
const DEFAULT_SECONDS: i64 = 10;
const SECONDS_MAX: i64 = 6 * 3600;
/// Counts kept, one for each client and second in which it came; the oldest go first.
const COUNTS_MAX: usize = 1 << 16;

/// What a client did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    writes: u64,
    queries: u64,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Query,
}

/// What clients did lately, by second and client.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<(i64, Box<str>), Counts>>);

impl Requests {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<(i64, Box<str>), Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, now: Timestamp, client: Box<str>, kind: Kind) {
        let second = now.nanos().div_euclid(1_000_000_000);
        let mut counts = self.counts();
        let of = counts.entry((second, client)).or_default();
        match kind {
            Kind::Write => of.writes += 1,
            Kind::Query => of.queries += 1,
        }
        while let Some(oldest) = counts.first_entry()
            && (oldest.key().0 <= second.saturating_sub(SECONDS_MAX) || counts.len() > COUNTS_MAX)
        {
            counts.pop_first();
        }
    }

    /// What each client did in the last `seconds`, the one that runs among them.
    fn last(&self, now: Timestamp, seconds: i64) -> BTreeMap<Box<str>, Counts> {
        let first = now.nanos().div_euclid(1_000_000_000).saturating_sub(seconds.max(0)) + 1;
        let mut sums: BTreeMap<Box<str>, Counts> = BTreeMap::new();
        for ((_, client), counts) in self.counts().range((first, Box::from(""))..) {
            let sum = sums.entry(client.clone()).or_default();
            sum.writes += counts.writes;
            sum.queries += counts.queries;
        }
        sums
    }
}

impl InfluxDb {
    /// Counts a request of `user`.
    pub(super) fn track(
        &self,
        request: &Request<Bytes>,
        user: Option<&User>,
        now: Timestamp,
        kind: Kind,
    ) {
        let address = request.extensions().get::<ClientAddress>().map(|at| at.0.to_canonical());
        let client = match (user, address) {
            (Some(user), Some(address)) => format!("{}:{address}", user.name()),
            (Some(user), None) => user.name().to_owned(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "unknown".to_owned(),
        };
        self.requests.add(now, client.into(), kind);
    }

    /// Answers `/debug/requests`.
    pub(super) fn recent_requests(&self, request: &Request<Bytes>, now: Timestamp) -> Reply {
        let form = Form::of_url(request);
        let refused = |why: String| Reply::error(Wanted::by(request), StatusCode::BAD_REQUEST, why);
        let seconds = match form.filled("seconds") {
            None => DEFAULT_SECONDS,
            Some(text) => match text.parse::<i64>() {
                Ok(seconds) if seconds > SECONDS_MAX => {
                    return refused(format!(
                        "exceeded maximum interval time: {seconds}s > {}h",
                        SECONDS_MAX / 3600
                    ));
                }
                Ok(seconds) => seconds,
                Err(_) => return refused(format!("seconds: expected a number, found {text:?}")),
            },
        };
        let mut text = "{".to_owned();
        for (at, (client, counts)) in self.requests.last(now, seconds).iter().enumerate() {
            let (comma, client) =
                (if at > 0 { "," } else { "" }, serde_json::Value::from(&**client));
            let Counts { writes, queries } = counts;
            // A string takes every write.
            let _ =
                write!(text, "{comma}\n{client}: {{\"writes\":{writes},\"queries\":{queries}}}");
        }
        text.push_str("\n}\n");
        Reply::text(StatusCode::OK, "application/json; charset=utf-8", text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn counts_are_told_by_the_second_and_forgotten_after_six_hours() {
        let requests = Requests::default();
        requests.add(at(100), "a".into(), Kind::Write);
        requests.add(at(100), "a".into(), Kind::Write);
        requests.add(at(101), "a".into(), Kind::Query);
        requests.add(at(101), "b".into(), Kind::Query);
        let told = |now, seconds| {
            let last = requests.last(at(now), seconds).into_iter();
            last.map(|(who, of)| (who.to_string(), of.writes, of.queries)).collect::<Vec<_>>()
        };
        assert_eq!(told(101, 1), [("a".to_owned(), 0, 1), ("b".to_owned(), 0, 1)]);
        assert_eq!(told(101, 2), [("a".to_owned(), 2, 1), ("b".to_owned(), 0, 1)]);
        assert_eq!(told(101, 0), []);
        assert_eq!(told(101, -5), []);
        requests.add(at(101 + SECONDS_MAX), "c".into(), Kind::Query);
        assert_eq!(requests.counts().len(), 1);
    }

    #[test]
    fn a_thousand_new_clients_a_second_do_not_fill_the_memory() {
        let requests = Requests::default();
        for number in 0..70_000_i64 {
            requests.add(at(number / 1000), number.to_string().into(), Kind::Query);
        }
        assert_eq!(requests.counts().len(), COUNTS_MAX);
        assert_eq!(requests.last(at(69), 1).len(), 1000, "the newest are kept");
    }
}
