//! Databases and retention policies as text: the two InfluxQL statements that an export begins with.
//!
//! ```text
//! CREATE DATABASE name [WITH [DURATION d] [REPLICATION n] [SHARD DURATION d] [NAME policy]]
//! CREATE RETENTION POLICY name ON database [DURATION d] [REPLICATION n] [SHARD DURATION d] [DEFAULT]
//! ```
//!
//! Words in any case, `INF` and `0s` for ever, names bare or in double quotes. This is no query language: exports of
//! InfluxDB hold these statements and no others.

use stripchart_core::DurationLiteral;

use crate::catalog::{Database, PolicySpec, RetentionPolicy};
use crate::{Db, DbError};

/// A statement of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Definition {
    Database { name: String, policy: Option<PolicySpec> },
    Policy { database: String, spec: PolicySpec },
}

impl Definition {
    /// Does what the statement says.
    pub(crate) fn apply(self, db: &Db) -> Result<(), DbError> {
        match self {
            Definition::Database { name, policy } => db.create_database(&name, policy),
            Definition::Policy { database, spec } => db.create_retention_policy(&database, spec),
        }
    }

    /// Parses a statement; what was expected if it is none.
    pub(crate) fn parse(text: &str) -> Result<Definition, String> {
        let mut words = Words { words: split(text)?.into_iter().peekable() };
        words.demand("CREATE")?;
        let statement = if words.take("DATABASE") {
            let name = words.name("the name of a database")?;
            let policy = if words.take("WITH") { Some(words.properties("NAME")?) } else { None };
            Definition::Database { name, policy }
        } else {
            words.demand("RETENTION")?;
            words.demand("POLICY")?;
            let name = words.name("the name of a retention policy")?;
            words.demand("ON")?;
            let database = words.name("the name of a database")?;
            let spec = PolicySpec { name: Some(name), ..words.properties("DEFAULT")? };
            Definition::Policy { database, spec }
        };
        match words.words.next() {
            None => Ok(statement),
            Some(word) => Err(format!("expected the end of the statement, found {}", word.text)),
        }
    }
}

/// Appends the statements that make `database` and those of its policies that `wanted` accepts; the default one is made with
/// it, whether wanted or not.
pub(crate) fn write(
    database: &Database,
    wanted: impl Fn(&RetentionPolicy) -> bool,
    out: &mut String,
) {
    let default = database.default_policy();
    let name = quoted(database.name());
    let properties = properties(default);
    *out += &format!("CREATE DATABASE {name} WITH {properties} NAME {}\n", quoted(&default.name));
    for policy in database.policies().iter().filter(|policy| !policy.is_default && wanted(policy)) {
        let properties = self::properties(policy);
        *out +=
            &format!("CREATE RETENTION POLICY {} ON {name} {properties}\n", quoted(&policy.name));
    }
}

fn properties(policy: &RetentionPolicy) -> String {
    let duration = policy
        .duration_ns
        .map_or("INF".to_owned(), |duration| DurationLiteral::from_nanos(duration).to_string());
    let shard = DurationLiteral::from_nanos(policy.shard_duration_ns);
    format!("DURATION {duration} REPLICATION {} SHARD DURATION {shard}", policy.replicas)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

/// The words of a statement, without the semicolon that may end it.
fn split(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_end().trim_end_matches(';').trim();
    while !rest.is_empty() {
        let (word, len) = match rest.strip_prefix('"') {
            Some(inside) => quoted_word(inside)?,
            None => {
                let len = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                (Word { text: rest[..len].to_owned(), quoted: false }, len)
            }
        };
        words.push(word);
        rest = rest[len..].trim_start();
    }
    Ok(words)
}

/// The word that `inside` begins with, and its length with both quotes.
fn quoted_word(inside: &str) -> Result<(Word, usize), String> {
    let (mut text, mut escaped) = (String::new(), false);
    for (at, next) in inside.char_indices() {
        match next {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Ok((Word { text, quoted: true }, at + 2)),
            _ => {
                text.push(next);
                escaped = false;
            }
        }
    }
    Err("expected a closing '\"', found the end of the statement".to_owned())
}

struct Words {
    words: std::iter::Peekable<std::vec::IntoIter<Word>>,
}

impl Words {
    /// Whether `keyword` comes next; it is taken then.
    fn take(&mut self, keyword: &str) -> bool {
        let is = |word: &Word| !word.quoted && word.text.eq_ignore_ascii_case(keyword);
        self.words.next_if(is).is_some()
    }

    fn demand(&mut self, keyword: &str) -> Result<(), String> {
        if self.take(keyword) { Ok(()) } else { Err(self.missing(keyword)) }
    }

    fn missing(&mut self, what: &str) -> String {
        let found = self.words.peek().map_or("the end of the statement", |word| &word.text);
        format!("expected {what}, found {found}")
    }

    fn name(&mut self, what: &str) -> Result<String, String> {
        match self.words.next() {
            Some(word) => Ok(word.text),
            None => Err(self.missing(what)),
        }
    }

    fn duration(&mut self) -> Result<Option<i64>, String> {
        if self.take("INF") {
            return Ok(None);
        }
        let text = self.name("a duration")?;
        let duration: DurationLiteral = text.parse().map_err(|e| format!("{e}"))?;
        Ok(Some(duration.nanos()).filter(|nanos| *nanos != 0))
    }

    /// Properties of a policy, in any order, as many as there are; `last` is `NAME` or `DEFAULT`.
    fn properties(&mut self, last: &str) -> Result<PolicySpec, String> {
        let mut spec = PolicySpec::default();
        loop {
            if self.take("DURATION") {
                spec.duration_ns = self.duration()?;
            } else if self.take("REPLICATION") {
                let text = self.name("a number")?;
                let count = text.parse().map_err(|_| format!("expected a number, found {text}"))?;
                spec.replicas = Some(count);
            } else if self.take("SHARD") {
                self.demand("DURATION")?;
                spec.shard_duration_ns = self.duration()?;
            } else if last == "NAME" && self.take("NAME") {
                spec.name = Some(self.name("the name of a retention policy")?);
            } else if last == "DEFAULT" && self.take("DEFAULT") {
                spec.default = true;
            } else {
                return Ok(spec);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_makes_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("a")).unwrap();
        let hour = 3_600_000_000_000;
        db.create_database("plain", None).unwrap();
        let first = PolicySpec { duration_ns: Some(50 * hour), ..PolicySpec::named("a \"b\" c") };
        db.create_database("with \"quotes\" and: ünïcode", Some(first)).unwrap();
        for (name, default) in [("DEFAULT", false), ("the last", true)] {
            let spec = PolicySpec {
                shard_duration_ns: Some(hour),
                replicas: Some(3),
                default,
                ..PolicySpec::named(name)
            };
            db.create_retention_policy("with \"quotes\" and: ünïcode", spec).unwrap();
        }
        let mut text = String::new();
        db.catalog().databases().for_each(|database| write(database, |_| true, &mut text));

        let copy = Db::open(folder.path().join("b")).unwrap();
        text.lines().for_each(|line| Definition::parse(line).unwrap().apply(&copy).unwrap());
        let mut again = String::new();
        copy.catalog().databases().for_each(|database| write(database, |_| true, &mut again));
        assert_eq!(again, text);
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn statements_of_influxdb_are_understood() {
        let policy = |name: &str| Some(PolicySpec::named(name));
        for (text, name, want) in [
            ("CREATE DATABASE db0", "db0", None),
            ("create database db0 with name rp0;", "db0", policy("rp0")),
            ("CREATE DATABASE \"a b\" WITH DURATION INF REPLICATION 1 NAME x", "a b", {
                Some(PolicySpec { replicas: Some(1), ..PolicySpec::named("x") })
            }),
        ] {
            let want = Definition::Database { name: name.to_owned(), policy: want };
            assert_eq!(Definition::parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_expected() {
        for (text, wanted) in [
            ("", "expected CREATE, found the end of the statement"),
            ("DROP DATABASE x", "expected CREATE, found DROP"),
            ("CREATE USER x", "expected RETENTION, found USER"),
            ("CREATE DATABASE", "expected the name of a database, found the end"),
            ("CREATE DATABASE \"x", "expected a closing '\"'"),
            ("CREATE DATABASE x y", "expected the end of the statement, found y"),
            ("CREATE RETENTION POLICY p ON d DURATION 1x", "one of the units"),
            ("CREATE RETENTION POLICY p ON d REPLICATION -1", "expected a number, found -1"),
            ("CREATE RETENTION POLICY p DURATION 1d", "expected ON, found DURATION"),
        ] {
            let error = Definition::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
