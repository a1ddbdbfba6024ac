//! Block codecs: bytes a value and values a second, beside the crate `pco`.
//!
//! ```text
//! cargo bench -p benches --bench codec [-- DATA...]
//! ```
//!
//! The codecs are no public API: their modules are compiled into this bench. Blocks of 1080 values, as three hours of a sample every
//! ten seconds are. Every decoded block is compared with what was encoded before anything is measured. Times are the best of
//! several rounds over all blocks, one thread, in CPU caches as far as the data fits.
//!
//! `STRIPCHART_HOST_DATA` names a file of line protocol with one float field `value`: its series are measured, too.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "only some of what the modules offer is measured, and none of it tested here"
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "made-up numbers")]

#[path = "../storage/src/bytes.rs"]
mod bytes;
#[path = "../storage/src/codec/mod.rs"]
mod codec;
#[path = "../storage/src/dispatch.rs"]
mod dispatch;
#[path = "../storage/src/partials.rs"]
mod partials;
#[path = "../storage/src/rows.rs"]
mod rows;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use benches::tsbs::Random;
use stripchart_core::{Column, FieldType, Values};

use codec::{Effort, NumberBlock, Scratch, encode_column_with};
use partials::Aggregates;

const ROWS: usize = 1080;
const SERIES: usize = 1000;
const ROUNDS: usize = 7;

/// A data set: columns of one type.
struct Data {
    name: &'static str,
    columns: Vec<Column>,
}

impl Data {
    fn values(&self) -> usize {
        self.columns.iter().map(Column::len).sum()
    }
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!(
        "{:<16} {:<6} {:>8} {:>8} | million values a second: {:>7} {:>7} {:>7} {:>7} {:>7}",
        "data", "codec", "bytes", "a value", "encode", "decode", "sum", "all", "minutes"
    );
    for data in data_sets() {
        if !wanted.is_empty() && !wanted.iter().any(|name| data.name.contains(name.as_str())) {
            continue;
        }
        for effort in [Effort::Quick, Effort::Hot, Effort::Cold] {
            measure(&data, effort);
        }
        measure_pco(&data);
    }
}

/// Random walks as those of the Time Series Benchmark Suite, and shapes that hosts have.
fn data_sets() -> Vec<Data> {
    let mut random = Random::new(1);
    let mut walks = |steps: fn(&mut Random) -> f64, finish: fn(f64) -> f64| -> Vec<Vec<f64>> {
        let series = |_| {
            let mut state = random.unit() * 100.0;
            let mut next = |_| {
                let value = finish(state);
                state = (state + steps(&mut random)).clamp(0.0, 100.0);
                value
            };
            (0..ROWS).map(&mut next).collect()
        };
        (0..SERIES).map(series).collect()
    };
    let gauge = walks(Random::normal, f64::trunc);
    let decimals = walks(Random::normal, |v| (v * 100.0).round() / 100.0);
    let counters: Vec<Vec<i64>> = (0..SERIES)
        .map(|_| {
            let mut state = random.below(1 << 40) as i64;
            let rate = 100 + random.below(100_000);
            let mut next = |_| {
                state += (rate as f64 * (1.0 + random.normal() / 10.0)) as i64;
                state
            };
            (0..ROWS).map(&mut next).collect()
        })
        .collect();
    let mut sets = vec![
        Data { name: "tsbs ints", columns: ints(&gauge) },
        Data { name: "tsbs decimals", columns: gauge_floats(&decimals) },
        Data {
            name: "counters",
            columns: counters.into_iter().map(|v| Column::new("", Values::Integer(v))).collect(),
        },
    ];
    let mut random = Random::new(2);
    let real = (0..SERIES).map(|_| (0..ROWS).map(|_| random.normal()).collect::<Vec<_>>());
    sets.push(Data { name: "reals", columns: gauge_floats(&real.collect::<Vec<_>>()) });
    sets.extend(host_data());
    sets
}

fn ints(series: &[Vec<f64>]) -> Vec<Column> {
    let column = |v: &Vec<f64>| Values::Integer(v.iter().map(|v| *v as i64).collect());
    series.iter().map(|v| Column::new("", column(v))).collect()
}

fn gauge_floats(series: &[Vec<f64>]) -> Vec<Column> {
    series.iter().map(|v| Column::new("", Values::Float(v.clone()))).collect()
}

fn host_data() -> Option<Data> {
    let text = std::fs::read_to_string(std::env::var_os("STRIPCHART_HOST_DATA")?).ok()?;
    let mut series = BTreeMap::<&str, Vec<f64>>::new();
    for line in text.lines() {
        let (row, _) = line.rsplit_once(' ')?;
        let (key, field) = row.rsplit_once(" value=")?;
        series.entry(key).or_default().push(field.parse().ok()?);
    }
    Some(Data { name: "host", columns: gauge_floats(&series.into_values().collect::<Vec<_>>()) })
}

/// Best time of several rounds, as millions of values a second.
fn rate(values: usize, mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    values as f64 / best / 1e6
}

fn measure(data: &Data, effort: Effort) {
    let mut coded: Vec<Vec<u8>> = Vec::new();
    let encode = rate(data.values(), || {
        coded.clear();
        for column in &data.columns {
            let mut out = Vec::with_capacity(1024);
            encode_column_with(column, column.len(), effort, &mut out);
            coded.push(out);
        }
    });
    let bytes: usize = coded.iter().map(Vec::len).sum();
    let field_type = data.columns[0].values().field_type().unwrap_or(FieldType::Float);
    let blocks: Vec<NumberBlock<'_>> = coded
        .iter()
        .zip(&data.columns)
        .map(|(bytes, column)| NumberBlock::parse(bytes, field_type, column.len()).expect("whole"))
        .collect();
    let mut scratch = Scratch::default();
    check(data, &blocks, &mut scratch);
    let parse = |at: usize| {
        let column = &data.columns[at];
        NumberBlock::parse(&coded[at], field_type, column.len()).expect("whole")
    };
    let decode = rate(data.values(), || {
        for at in 0..blocks.len() {
            let block = parse(at);
            black_box(block.decode_into(&mut scratch).expect("whole").numbers());
        }
    });
    let mut fold = |which: Aggregates| {
        rate(data.values(), || {
            for at in 0..blocks.len() {
                let block = parse(at);
                black_box(block.aggregate(which, &mut scratch).expect("whole"));
            }
        })
    };
    let (sum, all) =
        (fold(Aggregates::SUM), fold(Aggregates::SUM | Aggregates::MIN | Aggregates::MAX));
    let minutes = rate(data.values(), || {
        for at in 0..blocks.len() {
            let block = parse(at);
            let rows = block.rows();
            let decoded = block.decode_into(&mut scratch).expect("whole");
            for from in (0..rows).step_by(6) {
                black_box(decoded.aggregate(from..from + 6, Aggregates::MAX));
            }
        }
    });
    println!(
        "{:<16} {:<6} {:>8} {:>8.3} | {:>24} {:>7.0} {:>7.0} {:>7.0} {:>7.0} {:>7.0}",
        data.name,
        format!("{effort:?}"),
        bytes,
        bytes as f64 / data.values() as f64,
        "",
        encode,
        decode,
        sum,
        all,
        minutes
    );
}

fn check(data: &Data, blocks: &[NumberBlock<'_>], scratch: &mut Scratch) {
    for (block, column) in blocks.iter().zip(&data.columns) {
        match (block.decode_into(scratch).expect("whole").numbers(), column.values()) {
            (codec::Numbers::Integers(got), Values::Integer(want)) => assert!(got == want),
            (codec::Numbers::Floats(got), Values::Float(want)) => {
                assert!(got.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
            _ => panic!("another type"),
        }
    }
}

fn measure_pco(data: &Data) {
    let config = pco::ChunkConfig::default();
    let mut coded: Vec<Vec<u8>> = Vec::new();
    let encode = rate(data.values(), || {
        coded.clear();
        for column in &data.columns {
            coded.push(match column.values() {
                Values::Integer(v) => {
                    pco::standalone::simple_compress(v, &config).expect("numbers")
                }
                Values::Float(v) => pco::standalone::simple_compress(v, &config).expect("numbers"),
                _ => Vec::new(),
            });
        }
    });
    let bytes: usize = coded.iter().map(Vec::len).sum();
    let floats = matches!(data.columns[0].values(), Values::Float(_));
    let decode = rate(data.values(), || {
        for bytes in &coded {
            if floats {
                black_box(pco::standalone::simple_decompress::<f64>(bytes).expect("whole"));
            } else {
                black_box(pco::standalone::simple_decompress::<i64>(bytes).expect("whole"));
            }
        }
    });
    println!(
        "{:<16} {:<6} {:>8} {:>8.3} | {:>24} {:>7.0} {:>7.0}",
        data.name,
        "pco",
        bytes,
        bytes as f64 / data.values() as f64,
        "",
        encode,
        decode
    );
}
