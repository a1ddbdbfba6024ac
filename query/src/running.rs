//! What runs now: `SHOW QUERIES`, `KILL QUERY`, and a bound on how much runs at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stripchart_core::{Column, Frame, Timestamp, Values};

use crate::ast::{Query, Statement};
use crate::show::{go_duration, texts};
use crate::{Cancel, QueryError};

/// The queries that run, of one engine.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the latest.
    last: u64,
    finished: u64,
    running: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Without passwords.
    text: String,
    database: String,
    started: Timestamp,
    cancel: Cancel,
    killed: bool,
}

/// A query that runs, listed by `SHOW QUERIES` until this is dropped.
///
/// [`Engine::execute`](crate::Engine::execute) makes its own; whoever runs the statements of a query one by one makes one with
/// [`Engine::begin`](crate::Engine::begin) and sets [`ExecuteOptions::running`](crate::ExecuteOptions::running) to it, so that they are
/// listed, and killed, together.
#[derive(Debug)]
pub struct RunningQuery {
    registry: Arc<Registry>,
    id: u64,
    cancel: Cancel,
}

impl RunningQuery {
    /// The number that `KILL QUERY` takes. Numbers count from 1 and are never used again while the engine lives.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The switch that `KILL QUERY` throws.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        let mut inner = self.registry.inner.lock();
        inner.finished += 1;
        inner.running.remove(&self.id);
    }
}

impl Registry {
    /// Lists a query; `cancel` is thrown when it is killed.
    ///
    /// Those that are needed to end others are let in however many run.
    pub(crate) fn begin(
        self: &Arc<Self>,
        statements: &[&Statement],
        database: Option<&str>,
        now: Timestamp,
        cancel: Option<&Cancel>,
        most: Option<usize>,
    ) -> Result<RunningQuery, QueryError> {
        let text = statements.iter().map(|s| s.to_string()).collect::<Vec<_>>().join(";\n");
        let watches =
            |s: &&Statement| matches!(s, Statement::ShowQueries | Statement::KillQuery { .. });
        let mut inner = self.inner.lock();
        if let Some(most) = most
            && inner.running.len() >= most
            && !statements.iter().all(watches)
        {
            return Err(QueryError::invalid(format!(
                "max-concurrent-queries limit exceeded({most}, {most})"
            )));
        }
        inner.last += 1;
        let (id, cancel) = (inner.last, cancel.cloned().unwrap_or_default());
        let entry = Entry {
            text,
            database: database.unwrap_or_default().to_owned(),
            started: now,
            cancel: cancel.clone(),
            killed: false,
        };
        inner.running.insert(id, entry);
        Ok(RunningQuery { registry: Arc::clone(self), id, cancel })
    }

    /// Ends the query of this number.
    pub(crate) fn kill(&self, id: u64) -> Result<(), QueryError> {
        let mut inner = self.inner.lock();
        let Some(entry) = inner.running.get_mut(&id) else {
            return Err(QueryError::invalid(format!("no such query id: {id}")));
        };
        if entry.killed {
            return Err(QueryError::invalid("already killed"));
        }
        entry.killed = true;
        entry.cancel.cancel();
        Ok(())
    }

    /// The answer to `SHOW QUERIES` at `now`.
    pub(crate) fn list(&self, now: Timestamp) -> Frame {
        let inner = self.inner.lock();
        let ids = inner.running.keys().map(|id| i64::try_from(*id).unwrap_or(i64::MAX)).collect();
        let entries = || inner.running.values();
        let durations: Vec<String> = entries()
            .map(|entry| shortened(now.nanos().saturating_sub(entry.started.nanos()).max(0)))
            .collect();
        let status = |entry: &Entry| if entry.killed { "killed" } else { "running" };
        Frame::default()
            .column(Column::new("qid", Values::Integer(ids)))
            .column(texts("query", entries().map(|entry| entry.text.as_str())))
            .column(texts("database", entries().map(|entry| entry.database.as_str())))
            .column(texts("duration", durations.iter().map(String::as_str)))
            .column(texts("status", entries().map(status)))
    }

    /// How many run, were begun, and have ended.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let inner = self.inner.lock();
        (inner.running.len() as u64, inner.last, inner.finished)
    }
}

/// A duration in the unit that is worth telling.
fn shortened(nanos: i64) -> String {
    let unit = [1_000_000_000, 1_000_000, 1_000].into_iter().find(|unit| nanos >= *unit);
    go_duration(nanos - nanos % unit.unwrap_or(1))
}

/// The statements of a query, to be listed.
pub(crate) fn statements(query: &Query) -> Vec<&Statement> {
    query.statements.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Query {
        crate::parse_query(text).expect(text)
    }

    #[test]
    fn what_runs_is_listed_and_can_be_killed_once() {
        let registry = Arc::new(Registry::default());
        let at = Timestamp::from_nanos;
        let query = parse("SELECT v FROM m; SET PASSWORD FOR u = 'secret'");
        let first = registry.begin(&statements(&query), Some("db"), at(0), None, None).unwrap();
        let cancel = Cancel::new();
        let query = parse("SHOW QUERIES");
        let second =
            registry.begin(&statements(&query), None, at(1), Some(&cancel), Some(1)).unwrap();
        let full =
            registry.begin(&statements(&parse("SHOW DATABASES")), None, at(1), None, Some(2));
        assert_eq!(full.unwrap_err().to_string(), "max-concurrent-queries limit exceeded(2, 2)");

        let text = |frame: &Frame, column: &str, row| {
            let value = frame.get(column).and_then(|c| c.get(row));
            value.and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        };
        let frame = registry.list(at(1_234_567));
        assert_eq!(text(&frame, "query", 0), "SELECT v FROM m;\nSET PASSWORD FOR u = [REDACTED]");
        assert_eq!(text(&frame, "duration", 0), "1ms");
        assert_eq!(text(&frame, "status", 0), "running");
        assert_eq!(text(&frame, "database", 1), "");
        registry.kill(second.id()).unwrap();
        assert!(cancel.is_cancelled() && !first.cancel().is_cancelled());
        assert_eq!(text(&registry.list(at(5)), "status", 1), "killed");
        assert_eq!(registry.kill(2).unwrap_err().to_string(), "already killed");
        drop((first, second));
        assert_eq!(registry.kill(1).unwrap_err().to_string(), "no such query id: 1");
        assert_eq!(registry.counts(), (0, 2, 2));
    }

    #[test]
    fn durations_have_one_unit_below_a_second() {
        for (nanos, want) in [
            (0, "0s"),
            (999, "999ns"),
            (10_500, "10µs"),
            (1_999_999, "1ms"),
            (61_900_000_000, "1m1s"),
        ] {
            assert_eq!(shortened(nanos), want);
        }
    }
}
