//! containerd, asked through its socket.
//!
//! Its database has what is in no file of a running container: all labels, when it was made, and how often the kubelet made
//! it anew; and for a program that may not read those files it has the rest, too. One question for each container
//! ([`grpc`](super::grpc)), some in a sample:
//!
//! ```text
//! containerd.services.containers.v1.Containers/Get   containerd-namespace: k8s.io   {1: ID}
//! ```
//!
//! `k8s.io` is the kubelet's namespace, `default` that of `ctr` and `nerdctl`, `moby` Docker's. The connection is kept for
//! one sample. A daemon that does not answer within a second is left alone for a minute.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stripchart_core::Timestamp;

use super::facts::Facts;
use super::grpc::protobuf::write_bytes;
use super::grpc::{Client, Refusal};
use super::runtime::{Search, Told};
use super::socket::{Socket, malformed};
use crate::cgroup::{Identity, Runtime};
use crate::warnings::Warnings;

const GET: &str = "/containerd.services.containers.v1.Containers/Get";

/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// How long a daemon is left alone that did not answer.
const LEFT_ALONE_NS: i64 = 60_000_000_000;

/// Questions in a sample; other containers have their turn later.
const QUESTIONS_MAX: usize = 32;

/// The daemon behind a socket.
#[derive(Debug)]
pub(crate) struct Containerd {
    socket: PathBuf,
    again: Option<Timestamp>,
    asked: usize,
    client: Option<Client<Socket>>,
}

/// What came of asking.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// What it tells.
    Told(Box<Facts>),
    /// It knows no such container.
    Unknown,
    /// It is another container's turn, or it does not answer at present.
    Later,
}

impl Containerd {
    /// The daemon behind `socket`; it is asked when something is to be known.
    pub(crate) fn new(socket: &Path) -> Self {
        Containerd { socket: socket.to_owned(), again: None, asked: 0, client: None }
    }

    /// Before each round of questions.
    pub(crate) fn begin(&mut self) {
        self.asked = 0;
        self.client = None;
    }

    /// Asks about the container that is searched for.
    pub(crate) fn ask(&mut self, search: &mut Search<'_>, now: Timestamp) -> Asked {
        if self.again.is_some_and(|again| now < again) {
            return Asked::Later;
        }
        for namespace in namespaces(search.identity) {
            if self.asked >= QUESTIONS_MAX {
                return Asked::Later;
            }
            self.asked += 1;
            let answer = self.get(search.id, namespace);
            let told = answer.and_then(|answer| {
                answer.map(|answer| Told::parse(&answer, namespace, search.id)).transpose()
            });
            match told {
                Ok(None) => {}
                Ok(Some(told)) => {
                    search.warnings.good(&self.socket);
                    return Asked::Told(Box::new(told.into_facts(search)));
                }
                Err(error) => {
                    self.leave_alone(&error, now, search.warnings);
                    return Asked::Later;
                }
            }
        }
        search.warnings.good(&self.socket);
        Asked::Unknown
    }

    /// The message about container `id` of `namespace`; `None` if there is none.
    fn get(&mut self, id: &str, namespace: &str) -> io::Result<Option<Vec<u8>>> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(Client::open(Socket::connect(&self.socket, DEADLINE)?)?),
        };
        client.stream_mut().renew(DEADLINE);
        let mut question = Vec::new();
        write_bytes(&mut question, 1, id.as_bytes());
        match client.ask(GET, &[("containerd-namespace", namespace)], &question)? {
            Ok(answer) => Ok(Some(answer)),
            Err(Refusal { code: Refusal::NOT_FOUND, .. }) => Ok(None),
            Err(Refusal { code, message }) => {
                Err(malformed(format!("a container, found the refusal {code}: {message}")))
            }
        }
    }

    fn leave_alone(&mut self, error: &io::Error, now: Timestamp, warnings: &mut Warnings) {
        self.client = None;
        self.again = Some(now.saturating_add(LEFT_ALONE_NS));
        let message = format!("gave no answer about a container ({error}); labels are left out");
        warnings.warn(&self.socket, message);
    }
}

/// Where the container may be, likeliest first.
fn namespaces(identity: &Identity<'_>) -> &'static [&'static str] {
    match identity {
        Identity { runtime: Some(Runtime::Docker), .. } => &["moby"],
        Identity { pod_uid: Some(_), .. } => &["k8s.io"],
        _ => &["default", "k8s.io", "moby"],
    }
}

#[cfg(test)]
mod tests;
