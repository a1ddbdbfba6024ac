//! The records as text, one to a line, its fields divided by tabs.
//!
//! ```text
//! stripchart query records 1
//! user           NAME      admin | -   BCRYPT_HASH
//! grant          USER      DATABASE    READ | WRITE | ALL | NONE
//! continuous     CREATE CONTINUOUS QUERY ...
//! subscription   DATABASE  POLICY      NAME    ALL | ANY   URL ...
//! last_shard     NUMBER
//! shard          NUMBER    DATABASE    POLICY  START_NS    END_NS
//! end
//! ```
//!
//! The last runs begin with `stripchart query runs 1` and have lines `run DATABASE NAME NS`. In a field, `\\`, `\t`, `\n` and `\r` stand for a
//! backslash, a tab and line ends. Text, because there is little of it and people want to look at it; the database guards it with a checksum.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::{Records, Runs, ShardRecord, SubscriptionRecord, UserRecord};
use crate::QueryError;
use crate::ast::{Privilege, Statement, SubscriptionMode};

const RECORDS: &str = "stripchart query records 1";
const RUNS: &str = "stripchart query runs 1";
const END: &str = "end";

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Counted from 1.
    line: usize,
    expected: &'static str,
    found: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { line, expected, found } = self;
        write!(f, "the query engine's records: line {line}: expected {expected}, found {found:?}")
    }
}

impl std::error::Error for Damage {}

impl From<Damage> for QueryError {
    fn from(damage: Damage) -> Self {
        QueryError::storage(damage)
    }
}

pub(crate) fn encode(records: &Records) -> Vec<u8> {
    let mut out = format!("{RECORDS}\n");
    for user in &records.users {
        line(&mut out, &["user", &user.name, if user.admin { "admin" } else { "-" }, &user.hash]);
        for (database, privilege) in &user.grants {
            line(&mut out, &["grant", &user.name, database, privilege_name(*privilege)]);
        }
    }
    for query in &records.continuous {
        let statement = Statement::CreateContinuousQuery(query.as_ref().clone());
        line(&mut out, &["continuous", &statement.to_string()]);
    }
    for of in &records.subscriptions {
        let mode = of.mode.to_string();
        let mut fields = vec!["subscription", &of.database, &of.policy, &of.name, &mode];
        fields.extend(of.destinations.iter().map(String::as_str));
        line(&mut out, &fields);
    }
    if records.last_shard > 0 {
        line(&mut out, &["last_shard", &records.last_shard.to_string()]);
    }
    for shard in &records.shards {
        let numbers = [shard.id.to_string(), shard.start_ns.to_string(), shard.end_ns.to_string()];
        let [id, start, end] = &numbers;
        line(&mut out, &["shard", id, &shard.database, &shard.policy, start, end]);
    }
    out += END;
    out.push('\n');
    out.into_bytes()
}

pub(crate) fn encode_runs(runs: &Runs) -> Vec<u8> {
    let mut out = format!("{RUNS}\n");
    for ((database, name), at) in runs {
        line(&mut out, &["run", database, name, &at.to_string()]);
    }
    out += END;
    out.push('\n');
    out.into_bytes()
}

fn line(out: &mut String, fields: &[&str]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push('\t');
        }
        for c in field.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c => out.push(c),
            }
        }
    }
    let _ = out.write_char('\n');
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Records, Damage> {
    let mut records = Records::default();
    lines(bytes, RECORDS, |line| take(&mut records, line))?;
    Ok(records)
}

pub(crate) fn decode_runs(bytes: &[u8]) -> Result<Runs, Damage> {
    let mut runs = Runs::default();
    lines(bytes, RUNS, |mut line| {
        line.expect("run")?;
        let key = (line.next("a database")?, line.next("a name")?);
        runs.insert(key, line.number("nanoseconds")?);
        line.end()
    })?;
    Ok(runs)
}

/// The fields of a line, those taken off that were read.
struct Line<'a> {
    number: usize,
    rest: Option<&'a str>,
}

/// Calls `each` with every line between the first, which must be `title`, and the last.
fn lines<'a>(
    bytes: &'a [u8],
    title: &'static str,
    mut each: impl FnMut(Line<'a>) -> Result<(), Damage>,
) -> Result<(), Damage> {
    let bad = |line, expected, found: &str| Damage { line, expected, found: found.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| bad(1, "UTF-8", "other bytes"))?;
    let body = text.strip_suffix('\n').and_then(|text| text.strip_suffix(END));
    let body = body.and_then(|body| body.strip_suffix('\n'));
    let Some(body) = body else {
        return Err(bad(
            text.lines().count(),
            "the line \"end\"",
            text.lines().last().unwrap_or(""),
        ));
    };
    for (index, line) in body.split('\n').enumerate() {
        match index {
            0 if line == title => {}
            0 => return Err(bad(1, title, line)),
            _ => each(Line { number: index + 1, rest: Some(line) })?,
        }
    }
    Ok(())
}

impl Line<'_> {
    fn bad(&self, expected: &'static str, found: &str) -> Damage {
        Damage { line: self.number, expected, found: found.to_owned() }
    }

    fn next(&mut self, what: &'static str) -> Result<String, Damage> {
        let Some(rest) = self.rest else { return Err(self.bad(what, "the end of the line")) };
        let (field, rest) = match rest.split_once('\t') {
            Some((field, rest)) => (field, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        unescape(field).ok_or_else(|| self.bad("an escaped character", field))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &'static str) -> Result<T, Damage> {
        let text = self.next(what)?;
        text.parse().map_err(|_| self.bad(what, &text))
    }

    fn expect(&mut self, word: &'static str) -> Result<(), Damage> {
        let found = self.next(word)?;
        if found == word { Ok(()) } else { Err(self.bad(word, &found)) }
    }

    fn end(&self) -> Result<(), Damage> {
        self.rest.map_or(Ok(()), |rest| Err(self.bad("the end of the line", rest)))
    }
}

fn unescape(field: &str) -> Option<String> {
    let mut out = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                '\\' => '\\',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out)
}

fn take(records: &mut Records, mut line: Line<'_>) -> Result<(), Damage> {
    match line.next("the kind of a record")?.as_str() {
        "user" => {
            let name = line.next("a user")?;
            let admin = match line.next("\"admin\" or \"-\"")?.as_str() {
                "admin" => true,
                "-" => false,
                other => return Err(line.bad("\"admin\" or \"-\"", other)),
            };
            let hash = line.next("a hash")?;
            records.users.push(UserRecord { name, admin, hash, grants: BTreeMap::new() });
        }
        "grant" => {
            let (name, database) = (line.next("a user")?, line.next("a database")?);
            let privilege = line.next("a privilege")?;
            let privilege =
                privilege_of(&privilege).ok_or_else(|| line.bad("a privilege", &privilege))?;
            let user = records.users.last_mut().filter(|user| user.name == name);
            let user = user.ok_or_else(|| line.bad("the user of the lines above", &name))?;
            user.grants.insert(database, privilege);
        }
        "continuous" => {
            let text = line.next("a statement")?;
            match crate::parse_statement(&text) {
                Ok(Statement::CreateContinuousQuery(query)) => {
                    records.continuous.push(Arc::new(query));
                }
                _ => return Err(line.bad("CREATE CONTINUOUS QUERY", &text)),
            }
        }
        "subscription" => {
            let (database, policy) = (line.next("a database")?, line.next("a policy")?);
            let name = line.next("a name")?;
            let mode = match line.next("ALL or ANY")?.as_str() {
                "ALL" => SubscriptionMode::All,
                "ANY" => SubscriptionMode::Any,
                other => return Err(line.bad("ALL or ANY", other)),
            };
            let mut destinations = Vec::new();
            while line.rest.is_some() {
                destinations.push(line.next("a destination")?);
            }
            let record = SubscriptionRecord { database, policy, name, mode, destinations };
            records.subscriptions.push(record);
        }
        "last_shard" => records.last_shard = line.number("a number")?,
        "shard" => {
            let id = line.number("a number")?;
            let (database, policy) = (line.next("a database")?, line.next("a policy")?);
            let (start_ns, end_ns) = (line.number("nanoseconds")?, line.number("nanoseconds")?);
            records.shards.push(ShardRecord { id, database, policy, start_ns, end_ns });
        }
        other => return Err(line.bad("the kind of a record", other)),
    }
    line.end()
}

fn privilege_name(privilege: Option<Privilege>) -> &'static str {
    match privilege {
        Some(Privilege::Read) => "READ",
        Some(Privilege::Write) => "WRITE",
        Some(Privilege::All) => "ALL",
        None => "NONE",
    }
}

fn privilege_of(name: &str) -> Option<Option<Privilege>> {
    Some(match name {
        "READ" => Some(Privilege::Read),
        "WRITE" => Some(Privilege::Write),
        "ALL" => Some(Privilege::All),
        "NONE" => None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Records {
        let text = "CREATE CONTINUOUS QUERY \"a\\nb\" ON d RESAMPLE EVERY 1m BEGIN SELECT mean(v) INTO d.p.x FROM d.p.m \
                    WHERE h =~ /a\\/\\d/ GROUP BY time(5m), * fill(0) TZ('UTC') END";
        let Ok(Statement::CreateContinuousQuery(query)) = crate::parse_statement(text) else {
            panic!("{text}")
        };
        let user = |name: &str, admin, grants: &[(&str, Option<Privilege>)]| UserRecord {
            name: name.to_owned(),
            admin,
            hash: "$2b$10$x".to_owned(),
            grants: grants.iter().map(|(d, p)| ((*d).to_owned(), *p)).collect(),
        };
        Records {
            users: vec![
                user("a\tb\\\n", true, &[]),
                user("ünï", false, &[("d", Some(Privilege::Read)), ("e\r", None)]),
                user("", false, &[("w", Some(Privilege::Write)), ("x", Some(Privilege::All))]),
            ],
            continuous: vec![Arc::new(query)],
            subscriptions: vec![SubscriptionRecord {
                database: "d".to_owned(),
                policy: "p".to_owned(),
                name: "s".to_owned(),
                mode: SubscriptionMode::Any,
                destinations: vec!["udp://h:1".to_owned(), "http://x:2".to_owned()],
            }],
            shards: vec![ShardRecord {
                id: 7,
                database: "d".to_owned(),
                policy: "p".to_owned(),
                start_ns: -5,
                end_ns: i64::MAX,
            }],
            last_shard: 9,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for records in [Records::default(), some()] {
            assert_eq!(decode(&encode(&records)), Ok(records));
        }
        let runs = Runs::from([(("d".to_owned(), "a\tb".to_owned()), -3)]);
        assert_eq!(decode_runs(&encode_runs(&runs)), Ok(runs));
    }

    #[test]
    fn the_text_is_the_one_that_is_documented() {
        let text = String::from_utf8(encode(&some())).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "stripchart query records 1");
        assert_eq!(lines[1], "user\ta\\tb\\\\\\n\tadmin\t$2b$10$x");
        assert_eq!(lines[3], "grant\tünï\td\tREAD");
        assert_eq!(
            lines[9..],
            [
                "subscription\td\tp\ts\tANY\tudp://h:1\thttp://x:2",
                "last_shard\t9",
                "shard\t7\td\tp\t-5\t9223372036854775807",
                "end",
            ]
        );
    }

    #[test]
    fn damage_is_an_error_with_its_line_or_other_records_and_never_a_panic() {
        let whole = encode(&some());
        for len in 0..whole.len() {
            assert!(decode(&whole[..len]).is_err(), "{len}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = decode(&bytes);
            let _ = decode_runs(&bytes);
        }
        let error = decode(b"stripchart query records 1\nuser\tx\tboss\ty\nend\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the query engine's records: line 2: expected \"admin\" or \"-\", found \"boss\""
        );
        let newer = decode(b"stripchart query records 2\nend\n").unwrap_err();
        assert!(newer.to_string().contains("expected stripchart query records 1"), "{newer}");
    }
}
