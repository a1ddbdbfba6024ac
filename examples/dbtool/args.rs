//! The command line.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime};
use clap::{Parser, Subcommand, ValueEnum};
use stripchart_core::{DurationLiteral, Precision, TimeRange, Timestamp};
use stripchart_storage::{Export, TagFilter};

/// Look into a stripchart database, take rows out of it, put rows in, keep it in order.
///
/// `info`, `dump` and `verify` take no lock: they read the files beside the program that has the database open. The others need
/// the database for themselves, and say which process has it.
///
/// Exit status: 0 done; 1 failed, and why is on standard error; 2 the command line is wrong; 3 done but for lines, values or
/// files that are told of on standard error; 130 stopped by Ctrl-C, which leaves the database whole.
#[derive(Debug, Parser)]
#[command(name = "dbtool", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Show progress even if standard error is no terminal
    #[arg(long, global = true)]
    pub(crate) progress: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Info(InfoArgs),
    Dump(DumpArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Verify(VerifyArgs),
    Repair(RepairArgs),
    Compact(CompactArgs),
    Snapshot(SnapshotArgs),
    Restore(RestoreArgs),
}

/// Say what is in a database: databases, policies, measurements, series, rows, time spans, files and their sizes
///
/// Reads what is sealed, beside a program that has the database open.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dbtool info /var/lib/stripchart\n  \
    dbtool info --quick --json /var/lib/stripchart | jq .bytes")]
pub(crate) struct InfoArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
    /// Leave out what the ends of the files do not tell: measurements and their values
    #[arg(long)]
    pub(crate) quick: bool,
    /// One JSON object instead of a page
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print stored rows, or what the files hold
///
/// Reads what is sealed, beside a program that has the database open.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dbtool dump DIR --measurement cpu --tag host=a --from 2026-01-31 --limit 20\n  \
    dbtool dump DIR --from 6h --json | jq -c .fields\n  \
    dbtool dump DIR --what segments")]
pub(crate) struct DumpArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Rows at most
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// A JSON object for each row, segment or file, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum What {
    /// Rows, series by series, in order of time
    #[default]
    Rows,
    /// The sealed files and what their ends say of them
    Segments,
    /// The files of the log and which records are in them
    Log,
    /// All files
    Files,
}

/// Read every file, decode every value, and say what is wrong
///
/// Changes nothing, and may run beside a program that has the database open. Damaged files make the exit status 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dbtool verify /var/lib/stripchart")]
pub(crate) struct VerifyArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
}

/// Set damaged files aside, put what can be read of them in their place, and say what is lost
///
/// They go into the folder `quarantine`, each with a text that says why, and are never deleted. What is lost is named by measurement,
/// series, field and times in nanoseconds. If anything was damaged the exit status is 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dbtool repair /var/lib/stripchart")]
pub(crate) struct RepairArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
}

/// Make another folder a database with all that this one has
///
/// On the same device files are shared, not copied, so that it takes no time and no space. A program that has the database open makes its
/// snapshots itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dbtool snapshot /var/lib/stripchart /backup/monday")]
pub(crate) struct SnapshotArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
    /// Folder to make, empty or missing
    pub(crate) to: PathBuf,
}

/// Make a folder a database out of a snapshot; the snapshot stays as it is
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dbtool restore /var/lib/stripchart /backup/monday")]
pub(crate) struct RestoreArgs {
    /// Folder to make, empty or missing
    pub(crate) dir: PathBuf,
    /// Folder of the snapshot
    pub(crate) from: PathBuf,
}

/// Merge the segments of every shard and leave out what was deleted, at once instead of in time
///
/// Costs time in proportion to what is stored, and room on the disk for the largest shard. May be stopped at any time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dbtool compact /var/lib/stripchart")]
pub(crate) struct CompactArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
}

/// Write databases as line protocol, or as Parquet files for DuckDB, Spark and others
///
/// Line protocol is for `import`, for InfluxDB (`influx -import -path FILE`) and for Telegraf. Parquet files go into folders as
/// database=NAME/policy=NAME/measurement=NAME/date=YYYY-MM-DD.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dbtool export DIR -o backup.lp\n  \
    dbtool export DIR --database k8s --policy default --from 2026-01-01 --to 2026-02-01 -o january.lp\n  \
    dbtool export DIR --measurement cpu --no-definitions | gzip >cpu.lp.gz\n  \
    dbtool export DIR --sealed -o - | dbtool import COPY -\n  \
    dbtool export DIR --format parquet -o FOLDER\n    \
    duckdb -c \"SELECT date, avg(usage) FROM 'FOLDER/*/*/measurement=cpu/*/*.parquet' GROUP BY date\"")]
pub(crate) struct ExportArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// File to write, `-` for standard output; of Parquet files the folder. A file appears under its name when it is complete
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Take no lock and export what is sealed, beside a program that has the database open
    #[arg(long)]
    pub(crate) sealed: bool,
    /// Leave out the statements that create databases and policies
    #[arg(long)]
    pub(crate) no_definitions: bool,
    /// Part of the names of Parquet files, so that several hosts can share a folder. Default: the name of this host
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Line protocol
    #[default]
    Lines,
    /// Parquet files, a column for each tag and field
    Parquet,
}

/// Write line protocol, or Parquet files of an export, into a database, created if it does not exist
///
/// Takes what `export`, `influx_inspect export` and others write. Lines that cannot be taken are told by their numbers and cost
/// the others nothing. An import that was stopped is simply begun again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dbtool import DIR backup.lp\n  \
    zcat cpu.lp.gz | dbtool import DIR - --database demo\n  \
    dbtool import DIR points.txt --database demo --precision s\n  \
    dbtool import DIR FOLDER")]
pub(crate) struct ImportArgs {
    /// Folder of the database
    pub(crate) dir: PathBuf,
    /// File to read, `-` for standard input. One whose name ends in .parquet, or a folder of such, is taken for Parquet
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// Import into this database, whatever the file says
    #[arg(long, value_name = "NAME")]
    pub(crate) database: Option<String>,
    /// Import into this retention policy of it
    #[arg(long, value_name = "NAME", requires = "database")]
    pub(crate) policy: Option<String>,
    /// What the timestamps count: ns, u, ms, s, m or h
    #[arg(long, default_value = "ns", value_parser = ["ns", "u", "ms", "s", "m", "h"])]
    pub(crate) precision: String,
}

impl ImportArgs {
    pub(crate) fn precision(&self) -> Precision {
        Precision::from_influxdb(&self.precision)
    }
}

/// Which rows.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Only this database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Only this retention policy
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only this measurement
    #[arg(long, value_name = "NAME")]
    measurement: Option<String>,
    /// Only series with this tag; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
    /// Only rows from this time on: 2026-01-31, 2026-01-31T12:00:00Z, nanoseconds, or 6h for six hours ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only rows before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
}

impl Selection {
    /// The export that takes these rows.
    pub(crate) fn export(&self) -> Export {
        let mut export = Export::new().range(TimeRange::new(
            self.from.unwrap_or(TimeRange::ALL.start),
            self.to.unwrap_or(TimeRange::ALL.end),
        ));
        if let Some(name) = &self.database {
            export = export.database(name);
        }
        if let Some(name) = &self.policy {
            export = export.policy(name);
        }
        if let Some(name) = &self.measurement {
            export = export.measurement(name);
        }
        let equal = |(key, value): &(String, String)| TagFilter::Equal {
            key: key.clone(),
            value: value.clone(),
        };
        match &*self.tags {
            [] => export,
            tags => export.series(TagFilter::And(tags.iter().map(equal).collect())),
        }
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(nanos) = text.parse() {
        return Ok(Timestamp::from_nanos(nanos));
    }
    if let Ok(ago) = text.parse::<DurationLiteral>() {
        return Ok(Timestamp::from(std::time::SystemTime::now()).saturating_sub(ago.nanos()));
    }
    let instant = match text.parse::<NaiveDate>() {
        Ok(date) => date.and_time(NaiveTime::MIN).and_utc(),
        Err(_) => DateTime::parse_from_rfc3339(text)
            .map_err(|_| "expected a date, an RFC 3339 time, nanoseconds, or a duration ago")?
            .to_utc(),
    };
    let nanos = instant.timestamp_nanos_opt().ok_or("expected a time between 1677 and 2262")?;
    Ok(Timestamp::from_nanos(nanos))
}
