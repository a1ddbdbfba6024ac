//! The HTTP server: takes requests off the network and gives them to [`Stack::answer`], which knows no server.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::bodies::{Bodies, Unread};
use crate::stack::Stack;

/// Bytes of a request's body as it comes, InfluxDB's `max-body-size`; decompressed ones are limited by the handlers.
const BODY_BYTES_MAX: usize = 25_000_000;
/// Requests answered at a time; the others wait. Answers are computed on threads of their own, a few milliseconds each.
const ANSWERS_AT_A_TIME: usize = 4;
/// How often it is looked whether something went wrong.
const WARN_EVERY: Duration = Duration::from_secs(5);
/// How long answers under way may take once a stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(5);

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
pub(crate) fn serve(listener: TcpListener, stack: &Arc<Stack>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("http-answer")
        .max_blocking_threads(ANSWERS_AT_A_TIME)
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let shared = Shared {
            stack: Arc::clone(stack),
            turns: Arc::new(Semaphore::new(ANSWERS_AT_A_TIME)),
            bodies: Bodies::new(ANSWERS_AT_A_TIME),
        };
        let app = Router::new().fallback(answer).with_state(shared);
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let server = axum::serve(listener, app).with_graceful_shutdown(async move {
            let _ = stopped.changed().await;
        });
        let server = tokio::spawn(async move { server.await });
        let mut warn = tokio::time::interval(WARN_EVERY);
        let mut stop_asked = pin!(asked_to_stop());
        loop {
            tokio::select! {
                asked = &mut stop_asked => break asked?,
                _ = warn.tick() => stack.print_warnings(),
            }
        }
        let _ = stop.send(true);
        match tokio::time::timeout(STOP_GRACE, server).await {
            Ok(ended) => ended.unwrap_or(Ok(())),
            Err(_too_slow) => Ok(()),
        }
    })
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

#[derive(Clone)]
struct Shared {
    stack: Arc<Stack>,
    turns: Arc<Semaphore>,
    bodies: Bodies,
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = match shared.bodies.read(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => {
            let text = "{\"error\":\"Request Entity Too Large\"}\n";
            return plain(StatusCode::PAYLOAD_TOO_LARGE, text);
        }
        Err(Unread::Broken) => {
            return plain(StatusCode::BAD_REQUEST, "{\"error\":\"the body ended early\"}\n");
        }
    };
    // Only now: a client that sends slowly must not keep others from being answered.
    let Ok(_turn) = shared.turns.acquire().await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    };
    let request = axum::http::Request::from_parts(head, body);
    let stack = Arc::clone(&shared.stack);
    match tokio::task::spawn_blocking(move || stack.answer(&request)).await {
        Ok(response) => response.map(Body::from),
        Err(_panicked) => {
            plain(StatusCode::INTERNAL_SERVER_ERROR, "{\"error\":\"the answer failed\"}\n")
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
