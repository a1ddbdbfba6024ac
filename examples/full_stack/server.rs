//! The HTTP server: takes requests off the network and gives them to [`Stack::answer`], which knows no server.
//!
//! ```text
//! connection -> head in time, body in time and not too large -> Stack::answer on a thread where it may block
//!     <- head, then the body piece by piece, each made when the last has gone out; given up if nothing goes out
//! ```
//!
//! A client costs memory and patience, both bounded: connections are counted, large bodies are few at a time, and whoever
//! neither sends nor takes anything for a while is hung up on. A client that goes away stops its query.

mod answer;
mod bodies;
mod patience;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use stripchart_query::http::ClientAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::stack::Stack;
use answer::Shared;
use patience::Patient;

/// What clients may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Connections at a time; others wait to be accepted.
    pub(crate) connections: usize,
    /// How long the head of a request may take, how long a connection may be idle between two requests, and how long a client
    /// may take nothing of its answer.
    pub(crate) patience: Duration,
}

impl Manners {
    /// How long the next bytes of a body may take.
    fn next_bytes(self) -> Duration {
        self.patience / 3
    }

    /// How long all of a body may take.
    fn body(self) -> Duration {
        self.patience * 2
    }
}

/// Lines of a head.
const HEADERS_MAX: usize = 64;
/// Bytes of a head, and of what is buffered of an answer.
const BUFFER_BYTES: usize = 64 << 10;
/// Requests answered at a time; the others wait. Answers are computed on threads of their own, a few milliseconds each.
const ANSWERS_AT_A_TIME: usize = 4;
/// How often it is looked whether something went wrong.
const WARN_EVERY: Duration = Duration::from_secs(5);
/// How long answers under way may take once a stop was asked for; if it is asked for again, no longer.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// How long to wait before the next connection is accepted when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the address could not be taken.
#[derive(Debug)]
pub(crate) struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "{} is taken by another program (an InfluxDB, or this one started twice?): stop that one, or choose \
                 another address with --listen",
                self.address
            ),
            io::ErrorKind::PermissionDenied => {
                write!(
                    f,
                    "{} may not be listened on: choose a port of 1024 or above with --listen",
                    self.address
                )
            }
            _ => write!(f, "{} cannot be listened on (--listen)", self.address),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Takes the address.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let error = |source| BindError { address, source };
    let listener = TcpListener::bind(address).map_err(error)?;
    listener.set_nonblocking(true).map_err(error)?;
    Ok(listener)
}

/// Serves until SIGINT or SIGTERM, then lets answers under way finish.
pub(crate) fn serve(listener: TcpListener, stack: &Arc<Stack>, manners: Manners) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("http-answer")
        .max_blocking_threads(ANSWERS_AT_A_TIME)
        .build()?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let app = Router::new().fallback(answer::answer).with_state(Shared::new(stack, manners));
        let connections = GracefulShutdown::new();
        {
            let mut accepting = pin!(accept(&listener, &app, &connections, manners));
            let mut stop_asked = pin!(asked_to_stop());
            let mut warn = tokio::time::interval(WARN_EVERY);
            loop {
                tokio::select! {
                    asked = &mut stop_asked => break asked?,
                    () = &mut accepting => {}
                    _ = warn.tick() => stack.print_warnings(),
                }
            }
        }
        drop(listener);
        stack.end_streams();
        // Idle connections close at once; the others when their answer is out, or when the time is up.
        tokio::select! {
            _ = tokio::time::timeout(STOP_GRACE, connections.shutdown()) => {}
            _ = asked_to_stop() => {}
        }
        Ok(())
    });
    // Whoever still computes for a client that was given up is not waited for.
    runtime.shutdown_background();
    served
}

/// Accepts connections for ever.
async fn accept(
    listener: &tokio::net::TcpListener,
    app: &Router,
    connections: &GracefulShutdown,
    manners: Manners,
) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(manners.patience)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES);
    let places = Arc::new(Semaphore::new(manners.connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, client) = match listener.accept().await {
            Ok((stream, client)) => (stream, ClientAddress(client.ip())),
            Err(_gone_or_no_descriptors) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Patient::new(stream, manners.patience));
        let app = TowerToHyperService::new(app.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            app.call(request)
        });
        let connection = connections.watch(server.serve_connection(io, service));
        tokio::spawn(async move {
            // Its end concerns nobody but the client, who sees it.
            let _ = connection.await;
            drop(place);
        });
    }
}

async fn asked_to_stop() -> io::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
