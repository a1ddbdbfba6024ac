//! The parser with its shortcuts, and the grammar alone: whatever comes, they must read the same and refuse the same in the
//! same words.

use proptest::prelude::*;
use proptest::sample::Index;
use stripchart_core::{Batch, Precision, Timestamp};

use super::tests::{nearly_lines, points_of};
use super::{LineParser, ParseReport};

const NOW: Timestamp = Timestamp::from_nanos(1_234_567_890_987_654_321);

/// Parses the bodies in turn with one parser and one batch, each anew by the grammar, and compares.
fn compare(bodies: &[Vec<u8>], memo_bytes: usize, precision: Precision) -> Vec<ParseReport> {
    let (mut parser, mut batch) = (LineParser::with_memo_bytes(memo_bytes), Batch::new());
    let mut reports = Vec::new();
    for (round, body) in bodies.iter().enumerate() {
        let mut want = Batch::new();
        let want_report = LineParser::grammar_alone().parse(body, precision, NOW, &mut want);
        let report = parser.parse(body, precision, NOW, &mut batch);
        assert_eq!(report, want_report, "round {round}");
        assert_eq!(points_of(&batch), points_of(&want), "round {round}");
        assert_eq!(batch.row_count(), want.row_count());
        assert!(parser.memo_bytes() <= memo_bytes);
        if round % 5 == 4 {
            batch.reset()
        } else {
            batch.clear()
        }
        reports.push(report);
    }
    reports
}

/// What comes before the fields.
const SERIES: [&str; 10] = [
    "m",
    "cpu,host=a",
    "cpu,host=b,region=eu-west-1,datacenter=eu-west-1c,rack=87,os=Ubuntu16.10,arch=x64,team=NYC",
    r"disk,path=/mnt/my\ disk,label=a\,b\=c",
    r"di\,sk\ s,x=\\ ",
    "\"m\",t=\"",
    "größe,ort=köln",
    "cpu,region=eu,host=a",
    "m,t=a#b",
    r"m,t=a\\b",
];

/// Fields, `*` for each value.
const FIELDS: [&str; 10] = [
    "v=*",
    "usage_user=*,usage_system=*,usage_idle=*,usage_nice=*,usage_iowait=*",
    "usage_system=*,usage_user=*",
    "a_name_that_is_longer_than_any_word_to_compare=*,b=*",
    "v=*,w=*,v=*",
    r"a\ b=*",
    "\"v\"=*,ü=*",
    "v=*,",
    "v=*,=*",
    "load1=*,load5=*,n_users=*",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<i16>().prop_map(|v| format!("{v}i")),
        3 => (any::<i16>(), 0..100_u8).prop_map(|(v, part)| format!("{v}.{part:02}")),
        2 => any::<i64>().prop_map(|v| format!("{v}i")),
        1 => any::<u64>().prop_map(|v| format!("{v}u")),
        2 => any::<f64>().prop_map(|v| v.to_string()),
        2 => any::<f64>().prop_map(|v| format!("{v:e}")),
        2 => "-?[0-9]{0,20}[.]?[0-9]{0,10}(e[+-]?[0-9]{0,3})?[iu]?",
        1 => prop::sample::select(vec!["t", "true", "F", "False", "truee", "x", "", "-", ".", "1e", "NaN"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["\"\"", "\"a\"", "\"a\nb\"", "\"\\\"\"", "\"x\\\\\"", "\"a,b=c d\"", "\"ü\"", "\"", "\"a\"b"])
            .prop_map(str::to_owned),
    ]
}

fn ending() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(" 1451606400000000000\n".to_owned()),
        3 => Just(" 1451606410000000000\n".to_owned()),
        2 => any::<i64>().prop_map(|time| format!(" {time}\n")),
        2 => prop::sample::select(vec![
            "\n", "\r\n", " 5\r\n", " 145160640000000000\r\n", " \n", "  7\n", " 7 \n", " 99999999999999999999\n", " -\n", " 7x\n", " 9223372036854775807\n", "",
            "\n\n", "\n# comment \"\n", "\n \t", " 14516064000000000000\n", " -1451606400000000000\n",
        ])
        .prop_map(str::to_owned),
    ]
}

/// A line: which series, which fields, their values, what ends it.
fn line() -> impl Strategy<Value = String> {
    (0..SERIES.len(), 0..FIELDS.len(), prop::collection::vec(value(), 5), ending()).prop_map(
        |(series, fields, values, ending)| {
            let mut values = values.iter();
            let mut line = format!("{} ", SERIES[series]);
            for part in FIELDS[fields].split_inclusive('*') {
                match part.strip_suffix('*') {
                    Some(before) => line.extend([before, values.next().map_or("1", |value| value)]),
                    None => line.push_str(part),
                }
            }
            line + &ending
        },
    )
}

/// Bodies that repeat each other but for some values: each is a choice of the same lines, in some order.
fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let choice = prop::collection::vec(any::<Index>(), 0..12);
    (prop::collection::vec(line(), 1..6), prop::collection::vec(choice, 1..8)).prop_map(
        |(lines, bodies)| {
            let body = |choice: &Vec<Index>| {
                choice.iter().flat_map(|index| index.get(&lines).bytes()).collect::<Vec<u8>>()
            };
            bodies.iter().map(body).collect()
        },
    )
}

fn memo_bytes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1 << 20, 20_000, 6_000, 0])
}

/// Damage: where, which byte, and how.
fn damage() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\n\\\"=, \0\r.0e-iu#".to_vec())];
    prop::collection::vec((any::<Index>(), byte, 0..4_u8), 0..5)
}

fn do_damage(body: &mut Vec<u8>, damage: &[(Index, u8, u8)]) {
    for (place, byte, how) in damage {
        if body.is_empty() {
            return;
        }
        let at = place.index(body.len());
        match how {
            0 => body[at] = *byte,
            1 => body.insert(at, *byte),
            2 => body.truncate(at),
            _ => drop(body.remove(at)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn repeated_lines(bodies in bodies(), memo_bytes in memo_bytes()) {
        compare(&bodies, memo_bytes, Precision::Nanoseconds);
        compare(&bodies, memo_bytes, Precision::Seconds);
    }

    #[test]
    fn repeated_lines_with_damage(bodies in bodies(), damage in prop::collection::vec(damage(), 8)) {
        let mut bodies = bodies;
        for (body, damage) in bodies.iter_mut().zip(&damage) {
            do_damage(body, damage);
        }
        compare(&bodies, 1 << 20, Precision::Nanoseconds);
    }

    #[test]
    fn nearly_repeated(first in nearly_lines(), second in nearly_lines()) {
        let both = [&first[..], &second].concat();
        compare(&[first.clone(), second.clone(), both, second, first], 1 << 20, Precision::Minutes);
    }

    #[test]
    fn any_order(seed in any::<u64>(), series in 1..200_usize, damage in damage()) {
        // As a database is fed: hosts in some order, now and then another.
        let mut state = seed | 1;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % bound
        };
        let mut order: Vec<usize> = (0..series).collect();
        let mut bodies = Vec::new();
        for round in 0..8 {
            if round % 3 != 1 {
                (1..series).for_each(|at| order.swap(at, next(at + 1)));
            }
            let mut body = Vec::new();
            for host in &order {
                let text = if next(9) == 0 { ",note=\"two\nlines\"" } else { "" };
                let line = format!("cpu,host=h{host} user={}i,load={}.5{text} {}\n", next(100), next(100), round * 10);
                body.extend(line.bytes());
            }
            bodies.push(body);
        }
        do_damage(&mut bodies[5], &damage);
        compare(&bodies, 1 << 20, Precision::Nanoseconds);
    }
}

#[test]
fn what_two_lines_share_is_not_taken_for_granted() {
    let first = "m,t=a v=1i,w=2 1451606400000000000\nm,t=b v=1i 1451606400000000000\nm,t=c v=\"x\" -1451606400000000000";
    for second in [
        "m,t=a v=1i,w=2 14516064000000000000\n",
        "m,t=a v=1i,w=2 1451606400000000000",
        "m,t=a v=1i,w=2 1451606400000000000 \n",
        "m,t=a v=1i,w=2 145160640000000000\n",
        "m,t=a v=1i,w=2i 1451606400000000000\n",
        "m,t=a v=1i,w=2,x=3 1451606400000000000\n",
        "m,t=a v=1i 1451606400000000000\n",
        "m,t=a v=1i,w=2\n",
        "m,t=a v=1i,w=2",
        "m,t=a v=1ii,w=2\n",
        "m,t=a v=1,w=2 1451606400000000000\n",
        "m,t=a  v=1i,w=2 1451606400000000000\n",
        "m,t=a v=1i,w=2  1451606400000000000\n",
        " m,t=a v=1i,w=2 1451606400000000000\n",
        "#m,t=a v=1i,w=2 1451606400000000000\n",
        "m,t=a\\ v=1i,w=2 1451606400000000000\n",
        "m,t=a\nm,t=b\n m,t=a v=1i,w=2\n",
        "\nm,t=a v=1i,w=2 \n\n",
        "m,t=b v=1u 1451606400000000000\n",
        "m,t=b v=1x 1451606400000000000\n",
        "m,t=b v=1 1451606400000000000\n",
        "m,t=c v=\"x\"x -1451606400000000000\n",
        "m,t=c v=\"x\\ -1451606400000000000\n",
        "m,t=c v=\"x\\\" -1451606400000000000\n",
        "m,t=c v=\"x\" -14516064000000000001\n",
        "m,t=c v=\"x\" -1451606400000000000\nm,t=a v=1i,w=2 -14516064000000000001\n",
    ] {
        let bodies = [first, second, first, second].map(|body| body.as_bytes().to_vec());
        compare(&bodies, 1 << 20, Precision::Nanoseconds);
    }
}

#[test]
fn shapes_that_alternate_are_all_foretold() {
    let body = "system,host=a load1=1.5,n_users=3i 10\nsystem,host=a uptime=7i 10\nsystem,host=a uptime_format=\"1 day\" 10\n";
    let reports = compare(&vec![body.repeat(3).into_bytes(); 3], 1 << 20, Precision::Seconds);
    assert!(reports.iter().all(|report| report.rows == 9 && report.is_ok()));
}
