//! Every kind of statement, put together at random, is parsed back from its text.

use super::*;
use crate::ast::{
    AlterRetentionPolicy, Cardinality, CreateContinuousQuery, CreateRetentionPolicy,
    DatabasePolicy, KeyCondition, Privilege, ShowClauses, SubscriptionMode,
};

fn maybe<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::of(strategy)
}

fn duration() -> impl Strategy<Value = DurationLiteral> {
    (1..i64::MAX).prop_map(DurationLiteral::from_nanos)
}

fn sources() -> impl Strategy<Value = Vec<Source>> {
    prop::collection::vec(measurement().prop_map(Source::Measurement), 0..3)
}

/// Neither database nor policy.
fn bare_sources() -> impl Strategy<Value = Vec<Source>> {
    let bare = measurement().prop_map(|of| {
        Source::Measurement(Measurement { database: None, policy: None, name: of.name })
    });
    prop::collection::vec(bare, 1..3)
}

fn order() -> impl Strategy<Value = Vec<SortField>> {
    let field =
        any::<bool>().prop_map(|ascending| SortField { name: Some("time".to_owned()), ascending });
    prop::collection::vec(field, 0..2)
}

/// All clauses; each statement takes those that it admits.
fn clauses() -> impl Strategy<Value = ShowClauses> {
    let dimension = prop_oneof![
        name().prop_map(|name| Expr::Variable(VarRef { name, cast: None })),
        regex().prop_map(Expr::Regex),
        Just(Expr::Wildcard(None)),
    ];
    let group_by = prop::collection::vec(dimension.prop_map(|expr| Dimension { expr }), 0..3);
    let limits = (maybe(1..u64::MAX), 0..u64::MAX, maybe(1..9u64), 0..9u64);
    (maybe(name()), sources(), maybe(condition().boxed()), group_by, order(), limits).prop_map(
        |(database, from, condition, group_by, order_by, (limit, offset, slimit, soffset))| {
            ShowClauses {
                database,
                from,
                condition,
                group_by,
                order_by,
                limit,
                offset,
                slimit,
                soffset,
            }
        },
    )
}

fn key() -> impl Strategy<Value = KeyCondition> {
    prop_oneof![
        name().prop_map(KeyCondition::Equal),
        name().prop_map(KeyCondition::NotEqual),
        regex().prop_map(KeyCondition::Matches),
        regex().prop_map(KeyCondition::NotMatches),
        prop::collection::vec(name(), 1..3).prop_map(KeyCondition::In),
    ]
}

fn show() -> impl Strategy<Value = Statement> {
    let rows = |c: ShowClauses| ShowClauses { group_by: vec![], slimit: None, soffset: 0, ..c };
    let counted = |c: ShowClauses| ShowClauses { order_by: vec![], slimit: None, soffset: 0, ..c };
    let counts = prop_oneof![
        Just(Cardinality::Series),
        Just(Cardinality::Measurement),
        Just(Cardinality::TagKey),
        Just(Cardinality::FieldKey),
        key().prop_map(Cardinality::TagValues),
    ];
    let with = maybe(prop_oneof![
        name().prop_map(MeasurementName::Name),
        regex().prop_map(MeasurementName::Regex)
    ]);
    prop_oneof![
        (with, clauses().boxed()).prop_map(move |(with, clauses)| Statement::ShowMeasurements {
            measurement: with.map(|name| Measurement { database: None, policy: None, name }),
            clauses: ShowClauses { from: vec![], ..rows(clauses) },
        }),
        (maybe(key()), clauses().boxed()).prop_map(|(key, clauses)| Statement::ShowTagKeys {
            key,
            clauses: ShowClauses { group_by: vec![], ..clauses },
        }),
        (key(), clauses().boxed())
            .prop_map(move |(key, c)| Statement::ShowTagValues { key, clauses: rows(c) }),
        clauses().boxed().prop_map(move |clauses| Statement::ShowFieldKeys {
            clauses: ShowClauses { condition: None, ..rows(clauses) },
        }),
        clauses().boxed().prop_map(move |clauses| Statement::ShowSeries { clauses: rows(clauses) }),
        (counts, any::<bool>(), clauses().boxed()).prop_map(move |(of, exact, clauses)| {
            Statement::ShowCardinality { of, exact, clauses: counted(clauses) }
        }),
        maybe(name()).prop_map(|database| Statement::ShowRetentionPolicies { database }),
        name().prop_map(|user| Statement::ShowGrants { user }),
        maybe("[ -~\n]{0,8}").prop_map(|module| Statement::ShowStats { module }),
        maybe("[ -~\n]{0,8}").prop_map(|module| Statement::ShowDiagnostics { module }),
        prop::sample::select(vec![
            Statement::ShowDatabases,
            Statement::ShowQueries,
            Statement::ShowUsers,
            Statement::ShowContinuousQueries,
            Statement::ShowShards,
            Statement::ShowShardGroups,
            Statement::ShowSubscriptions,
        ]),
    ]
}

fn policies() -> impl Strategy<Value = Statement> {
    let replicas = || 1..i32::MAX.unsigned_abs();
    let options = || (maybe(duration()), maybe(replicas()), maybe(duration()));
    let create_database =
        (name(), maybe((options(), maybe(name())))).prop_map(|(name, with)| {
            let policy = with.map(|((duration, replication, shard_duration), name)| {
                DatabasePolicy { duration, replication, shard_duration, name }
            });
            let policy = policy.filter(|policy| *policy != DatabasePolicy::default());
            Statement::CreateDatabase { name, policy }
        });
    let create = (name(), name(), duration(), replicas(), maybe(duration()), any::<bool>())
        .prop_map(|(name, database, duration, replication, shard_duration, default)| {
            Statement::CreateRetentionPolicy(CreateRetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration,
                default,
            })
        });
    let alter = (name(), name(), options(), any::<bool>()).prop_map(
        |(name, database, (duration, replication, shard_duration), default)| {
            let says_something =
                duration.is_some() || replication.is_some() || shard_duration.is_some();
            Statement::AlterRetentionPolicy(AlterRetentionPolicy {
                name,
                database,
                duration,
                replication,
                shard_duration,
                default: default || !says_something,
            })
        },
    );
    prop_oneof![
        create_database,
        create,
        alter,
        name().prop_map(|name| Statement::DropDatabase { name }),
        (name(), name())
            .prop_map(|(name, database)| Statement::DropRetentionPolicy { name, database }),
    ]
}

fn users() -> impl Strategy<Value = Statement> {
    let privilege = prop::sample::select(vec![Privilege::Read, Privilege::Write, Privilege::All]);
    prop_oneof![
        name().prop_map(|name| Statement::DropUser { name }),
        (privilege.clone(), name(), name()).prop_map(|(privilege, database, user)| {
            Statement::Grant { privilege, database, user }
        }),
        (privilege, name(), name()).prop_map(|(privilege, database, user)| {
            Statement::Revoke { privilege, database, user }
        }),
        name().prop_map(|user| Statement::GrantAdmin { user }),
        name().prop_map(|user| Statement::RevokeAdmin { user }),
    ]
}

/// A continuous query needs a target, and an interval where it calls a function.
fn standing() -> impl Strategy<Value = Statement> {
    let interval = || 1_000..1_000_000_000_000i64;
    let resample = (maybe(interval()), maybe(interval()));
    let continuous = (name(), name(), resample, interval(), select().boxed(), name());
    let continuous = continuous.prop_map(|(name, database, (every, reach), ns, select, target)| {
        let every = every.map(DurationLiteral::from_nanos);
        let interval = DurationLiteral::from_nanos(ns);
        let least = every.unwrap_or_default().max(interval).nanos();
        let mut group_by = select.group_by;
        group_by.retain(|dimension| dimension.as_time().is_none());
        let args = vec![Expr::Duration(interval)];
        let time = Expr::Call(Call { name: "time".to_owned(), args });
        group_by.insert(0, Dimension { expr: time });
        let target = Some(Target { database: None, policy: None, measurement: Some(target) });
        Statement::CreateContinuousQuery(CreateContinuousQuery {
            name,
            database,
            every,
            resample_for: reach.map(|reach| DurationLiteral::from_nanos(reach + least)),
            select: Box::new(Select { target, group_by, ..select }),
        })
    });
    let mode = prop::sample::select(vec![SubscriptionMode::All, SubscriptionMode::Any]);
    let urls = prop::collection::vec("[ -~]{0,8}", 1..3);
    let subscription = (name(), name(), name(), mode, urls);
    prop_oneof![
        continuous,
        (name(), name())
            .prop_map(|(name, database)| Statement::DropContinuousQuery { name, database }),
        subscription.prop_map(|(name, database, policy, mode, destinations)| {
            Statement::CreateSubscription { name, database, policy, mode, destinations }
        }),
        (name(), name(), name()).prop_map(|(name, database, policy)| {
            Statement::DropSubscription { name, database, policy }
        }),
    ]
}

fn others() -> impl Strategy<Value = Statement> {
    let explained = (any::<bool>(), select().boxed(), select().boxed());
    prop_oneof![
        (bare_sources(), maybe(condition().boxed()))
            .prop_map(|(from, condition)| Statement::Delete { from, condition }),
        condition()
            .boxed()
            .prop_map(|condition| Statement::Delete { from: vec![], condition: Some(condition) }),
        (bare_sources(), maybe(condition().boxed()))
            .prop_map(|(from, condition)| Statement::DropSeries { from, condition }),
        name().prop_map(|name| Statement::DropMeasurement { name }),
        any::<u64>().prop_map(|id| Statement::DropShard { id }),
        (any::<u64>(), maybe(name())).prop_map(|(id, host)| Statement::KillQuery { id, host }),
        // With a subquery.
        explained.prop_map(|(analyze, outer, inner)| {
            let inner = Select { target: None, ..inner };
            let from = vec![Source::Subquery(Box::new(inner))];
            Statement::Explain { analyze, select: Box::new(Select { from, ..outer }) }
        }),
    ]
}

proptest! {
    #[test]
    fn every_statement_parses_back_equal(
        statement in prop_oneof![
            show().boxed(),
            policies().boxed(),
            users().boxed(),
            standing().boxed(),
            others().boxed(),
        ],
    ) {
        let text = statement.to_string();
        prop_assert_eq!(parse_statement(&text), Ok(statement), "{}", text);
    }

    #[test]
    fn passwords_are_read_and_never_printed(
        name in name(),
        password in "[ -~é\n]{0,12}[%&~]",
        admin in any::<bool>(),
    ) {
        let (user, literal) = (crate::ast::Ident(&name), crate::ast::quote_string(&password));
        let all = if admin { " WITH ALL PRIVILEGES" } else { "" };
        let text = format!("CREATE USER {user} WITH PASSWORD {literal}{all}");
        let create = parse_statement(&text);
        let printed = create.as_ref().map(ToString::to_string).unwrap_or_default();
        prop_assert_eq!(printed, format!("CREATE USER {user} WITH PASSWORD [REDACTED]{all}"));
        prop_assert_eq!(create, Ok(Statement::CreateUser { name: name.clone(), password: password.clone(), admin }));
        let set = parse_statement(&format!("SET PASSWORD FOR {user} = {literal}"));
        let printed = set.as_ref().map(ToString::to_string).unwrap_or_default();
        prop_assert_eq!(printed, format!("SET PASSWORD FOR {user} = [REDACTED]"));
        prop_assert_eq!(set, Ok(Statement::SetPassword { user: name, password }));
    }
}
