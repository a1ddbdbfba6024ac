//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use stripchart_core::DurationLiteral;

/// Watch this host, and Kubernetes clusters if asked, in one process: collect, store, query, draw.
///
/// Open the address it prints in a browser. Everything is kept in one folder; stop with Ctrl-C and start again, and
/// the history is there. Durations are written as in InfluxQL: 10s, 90m, 3600s, 7d.
#[derive(Debug, Parser)]
#[command(name = "full_stack", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Address to serve on. Anyone who can reach it can read and write: keep it on loopback, or put a proxy that asks
    /// for a password before it
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8086")]
    pub(crate) listen: SocketAddr,

    /// Folder of the database, made if it does not exist
    #[arg(long, value_name = "DIR", default_value = "stripchart-data")]
    pub(crate) data: PathBuf,

    /// How often this host is sampled
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = interval)]
    pub(crate) interval: DurationLiteral,

    /// How long samples are kept; 0s keeps them for ever
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = retention)]
    pub(crate) retention: DurationLiteral,

    /// What to watch; may be given several times. `host` is this machine. `summary:URL` is a kubelet's Summary, as
    /// `summary:http://10.0.0.7:10255/stats/summary`; `summary:FILE` is a recorded one. `none` only serves what others
    /// write
    #[arg(long = "source", value_name = "SOURCE", default_value = "host")]
    pub(crate) sources: Vec<String>,

    /// How often kubelets are asked
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = interval)]
    pub(crate) resolution: DurationLiteral,

    /// A name under which this server is also called, beside its address and localhost; may be given several times.
    /// Requests for any other name are refused, so that no foreign web page can read or write through a visitor's
    /// browser
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allow_hosts: Vec<String>,
}

fn duration(text: &str) -> Result<DurationLiteral, String> {
    text.parse::<DurationLiteral>().map_err(|error| error.to_string())
}

fn interval(text: &str) -> Result<DurationLiteral, String> {
    let interval = duration(text)?;
    if interval.nanos() < 100_000_000 {
        return Err(format!("expected at least 100ms, found {text}"));
    }
    Ok(interval)
}

fn retention(text: &str) -> Result<DurationLiteral, String> {
    let retention = duration(text)?;
    if retention.nanos() != 0 && retention.nanos() < 3_600_000_000_000 {
        return Err(format!("expected 0s or at least 1h, found {text}"));
    }
    Ok(retention)
}
