//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use stripchart_collector::Layout;
use stripchart_core::DurationLiteral;

/// Watch this host, and Kubernetes clusters if asked, in one process: collect, store, query, draw.
///
/// Open the address it prints in a browser. Everything is kept in one folder; stop with Ctrl-C and start again, and
/// the history is there. Durations are written as in InfluxQL: 10s, 90m, 3600s, 7d.
#[derive(Debug, Parser)]
#[command(name = "full_stack", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Address to serve on. Anyone who can reach it can read and write, unless --auth is given: keep it on loopback, or put
    /// a proxy that speaks TLS before it
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8086")]
    pub(crate) listen: SocketAddr,

    /// Folder of the database, made if it does not exist
    #[arg(long, value_name = "DIR", default_value = "stripchart-data")]
    pub(crate) data: PathBuf,

    /// How often this host is sampled; cAdvisor's name for it, --housekeeping-interval, is understood, too
    #[arg(long, visible_alias = "housekeeping-interval", value_name = "DURATION", default_value = "10s", value_parser = interval)]
    pub(crate) interval: DurationLiteral,

    /// A label of containers that /metrics shows, as container_label_NAME; may be given several times. Without it none is
    /// shown: each makes every series of a container another when it changes
    #[arg(long = "container-label", value_name = "NAME")]
    pub(crate) container_labels: Vec<String>,

    /// How rows of containers are laid out. `wide` has few measurements with many fields: container_cpu, container_memory and
    /// so on. `cadvisor` has those of cAdvisor's InfluxDB driver, for dashboards made for it: a measurement for each value, as
    /// cpu_usage_total and memory_usage, with the field `value`, the tags `machine` and `container_name`, and all labels of the
    /// container as tags. The page of cgroups is drawn from `wide` alone
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = StorageLayout::Wide)]
    pub(crate) storage_driver_layout: StorageLayout,

    /// Docker's socket, as /var/run/docker.sock: it is asked about containers of which its files tell nothing. Without it no
    /// daemon is asked
    #[arg(long, value_name = "SOCKET", value_parser = socket)]
    pub(crate) docker: Option<PathBuf>,

    /// containerd's socket, as /run/containerd/containerd.sock, or /run/k3s/containerd/containerd.sock with k3s: it is asked
    /// for the labels of containers, which are in no file, and for what its files do not tell
    #[arg(long, value_name = "SOCKET", value_parser = socket)]
    pub(crate) containerd: Option<PathBuf>,

    /// How long samples are kept; 0s keeps them for ever
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = retention)]
    pub(crate) retention: DurationLiteral,

    /// How much the folder may take on the disk, as 10GB, 512MiB or plain bytes: the oldest samples go first, whatever their age.
    /// Without it only age counts
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_disk: Option<u64>,

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

    /// Connections at a time; whoever comes when there are so many waits until one ends
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: u32,

    /// How long a client may take to ask, and take nothing of its answer, before it is hung up on. The body of a request may
    /// take twice that in all, and its next bytes a third
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = patience)]
    pub(crate) patience: DurationLiteral,

    /// Asks everybody for a name and a password; users and their rights are made as in InfluxDB. The first statement that
    /// is answered is CREATE USER name WITH PASSWORD 'password' WITH ALL PRIVILEGES. Pages are shown to whoever may read
    /// what they show
    #[arg(long)]
    pub(crate) auth: bool,

    /// A file with a secret: requests may then come with a token (JSON Web Token) that was signed with it. Space around
    /// it does not count
    #[arg(long, value_name = "FILE", requires = "auth")]
    pub(crate) auth_secret: Option<PathBuf>,
}

/// The value of `--storage-driver-layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StorageLayout {
    Wide,
    Cadvisor,
}

impl From<StorageLayout> for Layout {
    fn from(layout: StorageLayout) -> Self {
        match layout {
            StorageLayout::Wide => Layout::Wide,
            StorageLayout::Cadvisor => Layout::Cadvisor,
        }
    }
}

/// The path of a socket, with or without the scheme that cAdvisor's options have.
fn socket(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text.strip_prefix("unix://").unwrap_or(text));
    match path.is_absolute() {
        true => Ok(path),
        false => Err(format!("expected the path of a socket, found {text}")),
    }
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

fn patience(text: &str) -> Result<DurationLiteral, String> {
    let patience = duration(text)?;
    if patience.nanos() < 1_000_000 {
        return Err(format!("expected at least 1ms, found {text}"));
    }
    Ok(patience)
}

/// A number of bytes: kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(format!("expected a size as 10GB or 512MiB, found {text}")),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match bytes {
        Some(bytes) if bytes >= 16 << 20 => Ok(bytes),
        Some(_) => Err(format!("expected at least 16MiB, found {text}")),
        None => Err(format!("expected a size as 10GB or 512MiB, found {text}")),
    }
}

fn retention(text: &str) -> Result<DurationLiteral, String> {
    let retention = duration(text)?;
    if retention.nanos() != 0 && retention.nanos() < 3_600_000_000_000 {
        return Err(format!("expected 0s or at least 1h, found {text}"));
    }
    Ok(retention)
}
