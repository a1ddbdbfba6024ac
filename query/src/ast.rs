//! The statements of InfluxQL as values.
//!
//! Every type displays as InfluxDB's canonical text: keywords in upper case, names quoted only where they must be,
//! durations in the largest unit that divides them. What the parser returns parses back equal from that text (save
//! for passwords, which are never printed).
//!
//! Two things differ from InfluxDB's text, both where it would not parse back to the same value: a float literal is
//! printed with at least three decimals, but with as many as it needs rather than rounded to three; and a negated name
//! on the right of `*`, `/`, `%` or `&` keeps its parentheses.
//!
//! | module | holds |
//! | --- | --- |
//! | here | [`Query`] and [`Statement`], the list of everything that can be said |
//! | `expr` | [`Expr`] and its parts: literals, variables, calls, operators |
//! | `select` | [`Select`] and its clauses |
//! | `show` | the `SHOW` statements' shared clauses |
//! | `quote` | names and strings as text |

mod expr;
mod quote;
mod select;
mod show;

use std::fmt::{self, Display as _};

use stripchart_core::DurationLiteral;

pub use expr::{BinaryExpr, BinaryOp, Call, DataType, Expr, Regex, VarRef, WildcardKind};
pub use quote::{Ident, quote_ident, quote_string};
pub(crate) use quote::{is_ident_char, keyword};
pub use select::{
    Dimension, Field, Fill, Measurement, MeasurementName, Select, SortField, Source, Target,
};
pub use show::{Cardinality, KeyCondition, ShowClauses};

/// The statements of one request, in order; InfluxDB refuses the whole request if one of them does not parse.
///
/// ```
/// let query = stripchart_query::parse_query("show databases; select mean(v) from \"cpu\" where time > now()-1h")?;
/// assert_eq!(query.statements.len(), 2);
/// assert_eq!(query.to_string(), "SHOW DATABASES;\nSELECT mean(v) FROM cpu WHERE time > now() - 1h");
/// # Ok::<(), stripchart_query::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// The statements.
    pub statements: Vec<Statement>,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, statement) in self.statements.iter().enumerate() {
            if index > 0 {
                f.write_str(";\n")?;
            }
            statement.fmt(f)?;
        }
        Ok(())
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Statement {
    /// `SELECT ...`.
    Select(Box<Select>),
    /// `EXPLAIN [ANALYZE] SELECT ...`.
    Explain {
        /// Whether to run the query and report what it cost.
        analyze: bool,
        /// The query.
        select: Box<Select>,
    },

    /// `SHOW DATABASES`.
    ShowDatabases,
    /// `SHOW MEASUREMENTS [ON db] [WITH MEASUREMENT ...] [WHERE ...] ...`.
    ShowMeasurements {
        /// What follows `WITH MEASUREMENT`: a name (after `=`) or a regex (after `=~`).
        measurement: Option<Measurement>,
        /// The other clauses; `FROM` is not one of them.
        clauses: ShowClauses,
    },
    /// `SHOW TAG KEYS [ON db] [FROM ...] [WITH KEY ...] [WHERE ...] ...`.
    ShowTagKeys {
        /// What follows `WITH KEY`.
        key: Option<KeyCondition>,
        /// The other clauses.
        clauses: ShowClauses,
    },
    /// `SHOW TAG VALUES [ON db] [FROM ...] WITH KEY ... [WHERE ...] ...`.
    ShowTagValues {
        /// What follows `WITH KEY`.
        key: KeyCondition,
        /// The other clauses.
        clauses: ShowClauses,
    },
    /// `SHOW FIELD KEYS [ON db] [FROM ...] ...`.
    ShowFieldKeys {
        /// The clauses.
        clauses: ShowClauses,
    },
    /// `SHOW SERIES [ON db] [FROM ...] [WHERE ...] ...`.
    ShowSeries {
        /// The clauses.
        clauses: ShowClauses,
    },
    /// `SHOW SERIES [EXACT] CARDINALITY ...` and its four kin.
    ShowCardinality {
        /// What is counted.
        of: Cardinality,
        /// Whether `EXACT` was said: count rather than estimate.
        exact: bool,
        /// The clauses.
        clauses: ShowClauses,
    },
    /// `SHOW RETENTION POLICIES [ON db]`.
    ShowRetentionPolicies {
        /// The database; without it, the request's own.
        database: Option<String>,
    },
    /// `SHOW QUERIES`.
    ShowQueries,
    /// `SHOW USERS`.
    ShowUsers,
    /// `SHOW GRANTS FOR user`.
    ShowGrants {
        /// The user.
        user: String,
    },
    /// `SHOW CONTINUOUS QUERIES`.
    ShowContinuousQueries,
    /// `SHOW SHARDS`.
    ShowShards,
    /// `SHOW SHARD GROUPS`.
    ShowShardGroups,
    /// `SHOW STATS [FOR 'module']`.
    ShowStats {
        /// The module.
        module: Option<String>,
    },
    /// `SHOW DIAGNOSTICS [FOR 'module']`.
    ShowDiagnostics {
        /// The module.
        module: Option<String>,
    },
    /// `SHOW SUBSCRIPTIONS`.
    ShowSubscriptions,

    /// `CREATE DATABASE name [WITH ...]`.
    CreateDatabase {
        /// The database.
        name: String,
        /// What follows `WITH`: how its first retention policy is made.
        policy: Option<DatabasePolicy>,
    },
    /// `DROP DATABASE name`.
    DropDatabase {
        /// The database.
        name: String,
    },
    /// `CREATE RETENTION POLICY ...`.
    CreateRetentionPolicy(CreateRetentionPolicy),
    /// `ALTER RETENTION POLICY ...`.
    AlterRetentionPolicy(AlterRetentionPolicy),
    /// `DROP RETENTION POLICY name ON db`.
    DropRetentionPolicy {
        /// The policy.
        name: String,
        /// Its database.
        database: String,
    },

    /// `DELETE [FROM ...] [WHERE ...]`; at least one of the two.
    Delete {
        /// Measurements, without database or policy.
        from: Vec<Source>,
        /// The condition.
        condition: Option<Expr>,
    },
    /// `DROP SERIES [FROM ...] [WHERE ...]`; at least one of the two.
    DropSeries {
        /// Measurements, without database or policy.
        from: Vec<Source>,
        /// The condition.
        condition: Option<Expr>,
    },
    /// `DROP MEASUREMENT name`.
    DropMeasurement {
        /// The measurement.
        name: String,
    },
    /// `DROP SHARD id`.
    DropShard {
        /// The shard's number.
        id: u64,
    },

    /// `CREATE USER name WITH PASSWORD 'password' [WITH ALL PRIVILEGES]`.
    CreateUser {
        /// The user.
        name: String,
        /// The password, never displayed.
        password: String,
        /// Whether the user may do everything.
        admin: bool,
    },
    /// `DROP USER name`.
    DropUser {
        /// The user.
        name: String,
    },
    /// `SET PASSWORD FOR user = 'password'`.
    SetPassword {
        /// The user.
        user: String,
        /// The password, never displayed.
        password: String,
    },
    /// `GRANT privilege ON db TO user`.
    Grant {
        /// What the user may do.
        privilege: Privilege,
        /// With which database.
        database: String,
        /// The user.
        user: String,
    },
    /// `GRANT ALL [PRIVILEGES] TO user`: makes the user an administrator.
    GrantAdmin {
        /// The user.
        user: String,
    },
    /// `REVOKE privilege ON db FROM user`.
    Revoke {
        /// What the user may no longer do.
        privilege: Privilege,
        /// With which database.
        database: String,
        /// The user.
        user: String,
    },
    /// `REVOKE ALL [PRIVILEGES] FROM user`.
    RevokeAdmin {
        /// The user.
        user: String,
    },

    /// `CREATE CONTINUOUS QUERY ...`.
    CreateContinuousQuery(CreateContinuousQuery),
    /// `DROP CONTINUOUS QUERY name ON db`.
    DropContinuousQuery {
        /// The continuous query.
        name: String,
        /// Its database.
        database: String,
    },
    /// `CREATE SUBSCRIPTION name ON db.policy DESTINATIONS ANY|ALL 'url', ...`.
    CreateSubscription {
        /// The subscription.
        name: String,
        /// The database whose writes are forwarded.
        database: String,
        /// The retention policy whose writes are forwarded.
        policy: String,
        /// To one destination after the other, or to all.
        mode: SubscriptionMode,
        /// The destinations' URLs.
        destinations: Vec<String>,
    },
    /// `DROP SUBSCRIPTION name ON db.policy`.
    DropSubscription {
        /// The subscription.
        name: String,
        /// Its database.
        database: String,
        /// Its retention policy.
        policy: String,
    },
    /// `KILL QUERY id [ON host]`.
    KillQuery {
        /// The number that `SHOW QUERIES` gave.
        id: u64,
        /// The host, which a single machine ignores.
        host: Option<String>,
    },
}

impl Statement {
    /// Whether the statement changes data or settings, so that InfluxDB wants it sent by POST.
    ///
    /// A `SELECT ... INTO` does; so does `KILL QUERY`.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Statement::Select(select) | Statement::Explain { select, analyze: true } => {
                select.target.is_some()
            }
            Statement::Explain { analyze: false, .. }
            | Statement::ShowDatabases
            | Statement::ShowMeasurements { .. }
            | Statement::ShowTagKeys { .. }
            | Statement::ShowTagValues { .. }
            | Statement::ShowFieldKeys { .. }
            | Statement::ShowSeries { .. }
            | Statement::ShowCardinality { .. }
            | Statement::ShowRetentionPolicies { .. }
            | Statement::ShowQueries
            | Statement::ShowUsers
            | Statement::ShowGrants { .. }
            | Statement::ShowContinuousQueries
            | Statement::ShowShards
            | Statement::ShowShardGroups
            | Statement::ShowStats { .. }
            | Statement::ShowDiagnostics { .. }
            | Statement::ShowSubscriptions => false,
            _ => true,
        }
    }
}

/// What `CREATE DATABASE ... WITH` says about the first retention policy; what is absent is chosen by the database.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DatabasePolicy {
    /// How long data is kept; zero means for ever.
    pub duration: Option<DurationLiteral>,
    /// Copies in a cluster, kept for show.
    pub replication: Option<u32>,
    /// The span of one shard.
    pub shard_duration: Option<DurationLiteral>,
    /// The policy's name.
    pub name: Option<String>,
}

/// `CREATE RETENTION POLICY name ON db DURATION d REPLICATION n [SHARD DURATION s] [DEFAULT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateRetentionPolicy {
    /// The policy.
    pub name: String,
    /// Its database.
    pub database: String,
    /// How long data is kept; zero means for ever.
    pub duration: DurationLiteral,
    /// Copies in a cluster, kept for show.
    pub replication: u32,
    /// The span of one shard.
    pub shard_duration: Option<DurationLiteral>,
    /// Whether it becomes the database's default.
    pub default: bool,
}

/// `ALTER RETENTION POLICY name ON db ...`: at least one of the options.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterRetentionPolicy {
    /// The policy.
    pub name: String,
    /// Its database.
    pub database: String,
    /// How long data is kept; zero means for ever.
    pub duration: Option<DurationLiteral>,
    /// Copies in a cluster, kept for show.
    pub replication: Option<u32>,
    /// The span of one shard.
    pub shard_duration: Option<DurationLiteral>,
    /// Whether it becomes the database's default.
    pub default: bool,
}

/// `CREATE CONTINUOUS QUERY name ON db [RESAMPLE ...] BEGIN SELECT ... INTO ... END`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateContinuousQuery {
    /// The continuous query.
    pub name: String,
    /// Its database.
    pub database: String,
    /// How often it runs (`RESAMPLE EVERY`).
    pub every: Option<DurationLiteral>,
    /// How far back it recomputes (`RESAMPLE FOR`).
    pub resample_for: Option<DurationLiteral>,
    /// What it runs; it has a target, and a time interval unless it selects raw fields.
    pub select: Box<Select>,
}

/// A right to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// To read.
    Read,
    /// To write.
    Write,
    /// Both.
    All,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Privilege::Read => "READ",
            Privilege::Write => "WRITE",
            Privilege::All => "ALL PRIVILEGES",
        })
    }
}

/// How a subscription spreads its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionMode {
    /// To all destinations.
    All,
    /// To one destination after the other.
    Any,
}

impl fmt::Display for SubscriptionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SubscriptionMode::All => "ALL",
            SubscriptionMode::Any => "ANY",
        })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statement::Select(select) => select.fmt(f),
            Statement::Explain { analyze, select } => {
                write!(f, "EXPLAIN {}{select}", if *analyze { "ANALYZE " } else { "" })
            }
            Statement::Delete { from, condition } => {
                select::fmt_from_where(f, "DELETE", from, condition.as_ref())
            }
            Statement::DropSeries { from, condition } => {
                select::fmt_from_where(f, "DROP SERIES", from, condition.as_ref())
            }
            Statement::DropMeasurement { name } => write!(f, "DROP MEASUREMENT {}", Ident(name)),
            Statement::DropShard { id } => write!(f, "DROP SHARD {id}"),
            Statement::KillQuery { id, host: None } => write!(f, "KILL QUERY {id}"),
            Statement::KillQuery { id, host: Some(host) } => {
                write!(f, "KILL QUERY {id} ON {}", Ident(host))
            }
            _ => self.fmt_show(f).unwrap_or_else(|| self.fmt_management(f)),
        }
    }
}

impl Statement {
    /// The databases', policies', users' and standing queries' statements.
    fn fmt_management(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statement::CreateDatabase { name, policy } => {
                write!(f, "CREATE DATABASE {}", Ident(name))?;
                policy.as_ref().map_or(Ok(()), |policy| policy.fmt(f))
            }
            Statement::DropDatabase { name } => write!(f, "DROP DATABASE {}", Ident(name)),
            Statement::CreateRetentionPolicy(create) => create.fmt(f),
            Statement::AlterRetentionPolicy(alter) => alter.fmt(f),
            Statement::DropRetentionPolicy { name, database } => {
                write!(f, "DROP RETENTION POLICY {} ON {}", Ident(name), Ident(database))
            }
            Statement::CreateUser { name, admin, .. } => {
                write!(f, "CREATE USER {} WITH PASSWORD [REDACTED]", Ident(name))?;
                f.write_str(if *admin { " WITH ALL PRIVILEGES" } else { "" })
            }
            Statement::DropUser { name } => write!(f, "DROP USER {}", Ident(name)),
            Statement::SetPassword { user, .. } => {
                write!(f, "SET PASSWORD FOR {} = [REDACTED]", Ident(user))
            }
            Statement::Grant { privilege, database, user } => {
                write!(f, "GRANT {privilege} ON {} TO {}", Ident(database), Ident(user))
            }
            Statement::GrantAdmin { user } => write!(f, "GRANT ALL PRIVILEGES TO {}", Ident(user)),
            Statement::Revoke { privilege, database, user } => {
                write!(f, "REVOKE {privilege} ON {} FROM {}", Ident(database), Ident(user))
            }
            Statement::RevokeAdmin { user } => {
                write!(f, "REVOKE ALL PRIVILEGES FROM {}", Ident(user))
            }
            Statement::CreateContinuousQuery(create) => create.fmt(f),
            Statement::DropContinuousQuery { name, database } => {
                write!(f, "DROP CONTINUOUS QUERY {} ON {}", Ident(name), Ident(database))
            }
            Statement::CreateSubscription { name, database, policy, mode, destinations } => {
                let (name, database, policy) = (Ident(name), Ident(database), Ident(policy));
                write!(f, "CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS {mode}")?;
                for (index, url) in destinations.iter().enumerate() {
                    write!(f, "{} {}", if index > 0 { "," } else { "" }, quote_string(url))?;
                }
                Ok(())
            }
            Statement::DropSubscription { name, database, policy } => {
                let (name, database, policy) = (Ident(name), Ident(database), Ident(policy));
                write!(f, "DROP SUBSCRIPTION {name} ON {database}.{policy}")
            }
            _ => Ok(()), // the others are printed by their own kind
        }
    }
}

impl fmt::Display for DatabasePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" WITH")?;
        if let Some(duration) = self.duration {
            write!(f, " DURATION {}", go_duration(duration))?;
        }
        if let Some(replication) = self.replication {
            write!(f, " REPLICATION {replication}")?;
        }
        if let Some(duration) = self.shard_duration {
            write!(f, " SHARD DURATION {}", go_duration(duration))?;
        }
        if let Some(name) = &self.name {
            write!(f, " NAME {}", Ident(name))?;
        }
        Ok(())
    }
}

/// As Go prints durations, which InfluxDB does here and nowhere else; our own way where that would not parse back.
fn go_duration(duration: DurationLiteral) -> String {
    match duration.nanos() % 1_000_000_000 {
        0 => crate::show::go_duration(duration.nanos()),
        _ => duration.to_string(),
    }
}

impl fmt::Display for CreateRetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, database) = (Ident(&self.name), Ident(&self.database));
        write!(f, "CREATE RETENTION POLICY {name} ON {database} DURATION {}", self.duration)?;
        write!(f, " REPLICATION {}", self.replication)?;
        if let Some(duration) = self.shard_duration {
            write!(f, " SHARD DURATION {duration}")?;
        }
        f.write_str(if self.default { " DEFAULT" } else { "" })
    }
}

impl fmt::Display for AlterRetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER RETENTION POLICY {} ON {}", Ident(&self.name), Ident(&self.database))?;
        if let Some(duration) = self.duration {
            write!(f, " DURATION {duration}")?;
        }
        if let Some(replication) = self.replication {
            write!(f, " REPLICATION {replication}")?;
        }
        if let Some(duration) = self.shard_duration {
            write!(f, " SHARD DURATION {duration}")?;
        }
        f.write_str(if self.default { " DEFAULT" } else { "" })
    }
}

impl fmt::Display for CreateContinuousQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE CONTINUOUS QUERY {} ON {}", Ident(&self.name), Ident(&self.database))?;
        if self.every.is_some() || self.resample_for.is_some() {
            f.write_str(" RESAMPLE")?;
        }
        if let Some(every) = self.every {
            write!(f, " EVERY {every}")?;
        }
        if let Some(duration) = self.resample_for {
            write!(f, " FOR {duration}")?;
        }
        write!(f, " BEGIN {} END", self.select)
    }
}
