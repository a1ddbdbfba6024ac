//! From bytes of line protocol to acknowledged and readable, and back: the whole way through a database on disk.
//!
//! ```text
//! ingest/cpu_ints      rows of ten integers; acknowledged, and sealed (all in segments, on the device)
//! ingest/cpu_floats    the same rows with two-decimal floats
//! ingest/single_field  rows of one float, as exporters write them
//! ingest/always        rows of ten integers, on the device before each acknowledgement
//! ingest/host_sample   one sample of a host as a batch of 60 rows, without text
//! read                 what the first group wrote, an hour of 1000 hosts
//! ```
//!
//! Text comes in bodies of 5000 lines, as TSBS sends them; a body is acknowledged before the next is begun. All
//! elements are field values. Every measurement of `ingest` begins with an empty folder.
//!
//! The rival is the crate `tsink`, which is embedded the same way and writes a log too. It takes rows of one value
//! that own their names and tags: they are made before the clock starts, so it is spared all parsing. It gets a tenth
//! of the hosts, for as many rows of each; ours is measured on that too.
//!
//! `read` is measured first, and prints what its hour takes on disk and took in memory.

use std::cell::LazyCell;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use benches::tsbs::{Hosts, INTERVAL_NS, Random, START_NS, Values};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group,
    criterion_main,
};
use stripchart_core::{Batch, FieldType, Precision, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::line_protocol::lines;
use stripchart_storage::{Aggregates, Db, Direction, Partials, SyncPolicy, TagFilter, Writer};
use tempfile::TempDir;

const HOSTS: usize = 1000;
const RIVAL_HOSTS: usize = 100;
/// Rows of each host; few where nothing is optimised and so nothing measured.
const ROUNDS: usize = if cfg!(debug_assertions) { 10 } else { 100 };
const HOUR_ROUNDS: usize = if cfg!(debug_assertions) { 10 } else { 360 };
const BODY_LINES: usize = 5000;
const EVERY_SECOND: SyncPolicy = SyncPolicy::Interval(Duration::from_secs(1));

fn open(folder: &Path, sync: SyncPolicy) -> (Db, Writer) {
    let db = Db::builder().sync(sync).open(folder).expect("an empty folder can be opened");
    db.create_database("bench", None).expect("a log takes a name");
    let writer = db.writer("bench", None).expect("it was just created");
    (db, writer)
}

fn write(writer: &Writer, body: &str) -> usize {
    writer
        .write_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH)
        .expect("the disk takes what the generator writes")
        .rows
}

/// Text in bodies of [`BODY_LINES`] lines.
struct Bodies {
    texts: Vec<String>,
    lines: usize,
}

impl Bodies {
    fn new(text: &str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let texts = lines.chunks(BODY_LINES).map(<[&str]>::concat).collect();
        Bodies { texts, lines: lines.len() }
    }

    fn cpu(hosts: usize, values: Values) -> Self {
        Bodies::new(&Hosts::new(hosts, 123).rounds(ROUNDS, values))
    }

    /// Ten measurements of `hosts` hosts, one float in each.
    fn single_field(hosts: usize) -> Self {
        let mut random = Random::new(123);
        let mut state = vec![50.0_f64; hosts * 10];
        let mut text = String::new();
        for time_ns in times(ROUNDS) {
            for (at, value) in state.iter_mut().enumerate() {
                *value = (*value + random.normal()).clamp(0.0, 100.0);
                let (host, metric) = (at / 10, at % 10);
                text += &format!("metric_{metric},host=host_{host} value={value:.2} {time_ns}\n");
            }
        }
        Bodies::new(&text)
    }
}

/// The first `count` instants at which hosts report.
fn times(count: usize) -> impl Iterator<Item = i64> {
    (0..).map(|round| START_NS + round * INTERVAL_NS).take(count)
}

/// Writes all bodies to an empty folder; what the clock shows then, or when all of it is sealed.
fn ingest(bodies: &Bodies, sync: SyncPolicy, seal: bool) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (db, writer) = open(folder.path(), sync);
    let start = Instant::now();
    let rows: usize = bodies.texts.iter().map(|body| write(&writer, body)).sum();
    if seal {
        db.close().expect("the disk takes a segment");
    }
    let spent = start.elapsed();
    assert_eq!(rows, bodies.lines);
    spent
}

/// The rival's rows: one for each value, with names and tags of its own.
fn owned_rows(body: &str) -> Vec<tsink::Row> {
    let mut rows = Vec::new();
    for line in lines(body.as_bytes()) {
        let line = line.expect("the generator writes lines");
        let labels: Vec<_> =
            line.tags().map(|(key, value)| tsink::Label::new(key, value)).collect();
        let time_ns = line.timestamp().expect("the generator writes times");
        for (field, value) in line.fields() {
            let point = match value.as_ref() {
                ValueRef::Integer(value) => tsink::DataPoint::new(time_ns, value),
                value => tsink::DataPoint::new(time_ns, value.as_f64().expect("a number")),
            };
            let name = format!("{}_{field}", line.measurement());
            rows.push(tsink::Row::with_labels(name, labels.clone(), point));
        }
    }
    rows
}

/// The same for the rival.
fn ingest_rival(bodies: &[Vec<tsink::Row>], sync: tsink::WalSyncMode) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let builder = tsink::StorageBuilder::new().with_data_path(folder.path());
    let storage = builder.with_wal_sync_mode(sync).build().expect("an empty folder can be opened");
    let start = Instant::now();
    for body in bodies {
        storage.insert_rows(body).expect("it takes rows");
    }
    let spent = start.elapsed();
    storage.close().expect("it can be closed");
    spent
}

fn repeat(times: u64, mut run: impl FnMut() -> Duration) -> Duration {
    (0..times).map(|_| run()).sum()
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    // Runs are long and alike.
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group
}

/// Text that is made when a measurement first asks for it, so that those that are filtered out cost nothing.
type Lazy<'a> = LazyCell<Bodies, Box<dyn FnOnce() -> Bodies + 'a>>;

fn rival(group: &mut BenchmarkGroup<'_, WallTime>, bodies: &Lazy<'_>, sync: tsink::WalSyncMode) {
    let rows = LazyCell::new(|| bodies.texts.iter().map(|b| owned_rows(b)).collect::<Vec<_>>());
    group.bench_function(BenchmarkId::new("tsink", RIVAL_HOSTS), |bencher| {
        bencher.iter_custom(|times| repeat(times, || ingest_rival(&rows, sync)));
    });
}

fn ingest_lines(criterion: &mut Criterion) {
    let cpu = |values| move |hosts| Bodies::cpu(hosts, values);
    let kinds: [(&str, &dyn Fn(usize) -> Bodies); 3] = [
        ("ingest/cpu_ints", &cpu(Values::Integers)),
        ("ingest/cpu_floats", &cpu(Values::TwoDecimals)),
        ("ingest/single_field", &Bodies::single_field),
    ];
    for (name, make) in kinds {
        let mut group = group(criterion, name);
        for hosts in [HOSTS, RIVAL_HOSTS] {
            let bodies: Lazy<'_> = LazyCell::new(Box::new(move || make(hosts)));
            group.throughput(Throughput::Elements((hosts * ROUNDS * 10) as u64));
            for (name, seal) in [("acknowledged", false), ("sealed", true)] {
                group.bench_function(BenchmarkId::new(name, hosts), |bencher| {
                    bencher
                        .iter_custom(|times| repeat(times, || ingest(&bodies, EVERY_SECOND, seal)));
                });
            }
            if hosts == RIVAL_HOSTS {
                rival(&mut group, &bodies, tsink::WalSyncMode::Periodic(Duration::from_secs(1)));
            }
        }
        group.finish();
    }
}

fn ingest_always(criterion: &mut Criterion) {
    let mut group = group(criterion, "ingest/always");
    let bodies: Lazy<'_> = LazyCell::new(Box::new(|| Bodies::cpu(RIVAL_HOSTS, Values::Integers)));
    group.throughput(Throughput::Elements((RIVAL_HOSTS * ROUNDS * 10) as u64));
    group.bench_function(BenchmarkId::new("acknowledged", RIVAL_HOSTS), |bencher| {
        bencher.iter_custom(|times| repeat(times, || ingest(&bodies, SyncPolicy::Always, false)));
    });
    rival(&mut group, &bodies, tsink::WalSyncMode::PerAppend);
    group.finish();
}

/// Sixty rows as the collector of a host fills them, every ten seconds of its time.
fn host_sample(criterion: &mut Criterion) {
    const ROWS: usize = 60;
    const NAMES: [&str; 5] = ["read_bytes", "write_bytes", "reads", "writes", "io_time"];
    let mut group = criterion.benchmark_group("ingest/host_sample");
    group.throughput(Throughput::Elements((ROWS * NAMES.len()) as u64));
    group.bench_function("fill_and_write", |bencher| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (_db, writer) = open(folder.path(), EVERY_SECOND);
        let mut batch = Batch::new();
        let series: Vec<_> = (0..ROWS)
            .map(|at| batch.series("diskio", [("host", "a"), ("name", &format!("disk_{at}"))]))
            .collect::<Result<_, _>>()
            .expect("plain names");
        let mut time_ns = START_NS;
        let mut random = Random::new(123);
        bencher.iter(|| {
            batch.clear();
            time_ns += INTERVAL_NS;
            for series in &series {
                let mut row = batch.row(*series, Timestamp::from_nanos(time_ns));
                for name in NAMES {
                    row.field(name, (time_ns >> 20) + (random.next() >> 56).cast_signed());
                }
            }
            writer.write(&batch).expect("the disk takes a sample").rows
        });
    });
    group.finish();
}

/// An hour of the hosts, closed; says what that took.
fn hour() -> (TempDir, Db) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (db, writer) = open(folder.path(), EVERY_SECOND);
    let mut hosts = Hosts::new(HOSTS, 123);
    let mut text = String::new();
    let (before, mut peak) = (anonymous_kib(), 0);
    for _ in (0..HOUR_ROUNDS).step_by(BODY_LINES / HOSTS) {
        text.clear();
        for _ in 0..BODY_LINES / HOSTS {
            hosts.round(Values::Integers, &mut text);
        }
        assert_eq!(write(&writer, &text), BODY_LINES);
        peak = anonymous_kib().max(peak);
    }
    db.close().expect("the disk takes a segment");
    peak = anonymous_kib().max(peak);
    let values = HOUR_ROUNDS * HOSTS * 10;
    let bytes = folder_bytes(folder.path());
    eprintln!(
        "{values} integers of {HOSTS} hosts: {bytes} bytes on disk once closed, {:.3} a value; \
         anonymous memory {before} KiB before, {peak} KiB at most, seen between bodies",
        bytes as f64 / values as f64,
    );
    (folder, db)
}

/// Anonymous memory of this process; 0 where the system does not say.
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a readable folder");
    let sizes = entries.map(|entry| {
        let entry = entry.expect("a readable folder");
        let about = entry.metadata().expect("a file that stays");
        if about.is_dir() { folder_bytes(&entry.path()) } else { about.len() }
    });
    sizes.sum()
}

fn read(criterion: &mut Criterion) {
    let hour = LazyCell::new(hour);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(HOUR_ROUNDS as u64));
    group.bench_function("scan_one_series", |bencher| {
        let (key, value) = ("hostname".to_owned(), "host_500".to_owned());
        let one = TagFilter::Equal { key, value };
        let (_folder, db) = &*hour;
        bencher.iter(|| {
            let view = db.view("bench", None).expect("it exists");
            let found = view.series("cpu", &one).expect("a whole index");
            let blocks =
                view.scan(&found[0], &["usage_user"], TimeRange::ALL, Direction::Ascending);
            let rows: usize =
                blocks.map(|block| block.expect("a whole block").timestamps.len()).sum();
            assert_eq!(rows, HOUR_ROUNDS);
        });
    });
    group.throughput(Throughput::Elements((HOUR_ROUNDS * HOSTS) as u64));
    group.bench_function("fold_mean_per_minute", |bencher| {
        let edges: Vec<i64> = times(361).step_by(6).collect();
        let (_folder, db) = &*hour;
        bencher.iter(|| {
            let view = db.view("bench", None).expect("it exists");
            let mut count = 0;
            for series in view.series("cpu", &TagFilter::All).expect("a whole index") {
                let mut means = Partials::new(FieldType::Integer, 60, Aggregates::SUM);
                view.fold(&series, "usage_user", &edges, &mut means).expect("whole blocks");
                count += (0..60).map(|minute| means.count(minute)).sum::<u64>();
                black_box(&means);
            }
            assert_eq!(count, (HOUR_ROUNDS * HOSTS) as u64);
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = read, ingest_lines, ingest_always, host_sample
}
criterion_main!(benches);
