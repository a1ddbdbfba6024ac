//! Subscriptions: where writes are to be sent as well.
//!
//! They are kept and listed here, and nothing more: this opens no socket. Whoever embeds the engine asks [`Engine::subscriptions`] and forwards
//! what he writes.

use stripchart_core::Frame;

use crate::ast::{Statement, SubscriptionMode};
use crate::records::SubscriptionRecord;
use crate::result::write_json_text;
use crate::show::texts;
use crate::{Engine, QueryError};

/// The column of `SHOW SUBSCRIPTIONS` that holds lists.
pub(crate) const DESTINATIONS: &str = "destinations";

/// A subscription: the writes of a retention policy are to be sent to `destinations` too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// The database.
    pub database: String,
    /// The retention policy.
    pub policy: String,
    /// The name.
    pub name: String,
    /// Whether to all destinations, or to one after the other.
    pub mode: SubscriptionMode,
    /// URLs, of UDP or HTTP.
    pub destinations: Vec<String>,
}

impl Engine {
    /// The subscriptions that `CREATE SUBSCRIPTION` has made. The engine sends nothing to them.
    ///
    /// # Errors
    ///
    /// [`QueryError::Storage`] if they cannot be read.
    pub fn subscriptions(&self) -> Result<Vec<Subscription>, QueryError> {
        let catalog = self.db().catalog();
        let records = self.records()?;
        let exists = |of: &&SubscriptionRecord| {
            catalog.database(&of.database).is_some_and(|db| db.policy(&of.policy).is_some())
        };
        Ok(records
            .subscriptions
            .iter()
            .filter(exists)
            .map(|of| Subscription {
                database: of.database.clone(),
                policy: of.policy.clone(),
                name: of.name.clone(),
                mode: of.mode,
                destinations: of.destinations.clone(),
            })
            .collect())
    }
}

/// Runs a statement about subscriptions; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
) -> Result<Option<Vec<Frame>>, QueryError> {
    match statement {
        Statement::ShowSubscriptions => show(engine).map(Some),
        Statement::CreateSubscription { name, database, policy, mode, destinations } => {
            if let Some(bad) = destinations.iter().find(|url| !is_destination(url)) {
                return Err(QueryError::invalid(format!("invalid subscription URL: {bad}")));
            }
            check_policy(engine, database, policy)?;
            let record = SubscriptionRecord {
                database: database.clone(),
                policy: policy.clone(),
                name: name.clone(),
                mode: *mode,
                destinations: destinations.clone(),
            };
            engine.change_records(|records| {
                if records.subscriptions.iter().any(|of| is(of, database, policy, name)) {
                    return Err(QueryError::invalid("subscription already exists"));
                }
                records.subscriptions.push(record);
                Ok(())
            })?;
            Ok(Some(Vec::new()))
        }
        Statement::DropSubscription { name, database, policy } => {
            check_policy(engine, database, policy)?;
            engine.change_records(|records| {
                let before = records.subscriptions.len();
                records.subscriptions.retain(|of| !is(of, database, policy, name));
                if records.subscriptions.len() == before {
                    return Err(QueryError::invalid("subscription not found"));
                }
                Ok(())
            })?;
            Ok(Some(Vec::new()))
        }
        _ => Ok(None),
    }
}

fn is(of: &SubscriptionRecord, database: &str, policy: &str, name: &str) -> bool {
    of.database == database && of.policy == policy && of.name == name
}

fn check_policy(engine: &Engine, database: &str, policy: &str) -> Result<(), QueryError> {
    let catalog = engine.db().catalog();
    let found = catalog.database(database);
    let found = found.ok_or_else(|| QueryError::DatabaseNotFound { name: database.to_owned() })?;
    let missing = || QueryError::PolicyNotFound { name: policy.to_owned() };
    found.policy(policy).ok_or_else(missing).map(drop)
}

/// InfluxDB's rule: a scheme that it can send by, and a port.
fn is_destination(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let known = ["udp", "http", "https"].iter().any(|s| scheme.eq_ignore_ascii_case(s));
    known && port.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// Texts as a list in JSON: a column has no lists, and InfluxDB shows one here.
fn list(texts: &[String]) -> String {
    let mut out = Vec::new();
    out.push(b'[');
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_json_text(text, &mut out);
    }
    out.push(b']');
    String::from_utf8(out).unwrap_or_default()
}

/// One series per database that has some.
fn show(engine: &Engine) -> Result<Vec<Frame>, QueryError> {
    let all = engine.subscriptions()?;
    let catalog = engine.db().catalog();
    let mut frames = Vec::new();
    for database in catalog.databases_by_age() {
        let rows: Vec<&Subscription> =
            all.iter().filter(|of| of.database == database.name()).collect();
        if rows.is_empty() {
            continue;
        }
        let modes: Vec<String> = rows.iter().map(|of| of.mode.to_string()).collect();
        let urls: Vec<String> = rows.iter().map(|of| list(&of.destinations)).collect();
        frames.push(
            Frame::new(database.name())
                .column(texts("retention_policy", rows.iter().map(|of| of.policy.as_str())))
                .column(texts("name", rows.iter().map(|of| of.name.as_str())))
                .column(texts("mode", modes.iter().map(String::as_str)))
                .column(texts(DESTINATIONS, urls.iter().map(String::as_str))),
        );
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_a_scheme_and_a_port() {
        for url in ["udp://h:9000", "http://x:1", "https://u:p@x:1/path", "HTTP://[::1]:8086"] {
            assert!(is_destination(url), "{url}");
        }
        for url in ["foo", "http://x", "ftp://x:1", "http://x:", "http://x:y", "http:x:1", ""] {
            assert!(!is_destination(url), "{url}");
        }
    }
}
