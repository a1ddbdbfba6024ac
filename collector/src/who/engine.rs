//! Docker's engine, asked through its socket.
//!
//! Of use where Docker's files cannot be read: for a program without root's rights that is in the group `docker`, or in a
//! container into which only the socket was mounted. Two questions of the API, which every version since 1.12 answers:
//!
//! ```text
//! GET /containers/json       all that run: id, names, image, labels, created        once in a sample
//! GET /containers/ID/json    one of them: all there is                              some in a sample
//! ```
//!
//! Each question is a connection of its own. A daemon that does not answer within a second is left alone for a minute.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stripchart_core::Timestamp;

use super::facts::Facts;
use super::runtime::{Inspected, Search};
use super::socket::{Socket, malformed};
use crate::cgroup::Runtime;
use crate::warnings::Warnings;

/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long a daemon is left alone that did not answer.
const LEFT_ALONE_NS: i64 = 60_000_000_000;

/// Containers that are asked about one by one in a sample; the others have what the list tells until it is their turn.
const INSPECTED_MAX: usize = 8;

/// Longest answer: the list has about 2 KiB for each container.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The engine behind a socket.
#[derive(Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
    again: Option<Timestamp>,
    inspected: usize,
    /// Containers of this sample's list; `None` until it was asked for.
    listed: Option<HashMap<Box<str>, Listed>>,
}

/// An entry of the list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Listed {
    id: Box<str>,
    names: Option<Vec<Box<str>>>,
    image: Box<str>,
    created: i64,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    host_config: Option<ListedHostConfig>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ListedHostConfig {
    network_mode: Box<str>,
}

impl Engine {
    /// The engine behind `socket`; it is asked when something is to be known.
    pub(crate) fn new(socket: &Path) -> Self {
        Engine { socket: socket.to_owned(), again: None, inspected: 0, listed: None }
    }

    /// Before each round of questions.
    pub(crate) fn begin(&mut self) {
        self.inspected = 0;
        self.listed = None;
    }

    /// What the engine tells of the container that is searched for, and whether that is all; `None` if it knows none.
    pub(crate) fn ask(&mut self, search: &mut Search<'_>, now: Timestamp) -> Option<(Facts, bool)> {
        if self.again.is_some_and(|again| now < again) {
            return None;
        }
        if self.inspected < INSPECTED_MAX {
            self.inspected += 1;
            let path = format!("/containers/{}/json", search.id);
            let inspected: Inspected = self.get(&path, now, search.warnings)?;
            return Some((inspected.into_facts(search), true));
        }
        if self.listed.is_none() {
            let list: Vec<Listed> = self.get("/containers/json", now, search.warnings)?;
            let by_id = list.into_iter().map(|listed| (listed.id.clone(), listed));
            self.listed = Some(by_id.collect());
        }
        let listed = self.listed.as_ref()?.get(search.id)?.clone();
        Some((listed.into_facts(), false))
    }

    fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
        now: Timestamp,
        warnings: &mut Warnings,
    ) -> Option<T> {
        let answer = get(&self.socket, path).and_then(|body| match body {
            None => Ok(None),
            Some(body) => serde_json::from_slice(&body).map(Some).map_err(io::Error::other),
        });
        match answer {
            Ok(answer) => {
                warnings.good(&self.socket);
                answer
            }
            Err(error) => {
                self.again = Some(now.saturating_add(LEFT_ALONE_NS));
                let message =
                    format!("gave no answer to {path} ({error}); names and labels are left out");
                warnings.warn(&self.socket, message);
                None
            }
        }
    }
}

impl Listed {
    fn into_facts(self) -> Facts {
        let labels = self.labels.unwrap_or_default();
        let label = |key: &str| labels.get(key).filter(|value| !value.is_empty()).cloned();
        let sandbox = label("io.kubernetes.docker.type").as_deref() == Some("podsandbox");
        let name = self.names.and_then(|names| names.into_iter().next());
        Facts {
            runtime: Some(Runtime::Docker),
            name: name.map(|name| name.trim_start_matches('/').into()),
            image: Some(self.image),
            pod_uid: label("io.kubernetes.pod.uid"),
            pod_name: label("io.kubernetes.pod.name"),
            pod_namespace: label("io.kubernetes.pod.namespace"),
            container_name: label("io.kubernetes.container.name").filter(|_| !sandbox),
            sandbox,
            created: (self.created > 0).then(|| Timestamp::from_secs(self.created)),
            host_network: self.host_config.is_some_and(|host| &*host.network_mode == "host"),
            labels,
            ..Facts::default()
        }
    }
}

/// The body of the answer to `GET path`; `None` if it is that there is no such thing.
fn get(socket: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    let mut stream = Socket::connect(socket, DEADLINE)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(malformed("an answer of at most 16 MiB"));
        }
        if is_whole(&answer) {
            break;
        }
    }
    body(&answer)
}

/// Where the head of `answer` ends and its body begins.
fn head_end(answer: &[u8]) -> Option<usize> {
    memchr::memmem::find(answer, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Whether nothing more is to come, although the other side has not closed: one of old that keeps connections.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = head_end(answer) else { return false };
    let Ok(head) = std::str::from_utf8(&answer[..end]) else { return false };
    let length = header(head, "content-length").and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() - end >= length)
}

fn body(answer: &[u8]) -> io::Result<Option<Vec<u8>>> {
    const HEAD: &str = "the head of an HTTP answer";
    let end = head_end(answer).ok_or_else(|| malformed(HEAD))?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| malformed(HEAD))?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    match status {
        Some("200") => {}
        Some("404") => return Ok(None),
        Some(status) => {
            return Err(io::Error::other(format!("expected status 200, found {status}")));
        }
        None => return Err(malformed(HEAD)),
    }
    let body = &answer[end..];
    if header(head, "transfer-encoding")
        .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    {
        return dechunked(body).map(Some);
    }
    match header(head, "content-length") {
        None => Ok(Some(body.to_vec())),
        Some(length) => {
            let length = length.parse::<usize>().ok().filter(|length| *length <= body.len());
            let length = length.ok_or_else(|| malformed("as many bytes as the head says"))?;
            Ok(Some(body[..length].to_vec()))
        }
    }
}

/// Puts pieces together, each of which has its length in hexadecimal on a line before it; the last has none.
fn dechunked(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    const PIECE: &str = "a piece with its length before it";
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").ok_or_else(|| malformed(PIECE))?;
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| malformed(PIECE))?;
        if size == 0 {
            return Ok(body);
        }
        rest = &rest[end + 2..];
        let piece = rest.get(..size).ok_or_else(|| malformed(PIECE))?;
        body.extend_from_slice(piece);
        rest = rest[size..].strip_prefix(b"\r\n").ok_or_else(|| malformed(PIECE))?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;
    use std::thread::JoinHandle;

    use super::*;
    use crate::Roots;
    use crate::cgroup::Identity;

    /// Answers one question after the other with `answers`; gives the questions when it has no more.
    fn daemon(answers: Vec<String>) -> (tempfile::TempDir, PathBuf, JoinHandle<Vec<String>>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let thread = std::thread::spawn(move || {
            let answered = answers.into_iter().map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = String::new();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                lines.read_line(&mut question).unwrap();
                let mut line = String::new();
                while lines.read_line(&mut line).unwrap() > 2 {
                    line.clear();
                }
                stream.write_all(answer.as_bytes()).unwrap();
                question.trim().to_owned()
            });
            answered.collect()
        });
        (folder, socket, thread)
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn ask(
        engine: &mut Engine,
        id: &str,
        secs: i64,
        warnings: &mut Warnings,
    ) -> Option<(Facts, bool)> {
        let (roots, identity) = (Roots::below("/no/such"), Identity::default());
        let mut mounts = super::super::runtime::Mounts::default();
        let mut search = Search {
            roots: &roots,
            id,
            identity: &identity,
            home: None,
            envs: &["A".into()],
            mounts: &mut mounts,
            warnings,
        };
        engine.ask(&mut search, Timestamp::from_secs(secs))
    }

    #[test]
    fn the_engine_is_asked_about_some_and_has_a_list_of_the_others() {
        let inspected = r#"{"Id":"c0","Name":"/web","Created":"2026-05-01T10:00:00Z","Config":{"Image":"nginx","Env":["A=b"],
            "Labels":{"x":"y"}},"HostConfig":{"NetworkMode":"host"},"RestartCount":3,
            "GraphDriver":{"Name":"overlay2","Data":{"UpperDir":"/up"}}}"#;
        let listed =
            r#"[{"Id":"c8","Names":["/db"],"Image":"pg","Created":1777629600,"Labels":{"x":"z"}}]"#;
        let mut answers = vec![ok(inspected); 8];
        answers.push(ok(listed));
        let (_folder, socket, thread) = daemon(answers);
        let (mut engine, mut warnings) = (Engine::new(&socket), Warnings::default());
        engine.begin();
        for _ in 0..8 {
            let (facts, all) = ask(&mut engine, "c0", 0, &mut warnings).unwrap();
            assert!(all && facts.host_network);
            assert_eq!((facts.name.as_deref(), facts.restarts), (Some("web"), Some(3)));
            assert_eq!((&*facts.envs["A"], facts.writable_layer.as_deref()), ("b", Some("/up")));
        }
        for _ in 0..3 {
            let (facts, all) = ask(&mut engine, "c8", 0, &mut warnings).unwrap();
            assert!(!all);
            assert_eq!((facts.name.as_deref(), facts.image.as_deref()), (Some("db"), Some("pg")));
        }
        assert_eq!(ask(&mut engine, "c9", 0, &mut warnings), None);
        let questions = thread.join().unwrap();
        assert_eq!(questions[0], "GET /containers/c0/json HTTP/1.1");
        assert_eq!(questions[8], "GET /containers/json HTTP/1.1");
        assert!(warnings.take().is_empty());
    }

    #[test]
    fn a_daemon_that_is_not_there_is_left_alone_for_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let (mut engine, mut warnings) = (Engine::new(&socket), Warnings::default());
        assert_eq!(ask(&mut engine, "c0", 0, &mut warnings), None);
        assert_eq!(warnings.take().len(), 1);
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(ask(&mut engine, "c0", 59, &mut warnings), None);
        assert!(listener.accept().is_err(), "nobody called");
        drop(listener);
        assert_eq!(ask(&mut engine, "c0", 61, &mut warnings), None);
        assert!(warnings.take().is_empty(), "told once");
    }

    #[test]
    fn answers_come_in_one_piece_in_several_or_until_the_end() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", Ok(Some("ab"))),
            ("HTTP/1.0 200 OK\r\n\r\nabc", Ok(Some("abc"))),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
                Ok(Some("abc")),
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n{}", Ok(None)),
            ("HTTP/1.1 500 Oops\r\n\r\n", Err("expected status 200, found 500")),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
                Err("expected as many bytes as the head says"),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab",
                Err("expected a piece"),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                Err("expected a piece"),
            ),
            ("hello", Err("expected the head")),
            ("", Err("expected the head")),
        ];
        for (answer, want) in cases {
            match (body(answer.as_bytes()), want) {
                (Ok(got), Ok(want)) => {
                    assert_eq!(got.as_deref(), want.map(str::as_bytes), "{answer}")
                }
                (Err(got), Err(want)) => assert!(got.to_string().starts_with(want), "{got}"),
                (got, want) => panic!("{answer}: {got:?} is not {want:?}"),
            }
        }
    }
}
