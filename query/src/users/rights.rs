//! Which rights a statement takes.
//!
//! InfluxDB's table, save where that lets somebody read or write what he may not: exact cardinalities without `FROM` take no right there, sources of
//! another database in `SHOW` neither, and a continuous query may write to its own database for whoever reads it.

use crate::ast::{CreateContinuousQuery, Privilege, Select, ShowClauses, Source, Statement};

/// A right that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    Admin,
    /// On a database; `None` is the request's own.
    On(Privilege, Option<String>),
}

fn read(database: Option<&String>) -> Need {
    Need::On(Privilege::Read, database.cloned())
}

fn write(database: Option<&String>) -> Need {
    Need::On(Privilege::Write, database.cloned())
}

/// The rights that `statement` takes, in the order in which they are checked.
pub(super) fn needs(statement: &Statement) -> Vec<Need> {
    match statement {
        Statement::Select(select) | Statement::Explain { select, .. } => of_select(select),
        // Everybody may ask; the answer lists what the user may see.
        Statement::ShowDatabases => Vec::new(),
        Statement::ShowMeasurements { clauses, .. }
        | Statement::ShowTagKeys { clauses, .. }
        | Statement::ShowTagValues { clauses, .. }
        | Statement::ShowFieldKeys { clauses }
        | Statement::ShowSeries { clauses }
        | Statement::ShowCardinality { clauses, .. } => of_show(clauses),
        Statement::ShowRetentionPolicies { database } => vec![read(database.as_ref())],
        Statement::ShowQueries | Statement::ShowContinuousQueries => vec![read(None)],
        Statement::Delete { .. } | Statement::DropSeries { .. } => vec![write(None)],
        Statement::DropRetentionPolicy { database, .. }
        | Statement::DropContinuousQuery { database, .. } => vec![write(Some(database))],
        Statement::CreateContinuousQuery(create) => of_continuous(create),
        // All others, and those to come.
        _ => vec![Need::Admin],
    }
}

/// Names without a database belong to the one after `ON`.
fn of_show(clauses: &ShowClauses) -> Vec<Need> {
    let mut needs = vec![read(clauses.database.as_ref())];
    of_sources(&clauses.from, &mut needs);
    needs.retain(|need| *need != read(None) || clauses.database.is_none());
    needs.dedup();
    needs
}

fn of_select(select: &Select) -> Vec<Need> {
    let mut needs = Vec::new();
    of_sources(&select.from, &mut needs);
    if let Some(target) = &select.target {
        needs.push(write(target.database.as_ref()));
    }
    needs
}

fn of_sources(sources: &[Source], needs: &mut Vec<Need>) {
    for source in sources {
        match source {
            Source::Measurement(measurement) => needs.push(read(measurement.database.as_ref())),
            Source::Subquery(select) => of_sources(&select.from, needs),
        }
    }
}

/// Its names without a database belong to the continuous query's own.
fn of_continuous(create: &CreateContinuousQuery) -> Vec<Need> {
    let own = Some(&create.database);
    let mut needs = vec![read(own)];
    needs.extend(of_select(&create.select).into_iter().map(|need| match need {
        Need::On(privilege, None) => Need::On(privilege, own.cloned()),
        need => need,
    }));
    needs.dedup();
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let needs = needs(&crate::parse_statement(text).expect(text));
        let one = |need: Need| match need {
            Need::Admin => "admin".to_owned(),
            Need::On(privilege, database) => {
                format!("{privilege} {}", database.as_deref().unwrap_or("-"))
            }
        };
        needs.into_iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_statement_takes_its_rights() {
        for (text, want) in [
            ("SELECT v FROM m", "READ -"),
            (
                "SELECT v FROM m, e..m, (SELECT v FROM (SELECT v FROM f..m))",
                "READ -, READ e, READ f",
            ),
            ("SELECT v INTO e..m FROM m", "READ -, WRITE e"),
            ("SELECT v INTO x FROM e../m/", "READ e, WRITE -"),
            ("EXPLAIN ANALYZE SELECT v FROM e..m", "READ e"),
            ("SHOW DATABASES", ""),
            ("SHOW MEASUREMENTS", "READ -"),
            ("SHOW SERIES ON e FROM m", "READ e"),
            ("SHOW SERIES FROM m, e..m", "READ -, READ e"),
            ("SHOW TAG VALUES ON e WITH KEY = k", "READ e"),
            ("SHOW SERIES EXACT CARDINALITY ON e", "READ e"),
            ("SHOW RETENTION POLICIES ON e", "READ e"),
            ("SHOW QUERIES", "READ -"),
            ("SHOW CONTINUOUS QUERIES", "READ -"),
            ("SHOW USERS", "admin"),
            ("SHOW GRANTS FOR u", "admin"),
            ("SHOW STATS", "admin"),
            ("SHOW SHARDS", "admin"),
            ("DELETE FROM m", "WRITE -"),
            ("DROP SERIES FROM m", "WRITE -"),
            ("DROP MEASUREMENT m", "admin"),
            ("DROP RETENTION POLICY p ON e", "WRITE e"),
            ("DROP CONTINUOUS QUERY c ON e", "WRITE e"),
            ("DROP DATABASE e", "admin"),
            ("SET PASSWORD FOR u = 'x'", "admin"),
            ("KILL QUERY 1", "admin"),
            (
                "CREATE CONTINUOUS QUERY c ON e BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(1m) END",
                "READ e, WRITE e",
            ),
            (
                "CREATE CONTINUOUS QUERY c ON e BEGIN SELECT mean(v) INTO g..x FROM f..m GROUP BY time(1m) END",
                "READ e, READ f, WRITE g",
            ),
        ] {
            assert_eq!(of(text), want, "{text}");
        }
    }
}
