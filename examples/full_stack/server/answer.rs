//! From a request to an answer: the body in, [`Stack::answer`] on a thread where it may block, the body out.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use stripchart_collector::cadvisor::Piece;
use stripchart_query::Cancel;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use super::Manners;
use super::bodies::Bodies;
use crate::body::Body;
use crate::stack::Stack;

/// Bytes of a request's body as it comes, InfluxDB's `max-body-size`; decompressed ones are limited by the handlers.
const BODY_BYTES_MAX: usize = 25_000_000;
/// Above so many bytes a body is a large one.
const LARGE_BODY_BYTES: usize = 256 << 10;
/// Large bodies at a time; the others wait before they are read on.
const LARGE_BODIES: usize = 8;
/// How often streams are looked at for something new.
const STREAM_PAUSE: Duration = Duration::from_millis(200);

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    stack: Arc<Stack>,
    large_bodies: Arc<Semaphore>,
    bodies: Bodies,
    manners: Manners,
}

impl Shared {
    pub(crate) fn new(stack: &Arc<Stack>, manners: Manners) -> Self {
        let large_bodies = Arc::new(Semaphore::new(LARGE_BODIES));
        Shared { stack: Arc::clone(stack), large_bodies, bodies: Bodies::default(), manners }
    }
}

/// Answers a request.
pub(crate) async fn answer(
    State(shared): State<Shared>,
    request: Request,
) -> Response<axum::body::Body> {
    let (head, body) = request.into_parts();
    let (body, _permit) = match received(body, &shared).await {
        Ok(body) => body,
        Err(status) => return refusal(status),
    };
    let gone = Gone(Cancel::new());
    let cancel = gone.0.clone();
    let request = axum::http::Request::from_parts(head, body);
    let stack = Arc::clone(&shared.stack);
    // If the client goes away meanwhile this future is dropped, and `gone` stops the work.
    match spawn_blocking(move || stack.answer(&request, &cancel)).await {
        Ok(response) => response
            .map(|body| axum::body::Body::new(Outgoing { state: Making::Idle(body), _gone: gone })),
        Err(_panicked) => refusal(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Stops a query when it is dropped.
struct Gone(Cancel);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Reads a body, and holds a permit as long as it is a large one.
async fn received(
    mut body: axum::body::Body,
    shared: &Shared,
) -> Result<(Bytes, Option<SemaphorePermit<'_>>), StatusCode> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let until = Instant::now() + shared.manners.body();
    let mut permit = None;
    let mut all = shared.bodies.begin(body.size_hint().lower());
    loop {
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = timeout_at(until.min(Instant::now() + shared.manners.next_bytes()), next).await;
        let Some(frame) = frame.map_err(|_late| StatusCode::REQUEST_TIMEOUT)? else { break };
        let frame = frame.map_err(|_broken| StatusCode::BAD_REQUEST)?;
        let Ok(bytes) = frame.into_data() else { continue }; // trailers
        if all.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if all.len() + bytes.len() > LARGE_BODY_BYTES && permit.is_none() {
            permit = shared.large_bodies.acquire().await.ok();
        }
        all.push(&bytes);
    }
    Ok((all.finish(), permit))
}

/// A body on its way out. Pieces that are not there yet are made on a thread where that may block, one at a time and only
/// when the one before has gone out.
struct Outgoing {
    state: Making,
    /// Whoever is at work on the next piece when this is dropped need not finish it.
    _gone: Gone,
}

enum Making {
    Idle(Body),
    /// A stream that had nothing new; it is looked at again after a pause, and takes no thread meanwhile.
    Waiting(Body, Pin<Box<Sleep>>),
    Busy(JoinHandle<(Body, Option<Bytes>)>),
    Over,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, Making::Over) {
                Making::Over => return Poll::Ready(None),
                Making::Idle(mut body) if body.len().is_some() => {
                    return Poll::Ready(body.next().map(|bytes| Ok(Frame::data(bytes))));
                }
                Making::Idle(mut body) if body.is_stream() => match body.poll() {
                    Piece::Ready(bytes) => {
                        self.state = Making::Idle(body);
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                    Piece::NotYet => {
                        self.state = Making::Waiting(body, Box::pin(sleep(STREAM_PAUSE)));
                    }
                    Piece::Over => return Poll::Ready(None),
                },
                Making::Waiting(body, mut pause) => match pause.as_mut().poll(context) {
                    Poll::Pending => {
                        self.state = Making::Waiting(body, pause);
                        return Poll::Pending;
                    }
                    Poll::Ready(()) => self.state = Making::Idle(body),
                },
                Making::Idle(mut body) => {
                    self.state = Making::Busy(spawn_blocking(move || {
                        let piece = body.next();
                        (body, piece)
                    }));
                }
                Making::Busy(mut task) => match Pin::new(&mut task).poll(context) {
                    Poll::Pending => {
                        self.state = Making::Busy(task);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok((body, piece))) => {
                        let Some(bytes) = piece else { return Poll::Ready(None) };
                        self.state = Making::Idle(body);
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                    // The connection is cut, so that nobody takes a part for the whole.
                    Poll::Ready(Err(panicked)) => {
                        return Poll::Ready(Some(Err(io::Error::other(panicked))));
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.state, Making::Over)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            Making::Idle(body) => match body.len() {
                Some(len) => SizeHint::with_exact(len as u64),
                None => SizeHint::default(),
            },
            Making::Busy(_) | Making::Waiting(..) => SizeHint::default(),
            Making::Over => SizeHint::with_exact(0),
        }
    }
}

fn refusal(status: StatusCode) -> Response<axum::body::Body> {
    let reason = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        other => other.canonical_reason().unwrap_or("the answer failed"),
    };
    let mut response = Response::new(format!("{{\"error\":\"{reason}\"}}\n").into());
    *response.status_mut() = status;
    response
}
