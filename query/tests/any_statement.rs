//! Statements put together at random are answered or refused, never a panic, and their answers can be written.

use proptest::prelude::*;
use stripchart_core::{Batch, Precision, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, FormatOptions, write_csv, write_json};
use stripchart_storage::{Db, SyncPolicy, line_protocol};

const DATA: &str = r#"m,h=a v=1,i=1i,s="x",b=true 10
m,h=b v=-2.5,i=-9223372036854775808i,s="y" 10
m,h=a v=1e300,i=9223372036854775807i,b=false 20
m,h=b,r=z s="é<&" 30
m v=0,i=0i 9223372036
n,h=a v=3i -9223372036
n x=1 0
"#;

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(texts).prop_map(str::to_owned)
}

fn expr() -> impl Strategy<Value = String> {
    let leaf = one_of(&[
        "v",
        "i",
        "s",
        "b",
        "h",
        "r",
        "x",
        "nosuch",
        "*",
        "/v|i/",
        "1",
        "0",
        "2.5",
        "-3",
        "'t'",
        "true",
        "v::integer",
        "i::float",
        "h::tag",
        "s::field",
        "9223372036854775807",
        "time",
        "10s",
    ]);
    leaf.prop_recursive(3, 8, 2, |inner| {
        let call = one_of(&[
            "count",
            "sum",
            "mean",
            "min",
            "max",
            "first",
            "last",
            "spread",
            "median",
            "mode",
            "stddev",
            "distinct",
            "integral",
            "derivative",
            "non_negative_derivative",
            "difference",
            "non_negative_difference",
            "elapsed",
            "cumulative_sum",
            "abs",
            "round",
            "sqrt",
            "ln",
        ]);
        let pair =
            one_of(&["percentile", "top", "bottom", "sample", "moving_average", "pow", "log"]);
        let operator = one_of(&["+", "-", "*", "/", "%", "&", "|", "^"]);
        prop_oneof![
            (call, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (pair, inner.clone(), one_of(&["1", "2", "50", "h, 2", "0", "1s", "x"]))
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        one_of(&[
            "time > 5s",
            "time < 25s",
            "time >= 0",
            "time <= now()",
            "time = 10s",
            "time > 100s - 3m",
            "time < '1970-01-01T00:00:15Z'",
            "time > 9223372036854775807",
            "time < -1w",
            "time >= -9223372036854775808",
        ]),
        one_of(&[
            "h = 'a'",
            "h != ''",
            "h =~ /a|b/",
            "r !~ /z/",
            "v > 0",
            "i / 2 < 3",
            "s = 'x'",
            "b = true",
            "h = r",
            "h != s",
            "nosuch = 1",
            "v =~ /x/",
            "abs(v) > 1",
            "true",
            "s =~ /<|x/",
        ]),
    ];
    atom.prop_recursive(2, 4, 2, |inner| {
        (inner.clone(), one_of(&["AND", "OR"]), inner)
            .prop_map(|(a, o, b)| format!("({a}) {o} {b}"))
    })
}

fn select() -> impl Strategy<Value = String> {
    let clauses = (
        proptest::option::of(condition()),
        proptest::option::of(one_of(&[
            "h",
            "*",
            "/r/",
            "time(10s)",
            "time(7s, 3s), h",
            "time(10000d)",
            "time(20s, now())",
            "nosuch",
            "time(1ns)",
        ])),
        one_of(&["", " fill(none)", " fill(previous)", " fill(linear)", " fill(3)", " fill(1.5)"]),
        one_of(&["", " ORDER BY time DESC"]),
        one_of(&["", " LIMIT 1", " LIMIT 2 OFFSET 1", " OFFSET 1", " SLIMIT 1", " SOFFSET 1"]),
    );
    let sources = one_of(&["m", "n", "m, n", "/./", "nosuch", "db.autogen.m", "SUBQUERY"]);
    let fields = proptest::collection::vec(expr(), 1..3);
    let plain: BoxedStrategy<String> = (fields, sources, clauses)
        .prop_map(|(fields, source, clauses)| {
            let (condition, group_by, fill, order, limit) = clauses;
            let mut text = format!("SELECT {} FROM {source}", fields.join(", "));
            if let Some(condition) = condition {
                text += &format!(" WHERE {condition}");
            }
            if let Some(group_by) = group_by {
                text += &format!(" GROUP BY {group_by}");
            }
            text + &fill + &order + &limit
        })
        .boxed();
    let inner = plain.clone().prop_map(|text| text.replace("SUBQUERY", "m"));
    (plain, inner).prop_map(|(outer, inner)| outer.replace("SUBQUERY", &format!("({inner})")))
}

fn engine() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::builder().sync(SyncPolicy::Never).open(folder.path()).expect("a database");
    db.create_database("db", None).expect("a database");
    let mut batch = Batch::new();
    let report = line_protocol::parse_lines(
        DATA.as_bytes(),
        Precision::Seconds,
        Timestamp::EPOCH,
        &mut batch,
    );
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    db.writer("db", None).expect("a writer").write(&batch).expect("writable");
    (folder, Engine::new(db))
}

#[test]
fn any_select_is_answered_or_refused() {
    let (_folder, engine) = engine();
    let config =
        ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let mut options = ExecuteOptions::new(Timestamp::from_secs(1000)).database("db");
    options.limits.max_memory_bytes = Some(1 << 20);
    let answered = std::cell::Cell::new(0);
    runner
        .run(&select(), |text| {
            if let Ok(results) = engine.query(&text, &options) {
                let format = FormatOptions::default();
                write_json(&results, &format, &mut Vec::new());
                write_csv(&results, &format, &mut String::new());
                answered.set(answered.get() + i32::from(results[0].error.is_none()));
            }
            Ok(())
        })
        .expect("no panic");
    assert!(answered.get() > 100, "only {} statements made sense", answered.get());
}
