//! An InfluxDB in one small file: the query crate's HTTP functions on the server crate `tiny_http`.
//!
//! ```sh
//! cargo run --release --example tiny_server -- my-folder 127.0.0.1:8086
//! influx -execute 'CREATE DATABASE demo'
//! ```
//!
//! Between a server crate and [`InfluxDb`] there is only the translation of a request and of an answer: [`answer`], ten
//! lines. `full_stack` does the same with axum.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use stripchart_query::http::{Body, Guard, InfluxDb};
use stripchart_query::{Cancel, Engine};
use stripchart_storage::Db;

/// Threads, each of which answers one request at a time.
const THREADS: usize = 4;
/// Bytes of a body, one more than [`InfluxDb`] takes: it tells what is too much.
const BODY_BYTES: u64 = 25_000_001;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or("stripchart-tiny".to_owned());
    let address = arguments.next().unwrap_or("127.0.0.1:8086".to_owned());
    let db = Db::open(folder)?;
    let _background = db.spawn()?;
    let guard = Guard::new([address.clone()]);
    let influx = InfluxDb::builder(Arc::new(Engine::new(db))).guard(guard).build();
    let server = tiny_http::Server::http(address)?;
    println!("listening on http://{}/", server.server_addr());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for request in server.incoming_requests() {
                    if let Err(error) = answer(&influx, request) {
                        eprintln!("a request went unanswered: {error}");
                    }
                }
            });
        }
    });
    Ok(())
}

fn answer(influx: &InfluxDb, mut from: tiny_http::Request) -> Result<(), Box<dyn Error>> {
    let mut body = Vec::new();
    from.as_reader().take(BODY_BYTES).read_to_end(&mut body)?;
    let mut request = http::Request::builder().method(from.method().as_str()).uri(from.url());
    for header in from.headers() {
        request = request.header(header.field.as_str().as_str(), header.value.as_str());
    }
    let (request, now) = (request.body(body.into())?, SystemTime::now().into());
    let answer = influx.answer(&request, now, &Cancel::new());
    let (head, body) = answer.unwrap_or_else(|| influx.not_found(&request, now)).into_parts();
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        tiny_http::Header::from_bytes(name.as_str(), value.as_bytes()).ok()
    };
    let headers = head.headers.iter().filter_map(header).collect();
    let length = Body::len(&body);
    Ok(from.respond(tiny_http::Response::new(
        head.status.as_u16().into(),
        headers,
        body,
        length,
        None,
    ))?)
}
