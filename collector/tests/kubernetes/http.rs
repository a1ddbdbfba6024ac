//! Fetching over HTTP from a server on the loopback interface.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use stripchart_collector::kubelet::{FetchError, FetchLimits, SummarySource};

use crate::{fixture, tiny};

/// Serves one connection with `answer`, which gets the request's first line; returns the address.
fn serve(
    answer: impl FnOnce(&str, &mut TcpStream) + Send + 'static,
) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            request.push(byte[0]);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        answer(request.lines().next().unwrap_or_default(), &mut stream);
        request
    });
    (address, server)
}

fn respond(status: &str, body: Vec<u8>) -> impl FnOnce(&str, &mut TcpStream) + Send + 'static {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    move |_, stream| {
        // The client may hang up before the end of what it does not want.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }
}

fn source(text: &str) -> SummarySource {
    text.parse().expect("a source")
}

fn limits(max_bytes: usize) -> FetchLimits {
    FetchLimits::new(Duration::from_secs(30), max_bytes)
}

#[test]
fn a_kubelet_is_asked_for_its_summary() {
    let (address, server) = serve(respond("200 OK", fixture("birch-0.json")));
    let source = source(&format!("summary:http://{address}"));
    assert_eq!(source.name(), format!("http://{address}/stats/summary"));
    let summary = source.fetch(&limits(1 << 20)).unwrap();
    assert_eq!(summary.node.node_name, "birch");
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /stats/summary HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nuser-agent: stripchart/"), "{request}");
}

#[test]
fn a_path_and_a_query_are_kept() {
    let (address, server) = serve(respond("200 OK", tiny("n", 1)));
    let source = source(&format!(
        "http://{address}/api/v1/nodes/n/proxy/stats/summary?only_cpu_and_memory=true"
    ));
    source.fetch(&limits(1 << 20)).unwrap();
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /api/v1/nodes/n/proxy/stats/summary?only_cpu_and_memory=true "),
        "{request}"
    );
}

#[test]
fn other_answers_than_a_summary_are_told_apart() {
    let long = b" ".repeat(100_000);
    type Case = (&'static str, Vec<u8>, fn(&FetchError) -> bool);
    let cases: [Case; 5] = [
        (
            "500 Internal Server Error",
            b"no stats".to_vec(),
            |error| matches!(error, FetchError::Status { status: 500, answer } if answer == "no stats"),
        ),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", Vec::new(), |error| {
            matches!(error, FetchError::Status { status: 302, .. })
        }),
        ("200 OK", b"<html>".to_vec(), |error| matches!(error, FetchError::Document { .. })),
        ("200 OK", long.clone(), |error| matches!(error, FetchError::TooLong { max_bytes: 1000 })),
        ("404 Not Found", long, |error| matches!(error, FetchError::Status { status: 404, .. })),
    ];
    for (status, body, expected) in cases {
        let (address, server) = serve(respond(status, body));
        let error = source(&format!("http://{address}")).fetch(&limits(1000)).unwrap_err();
        assert!(expected(&error), "{status}: {error:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let (address, server) = serve(|_, stream| {
        let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while written.is_ok() {
            written = stream.write_all(&[b' '; 4096]); // until the client hangs up
        }
    });
    let error = source(&format!("http://{address}")).fetch(&limits(10_000)).unwrap_err();
    assert!(matches!(error, FetchError::TooLong { max_bytes: 10_000 }), "{error:?}");
    server.join().unwrap();
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let (address, server) = serve(move |_, stream| {
            stream.write_all(said.as_bytes()).expect("written");
            let _ = stream.read(&mut [0]); // until the client hangs up
        });
        let limits = FetchLimits::new(Duration::from_millis(50), 1000);
        let error = source(&format!("http://{address}")).fetch(&limits).unwrap_err();
        assert!(matches!(error, FetchError::Timeout { .. }), "{said:?}: {error:?}");
        assert_eq!(error.to_string(), "expected an answer within 50ms, found none");
        server.join().unwrap();
    }
}

#[test]
fn a_dead_server_is_an_error_at_once() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let error = source(&format!("http://{address}")).fetch(&limits(1000)).unwrap_err();
    assert!(matches!(error, FetchError::Io { op: "fetch", .. }), "{error:?}");
}

#[test]
fn a_server_that_hangs_up_early_is_an_error() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"node", "nonsense\r\n\r\n"]
    {
        let (address, server) = serve(move |_, stream| {
            stream.write_all(answer.as_bytes()).expect("written");
        });
        let error = source(&format!("http://{address}")).fetch(&limits(1000)).unwrap_err();
        assert!(
            matches!(error, FetchError::Io { .. } | FetchError::Http { .. }),
            "{answer:?}: {error:?}"
        );
        server.join().unwrap();
    }
}

#[test]
fn urls_are_checked() {
    for text in ["http://", "http://user:secret@a/", "http://a b/"] {
        let error = text.parse::<SummarySource>().unwrap_err().to_string();
        assert!(error.starts_with("source \"") && !error.contains("secret"), "{error}");
    }
    assert_eq!(source("http://[::1]:10255/").name(), "http://[::1]:10255/stats/summary");
}
