//! The suite, assembled: one database, what fills it, what asks it, and the answers to HTTP requests.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode};
use stripchart_collector::{ClusterSampler, ClusterSamplerGuard, Node, Sampler, SamplerGuard};
use stripchart_core::{Clock, Timestamp};
use stripchart_query::http::{Guard, InfluxDb};
use stripchart_query::{Cancel, ContinuousGuard, Engine, Limits, QueryError, Tick};
use stripchart_render::page::{Page, PageRequest, Site};
use stripchart_storage::{Background, Db, PolicyChange, PolicySpec, SyncPolicy};

use crate::args::Args;
use crate::body::Body;
use crate::node::NodeApis;
use crate::sources::Sources;

/// Database of this host's samples.
const HOST_DATABASE: &str = "stripchart";
/// Database of the clusters' samples and its policy, named as Heapster named them.
const CLUSTER_DATABASE: &str = "k8s";
const CLUSTER_POLICY: &str = "default";
/// At most this long after it was acknowledged a write survives a power cut; `kill -9` it survives at once.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Rows held in memory before they are sealed. A host at ten seconds fills a tenth of it in an hour.
const HEAD_BYTES: usize = 8 << 20;

/// Memory that one statement may use; a few run at a time.
const QUERY_BYTES: u64 = 128 << 20;

/// Everything that runs.
pub(crate) struct Stack {
    running: Mutex<Option<Running>>,
    db: Db,
    engine: Arc<Engine>,
    influx: InfluxDb,
    /// What is known of this host beside its history; `None` unless it is watched.
    node: Option<NodeApis>,
    guard: Guard,
    site: Site,
    /// Warnings that were printed, so that each is once.
    printed: Mutex<HashSet<String>>,
}

/// The threads; dropped in order, what fills the database before what keeps it.
struct Running {
    host: Option<SamplerGuard>,
    cluster: Option<ClusterSamplerGuard>,
    _continuous: ContinuousGuard,
    _background: Background,
}

impl Stack {
    /// Opens the database and starts what fills it.
    pub(crate) fn start(args: &Args, sources: Sources) -> Result<Self, Box<dyn Error>> {
        let db = Db::builder()
            .sync(SyncPolicy::Interval(SYNC_INTERVAL))
            .head_bytes(HEAD_BYTES)
            .max_disk_bytes(args.max_disk)
            .open(&args.data)?;
        keep_for(&db, HOST_DATABASE, "autogen", args)?;
        let engine = Arc::new(Engine::new(db.clone()));
        let clock: Arc<dyn Clock> = Arc::new(now);

        let (host, node) = match sources.host {
            true => {
                let sink = Arc::new(db.writer(HOST_DATABASE, None)?);
                let node = Arc::new(Node::new());
                let sampler = host_sampler(args, &node);
                let guard = sampler.spawn(sink, Arc::clone(&clock))?;
                let apis = NodeApis::new(&node, guard.handle(), args);
                (Some(guard), Some(apis))
            }
            false => (None, None),
        };
        let cluster = match sources.summaries.is_empty() {
            true => None,
            false => {
                keep_for(&db, CLUSTER_DATABASE, CLUSTER_POLICY, args)?;
                let sink = Arc::new(db.writer(CLUSTER_DATABASE, None)?);
                let sampler = ClusterSampler::builder()
                    .sources(sources.summaries)
                    .resolution(args.resolution.to_std())
                    .build()?;
                Some(sampler.spawn(sink, clock)?)
            }
        };
        let secret = match &args.auth_secret {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("--auth-secret {}: {error}", file.display()))?,
            None => String::new(),
        };
        let guard = Guard::new(args.allow_hosts.iter().cloned());
        let influx = InfluxDb::builder(Arc::clone(&engine))
            .guard(guard.clone())
            .authentication(args.auth)
            .shared_secret(secret.trim().as_bytes());
        let limits = Limits { max_memory_bytes: Some(QUERY_BYTES), ..Limits::default() };
        let continuous =
            engine.spawn_continuous(Arc::new(now), limits.clone(), warn_of_continuous)?;
        let running = Running { host, cluster, _continuous: continuous, _background: db.spawn()? };
        Ok(Stack {
            running: Mutex::new(Some(running)),
            influx: influx.limits(limits).build(),
            site: Site {
                host_database: HOST_DATABASE.to_owned(),
                cluster_database: CLUSTER_DATABASE.to_owned(),
                host_interval_ns: args.interval.nanos(),
                cluster_interval_ns: args.resolution.nanos(),
                containers_path: node.is_some().then(|| "/containers/".to_owned()),
                ..Site::default()
            },
            node,
            guard,
            engine,
            db,
            printed: Mutex::default(),
        })
    }

    /// Answers a request, whatever server it came through.
    ///
    /// `gone` stops the work; a long body is made while it is taken.
    pub(crate) fn answer(&self, request: &Request<Bytes>, gone: &Cancel) -> Response<Body> {
        if let Err(refusal) = self.guard.check(request) {
            return refusal.map(Body::from);
        }
        if let Some(response) = self.influx.answer(request, now(), gone) {
            return response.map(Body::from);
        }
        if let Some(response) = self.answer_of_node(request) {
            return response;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = Response::new(Body::from("pages are only read: GET or HEAD\n"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        if let Err(refusal) = self.may_see_pages(request) {
            return *refusal;
        }
        if let Some(page) =
            self.node.as_ref().and_then(|node| node.page(&self.site, request, now()))
        {
            return http_response(page);
        }
        let page_request =
            PageRequest::from_query(request.uri().query().unwrap_or_default(), now());
        http_response(self.site.respond(&*self.engine, request.uri().path(), &page_request))
    }

    /// The answer of cAdvisor's, the kubelet's and Prometheus' paths. Whoever may see pages may ask for these.
    fn answer_of_node(&self, request: &Request<Bytes>) -> Option<Response<Body>> {
        let answer = self.node.as_ref()?.answer(request, now())?;
        let open = request.uri().path() == "/healthz";
        match self.may_see_pages(request) {
            Err(refusal) if !open => Some(*refusal),
            _ => Some(answer),
        }
    }

    /// Ends answers that would not end by themselves: the server stops.
    pub(crate) fn end_streams(&self) {
        if let Some(node) = &self.node {
            node.end_streams();
        }
    }

    /// Whether whoever asks may see pages: they may read all that pages show.
    fn may_see_pages(&self, request: &Request<Bytes>) -> Result<(), Box<Response<Body>>> {
        if !self.influx.authenticates() {
            return Ok(());
        }
        let user = self
            .influx
            .who_asks(request, now())
            .map_err(|refusal| Box::new((*refusal).map(Body::from)))?;
        let catalog = self.db.catalog();
        let shown = [HOST_DATABASE, CLUSTER_DATABASE];
        let mut shown = shown.into_iter().filter(|name| catalog.database(name).is_some());
        if user.is_some_and(|user| shown.all(|name| user.may_read(name))) {
            return Ok(());
        }
        let why = "pages are shown to users who may read the databases that they show\n";
        let mut response = Response::new(Body::from(why));
        *response.status_mut() = StatusCode::FORBIDDEN;
        Err(Box::new(response))
    }

    /// Prints what went wrong since the last call, each thing once.
    pub(crate) fn print_warnings(&self) {
        if let Some(node) = &self.node {
            node.observe();
        }
        let mut warnings = Vec::new();
        if let Some(running) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(host) = &running.host {
                warnings.extend(host.take_warnings().iter().map(ToString::to_string));
                warnings.extend(
                    host.stats()
                        .last_sink_error
                        .map(|e| format!("samples of this host were lost: {e}")),
                );
            }
            if let Some(cluster) = &running.cluster {
                warnings.extend(cluster.take_warnings().iter().map(ToString::to_string));
            }
        }
        let stats = self.db.stats();
        warnings.extend(stats.read_only.map(|why| format!("the database takes no writes: {why}")));
        warnings.extend(
            stats.last_error.map(|error| format!("the database, in the background: {error}")),
        );
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in warnings {
            if printed.len() < 10_000 && !printed.contains(&warning) {
                eprintln!("warning: {warning}");
                printed.insert(warning);
            }
        }
    }

    /// Stops the threads and writes out what is in memory.
    pub(crate) fn stop(&self) -> Result<(), Box<dyn Error>> {
        drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.print_warnings();
        self.db.close()?;
        Ok(())
    }
}

/// What samples this host.
fn host_sampler(args: &Args, node: &Arc<Node>) -> Sampler {
    let mut sampler = Sampler::builder()
        .interval(args.interval.to_std())
        .layout(args.storage_driver_layout.into())
        .node(Arc::clone(node));
    if let Some(socket) = &args.docker {
        sampler = sampler.docker_socket(socket);
    }
    if let Some(socket) = &args.containerd {
        sampler = sampler.containerd_socket(socket);
    }
    sampler.build()
}

/// Makes `database` exist and keep its rows as long as asked for, however long it kept them before.
fn keep_for(db: &Db, database: &str, policy: &str, args: &Args) -> Result<(), Box<dyn Error>> {
    let spec = PolicySpec {
        name: Some(policy.to_owned()),
        duration_ns: Some(args.retention.nanos()).filter(|nanos| *nanos > 0),
        ..PolicySpec::default()
    };
    let change = PolicyChange {
        duration_ns: Some(spec.duration_ns),
        shard_duration_ns: Some(spec.effective_shard_duration_ns()),
        ..PolicyChange::default()
    };
    if db.catalog().database(database).is_none() {
        db.create_database(database, Some(spec))?;
    }
    db.alter_retention_policy(database, policy, change)?;
    Ok(())
}

fn http_response(page: Page) -> Response<Body> {
    let mut response = Response::builder().status(page.status);
    for (name, value) in page.headers() {
        response = response.header(name, value);
    }
    response.body(Body::from(page.body)).unwrap_or_default()
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Prints why a continuous query failed: it is tried again when it is due, so this may come often.
fn warn_of_continuous(tick: Result<Tick, QueryError>) {
    match tick {
        Ok(tick) => {
            for run in tick.runs {
                if let Some(error) = run.error {
                    eprintln!(
                        "warning: continuous query {} of {}: {error}",
                        run.name, run.database
                    );
                }
            }
        }
        Err(error) => eprintln!("warning: continuous queries: {error}"),
    }
}
