//! Reading line protocol: this suite's parser against the crate `influxdb-line-protocol`, in one run.
//!
//! The rival lends the parts of each line and stops there; `lines` does the same here. `batch` goes further, into
//! columns, as a database needs it; once with a parser that has seen the series, once with one that never has.

use std::hint::black_box;
use std::time::Duration;

use benches::tsbs::{Hosts, Values};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stripchart_core::{Batch, Precision, Timestamp};
use stripchart_storage::line_protocol::{LineParser, lines, parse_lines};

const HOSTS: usize = 100;
const ROUNDS: usize = 10;

fn parse(criterion: &mut Criterion) {
    for (name, values) in [("ints", Values::Integers), ("floats", Values::TwoDecimals)] {
        let text = Hosts::new(HOSTS, 123).rounds(ROUNDS, values);
        let mut group = criterion.benchmark_group(format!("parse/cpu_{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("batch", |bencher| {
            let (mut parser, mut batch) = (LineParser::new(), Batch::new());
            bencher.iter(|| {
                batch.clear();
                let report = parser.parse(
                    text.as_bytes(),
                    Precision::Nanoseconds,
                    Timestamp::EPOCH,
                    &mut batch,
                );
                assert_eq!(report.rows, HOSTS * ROUNDS);
            });
        });
        group.bench_function("batch_cold", |bencher| {
            bencher.iter(|| {
                let mut batch = Batch::new();
                parse_lines(text.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH, &mut batch);
                assert_eq!(batch.row_count(), HOSTS * ROUNDS);
            });
        });
        group.bench_function("lines", |bencher| {
            bencher.iter(|| {
                for line in lines(text.as_bytes()) {
                    let line = line.expect("the generator writes lines");
                    line.tags().for_each(|tag| drop(black_box(tag)));
                    line.fields().for_each(|field| drop(black_box(field)));
                    black_box((line.measurement(), line.timestamp()));
                }
            });
        });
        group.bench_function("influxdb-line-protocol", |bencher| {
            bencher.iter(|| {
                for line in influxdb_line_protocol::parse_lines(&text) {
                    black_box(line.expect("the generator writes lines"));
                }
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = parse
}
criterion_main!(benches);
