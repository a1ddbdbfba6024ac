//! Pages about containers, as data: what stands on them, for whoever draws.
//!
//! A [`ContainerPage`] is a row of [`Frame`]s in the order in which they stand on the page. The name of a frame says what it
//! is, its tag `title` what it is called:
//!
//! | frame | columns | other tags |
//! | --- | --- | --- |
//! | `crumbs` | `name`, `href`: the pages above, this one last | |
//! | `section` | none: a heading | |
//! | `facts` | `name`, `value` | |
//! | `links` | `name`, `href` | |
//! | `gauges` | `name`, `percent`, `text` | |
//! | `bars` | `name`, `used`, `capacity`, `text` | |
//! | `stacks` | `name`, `value` of each part | `total`: what all parts and the rest come to |
//! | `choice` | `value`: what the parameter may be | `parameter`; `current`: its value here |
//! | `series` | `time` and one of numbers: a line of the chart called `title` | `series`: the line's name |
//! | `table` | any; `href`, where there is one, is where the first leads | `all`: how many rows there would be |
//! | `note` | `text` | |
//!
//! Numbers have units where they have one. Nothing in a frame is markup.

mod build;
mod container;
mod courses;

use std::sync::Arc;

use stripchart_core::{Frame, Timestamp};

use super::lookup;
use super::model::{Containers, Subject};
use super::request::{Query, container_name, decoded};
use super::{CadvisorApi, ps};
use crate::cgroup::Runtime;
use crate::node::MachineInfo;
use build::{Grid, section, text_note};

/// What a page of a container shows.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ContainerPage {
    /// 200, or 404 where there is no such container.
    pub status: u16,
    /// The page's title.
    pub title: String,
    /// What stands on it; see the table above.
    pub frames: Vec<Frame>,
}

impl CadvisorApi {
    /// The page at `path`, if that is `/containers/...`, `/docker/...` or `/podman/...`; `query` is what stands after the
    /// question mark: `interface` chooses the one whose traffic is shown, `rows=all` shows every process.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use stripchart_collector::{Node, cadvisor::CadvisorApi};
    /// use stripchart_core::Timestamp;
    ///
    /// let api = CadvisorApi::new(Arc::new(Node::new()));
    /// let page = api.page("/containers/nowhere", "", Timestamp::EPOCH).expect("one of its paths");
    /// assert_eq!(page.status, 404);
    /// assert!(api.page("/elsewhere", "", Timestamp::EPOCH).is_none());
    /// ```
    #[must_use]
    pub fn page(&self, path: &str, query: &str, now: Timestamp) -> Option<ContainerPage> {
        let (kind, name) = path.strip_prefix('/')?.split_once('/')?;
        let name = decoded(name);
        let query = Query::parse(query);
        let runtime = match kind {
            "containers" => None,
            "docker" => Some(Runtime::Docker),
            "podman" => Some(Runtime::Podman),
            _ => return None,
        };
        let found = {
            let containers = self.node.containers();
            match runtime {
                None => lookup::by_path(&containers, &container_name(&name))
                    .map(|(path, _)| Arc::clone(path)),
                Some(runtime) if name.trim_matches('/').is_empty() => {
                    return Some(list(&containers, &self.node.machine(), runtime));
                }
                Some(runtime) => lookup::by_name(&containers, runtime, &name),
            }
        };
        Some(match found {
            Ok(path) => self.container_page(&path, runtime, &query, now),
            Err(why) => not_found(why),
        })
    }

    fn container_page(
        &self,
        path: &Arc<str>,
        runtime: Option<Runtime>,
        query: &Query,
        now: Timestamp,
    ) -> ContainerPage {
        // Before the node is held: this reads files.
        let processes = ps::list(&self.roots, path, now);
        let machine = self.node.machine();
        let containers = self.node.containers();
        // It may have gone meanwhile.
        let Some(container) = containers.get(path) else {
            return not_found(format!("unknown container {path:?}"));
        };
        let subject = Subject { path, container, machine: &machine };
        let shown = container::Shown { subject, containers: &containers, runtime, query };
        ContainerPage { status: 200, title: title_of(&subject), frames: shown.frames(processes) }
    }
}

/// The name that people know a container by.
fn title_of(subject: &Subject<'_>) -> String {
    let about = &subject.container.about;
    let pod = about.pod.as_ref().and_then(|pod| pod.name.as_deref());
    match (pod, about.container_name.as_deref(), about.aliases.first()) {
        (Some(pod), Some(container), _) => format!("{container} ({pod})"),
        (Some(pod), None, _) => pod.to_owned(),
        (None, _, Some(alias)) if about.runtime.is_some() => alias.to_string(),
        _ if subject.path == "/" => "Root container".to_owned(),
        _ => subject.path.to_owned(),
    }
}

/// Where the page of the container at `path` is.
fn address(path: &str) -> String {
    let mut out = "/containers".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn not_found(why: String) -> ContainerPage {
    ContainerPage {
        status: 404,
        title: "No such container".to_owned(),
        frames: vec![
            text_note(&format!("{why}: it may be gone. ")),
            Grid::new("links", "")
                .text("name", ["All containers"])
                .text("href", ["/containers/"])
                .done(),
        ],
    }
}

/// `/docker/` and `/podman/`: all containers of a runtime.
fn list(containers: &Containers, machine: &MachineInfo, runtime: Runtime) -> ContainerPage {
    let title = match runtime {
        Runtime::Podman => "Podman containers",
        _ => "Docker containers",
    };
    let paths = lookup::of_runtime(containers, runtime);
    let subjects: Vec<Subject<'_>> = paths
        .iter()
        .filter_map(|path| {
            let (path, container) = containers.get_key_value(path)?;
            Some(Subject { path, container, machine })
        })
        .collect();
    let crumbs = Grid::new("crumbs", "")
        .text("name", ["/", title])
        .text("href", ["/containers/", ""])
        .done();
    let mut frames = vec![crumbs, section(title)];
    frames.push(match subjects.is_empty() {
        true => text_note("None is running."),
        false => container::table_of(title, &subjects),
    });
    ContainerPage { status: 200, title: title.to_owned(), frames }
}
