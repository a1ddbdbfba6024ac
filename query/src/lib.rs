//! InfluxQL over [`stripchart_storage`]: the language, its execution and InfluxDB 1.x's answers.
//!
//! ```text
//! text -> parse_query -> Query -> Engine -> frames -> write_json / write_csv -> text
//!                                   |
//!                                   +- plan: names, types, windows     (sees the catalog, reads no row)
//!                                   +- exec: series, buckets, points   (storage folds, this combines)
//! ```
//!
//! # Example
//!
//! ```
//! use stripchart_core::{Batch, Sink, Timestamp};
//! use stripchart_query::{Engine, ExecuteOptions, FormatOptions, write_json};
//! use stripchart_storage::Db;
//!
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::new(Db::open(folder.path())?);
//! let options = ExecuteOptions::new(Timestamp::from_secs(60)).database("demo");
//! engine.query("CREATE DATABASE demo", &options)?;
//!
//! let mut batch = Batch::new();
//! let series = batch.series("cpu", [("host", "a")])?;
//! batch.row(series, Timestamp::from_secs(10)).f64("usage", 1.5);
//! batch.row(series, Timestamp::from_secs(50)).f64("usage", 2.5);
//! engine.db().writer("demo", None)?.write(&batch)?;
//!
//! let results = engine.query(
//!     "SELECT mean(usage) FROM cpu WHERE time >= now() - 1m AND time < now() GROUP BY time(30s), host",
//!     &options,
//! )?;
//! let mut text = Vec::new();
//! write_json(&results, &FormatOptions::default(), &mut text);
//! assert_eq!(
//!     String::from_utf8(text)?.trim_end(),
//!     concat!(
//!         r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","mean"],"#,
//!         r#""values":[["1970-01-01T00:00:00Z",1.5],["1970-01-01T00:00:30Z",2.5]]}]}]}"#,
//!     )
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pieces
//!
//! | what | type | in short |
//! | --- | --- | --- |
//! | the language | [`ast`], [`parse_query`], [`ParseError`] | all statements of InfluxQL; errors carry line and character |
//! | queries in Rust | [`build`], [`Engine::fetch`], [`Engine::gather`], [`Engine::m4`] | the same as text, typed; many series in the same columns; and points for charts |
//! | execution | [`Engine`], [`ExecuteOptions`] | also a [`FrameSource`](stripchart_core::FrameSource), which charts ask |
//! | users and their rights | [`Engine::authenticate`], [`Engine::authorize`], [`User`], [`AuthError`] | asked by whoever takes requests from strangers |
//! | continuous queries | [`Engine::tick`], [`Engine::spawn_continuous`] | run on time, catching up after a stop |
//! | what runs now | [`RunningQuery`], [`Engine::begin`] | `SHOW QUERIES`, `KILL QUERY` |
//! | protection | [`Limits`], [`Cancel`], [`Deadline`] | checked before and while a statement runs |
//! | answers | [`StatementResult`], [`QueryError`] | frames, messages, or why not |
//! | text | [`write_json`], [`JsonWriter`], [`write_csv`], [`write_msgpack`] | InfluxDB's, byte for byte |
//! | answers of any length | [`AnswerStream`], [`StreamOptions`] | text made while it is taken, in bounded memory |
//!
//! # What is answered
//!
//! `SELECT` with arithmetic, `WHERE` on tags, fields and time, regular expressions, `GROUP BY` time, tags, `*` and
//! patterns, `fill`, `ORDER BY time`, `LIMIT`, `OFFSET`, `SLIMIT`, `SOFFSET`, `tz`, subqueries and `INTO`; the functions count, sum, mean,
//! median, mode, spread, stddev, integral, distinct, min, max, first, last, percentile, sample, top, bottom, derivative,
//! non_negative_derivative, difference, non_negative_difference, elapsed, moving_average, cumulative_sum, holt_winters and
//! holt_winters_with_fit, those of technical analysis (exponential_moving_average, double_ and
//! triple_exponential_moving_average, triple_exponential_derivative, relative_strength_index, chande_momentum_oscillator,
//! kaufmans_efficiency_ratio, kaufmans_adaptive_moving_average) and the mathematical ones.
//!
//! Every `SHOW`, of data, users, rights, shards, queries that run, figures and cardinalities; deleting points, series and measurements, and
//! dropping shards; databases and retention policies; users and what they may do; continuous queries; subscriptions, which are kept and
//! listed, while [sending](Engine::subscriptions) is left to whoever embeds the engine; `KILL QUERY`.
//! What parses and is not answered fails with `not supported yet` and the name of what is missing; nothing is answered wrongly instead.
//!
//! Users, continuous queries and the like are [kept](stripchart_storage::Db::document) with the data, and so are in its snapshots.
//!
//! Integer sums wrap, division by zero is zero, and an offset without a series limit leaves nothing: where InfluxDB is
//! odd, this is odd the same way. Float sums are compensated, so their last bits may be better than InfluxDB's. `docs/influxdb.md` lists
//! where answers differ.
//!
//! # Costs and limits
//!
//! A query runs in its caller's thread and holds one series of the answer at a time besides what the receiver keeps.
//! count, sum, mean, min, max, first, last and spread over whole series are left to storage's fold, which need not
//! decode what its statistics cover; other functions read the points of a series into memory. By default a
//! statement may use one GiB ([`Limits::max_memory_bytes`]) and nothing else is limited.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `chrono-tz` | time zones other than UTC in `tz()` |
//! | `http` | InfluxDB's HTTP interface, for a server of any make |
//!
//! None is on by default.

pub mod ast;
pub mod build;
mod continuous;
mod delete;
mod engine;
mod error;
mod exec;
mod explain;
mod functions;
#[cfg(feature = "http")]
pub mod http;
mod into;
mod limits;
mod manage;
mod parse;
mod password;
mod plan;
mod re2;
mod records;
mod result;
mod running;
mod shards;
mod show;
mod stream;
mod subscriptions;
mod users;
mod window;
mod zone;

pub use continuous::{ContinuousGuard, ContinuousRun, Tick};
pub use engine::{Engine, ExecuteOptions};
pub use error::QueryError;
pub use limits::{Deadline, Limits};
pub use parse::{
    MAX_EXPRESSION_HEIGHT, MAX_NESTING, ParamValue, Params, ParseError, parse_duration, parse_expr,
    parse_query, parse_query_with, parse_statement, parse_statement_with,
};
pub use result::{
    FormatOptions, JsonWriter, Message, StatementResult, write_csv, write_error, write_json,
    write_msgpack, write_msgpack_error,
};
pub use running::RunningQuery;
pub use stream::{AnswerStream, StreamOptions, TextFormat};
pub use stripchart_storage::Cancel;
pub use subscriptions::Subscription;
pub use users::{AuthError, User};
pub use zone::Zone;
