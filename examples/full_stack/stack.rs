//! The suite, assembled: one database, what fills it, what asks it, and the answers to HTTP requests.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{Request, Response};
use stripchart_collector::kubernetes::{ClusterSampler, ClusterSamplerGuard, SummarySource};
use stripchart_collector::{Sampler, SamplerGuard};
use stripchart_core::{Clock, DurationLiteral, Timestamp};
use stripchart_query::Engine;
use stripchart_query::http::{Guard, Influx};
use stripchart_render::page::Site;
use stripchart_storage::{Background, Db, PolicySpec, SyncPolicy};

use crate::args::Args;

/// Database of this host's samples.
const HOST_DATABASE: &str = "stripchart";
/// Database of the clusters' samples, under the name and policy that Heapster gave it.
const CLUSTER_DATABASE: &str = "k8s";
/// At most this long after it was acknowledged a write survives a power cut; `kill -9` it survives at once.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that runs. Fields are dropped in order: what fills the database before the database.
pub(crate) struct Stack {
    host: Option<SamplerGuard>,
    cluster: Option<ClusterSamplerGuard>,
    background: Background,
    db: Db,
    influx: Influx,
    guard: Guard,
    site: Site,
    engine: Arc<Engine>,
    summary: String,
}
