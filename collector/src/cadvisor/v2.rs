//! Versions 2.0 and 2.1.

use std::sync::Arc;
use std::time::Duration;

use stripchart_core::Timestamp;

use super::listing::{Listing, Shape};
use super::model::{self, Containers, Subject};
use super::reply::{Answer, json_of, json_response};
use super::request::{Options, Query};
use super::{Body, CadvisorApi, Json, VERSION, lookup, ps};

/// How long a sampler may take for a sample that somebody waits for.
const REFRESH_PATIENCE: Duration = Duration::from_secs(5);

impl CadvisorApi {
    pub(super) fn v2(
        &self,
        version: &str,
        kind: &str,
        name: &str,
        query: &Query,
        now: Timestamp,
    ) -> Answer {
        let options = Options::parse(query)?;
        if let (Some(max_age), Some(sampler)) = (options.max_age, &self.sampler) {
            // What is not to be had in time is answered with what there is, which tells its time.
            sampler.refresh(max_age, REFRESH_PATIENCE);
        }
        match kind {
            "version" => {
                let mut json = Json::new();
                json.string(VERSION);
                Ok(json_response(json))
            }
            "attributes" => {
                let mut json = Json::new();
                let containers = self.node.containers();
                let filesystems = lookup::host_filesystems(&containers);
                model::attributes(&mut json, &self.node.machine(), filesystems);
                Ok(json_response(json))
            }
            "machinestats" => self.machine_stats(&options),
            "storage" => self.storage(query),
            "ps" => self.ps(name, &options, now),
            "spec" => self.specs(name, &options),
            "summary" => self.summary(name, &options, now),
            "stats" if version == "v2.0" => self.stats_v2_0(name, &options),
            "stats" => self.stats_v2_1(name, &options),
            // Nothing asks containers for metrics of their own; whose name is wrong hears it.
            _ => {
                lookup::requested(&self.node.containers(), name, &options)?;
                let mut json = Json::new();
                json.object(|_| ());
                Ok(json_response(json))
            }
        }
    }

    /// A map of what `write` writes of each container asked for.
    fn map(
        &self,
        paths: Vec<Arc<str>>,
        mut write: impl FnMut(&mut Json, Subject<'_>) + Send + 'static,
    ) -> Answer {
        let write =
            move |json: &mut Json, subject: Subject<'_>, _: &Containers| write(json, subject);
        Ok(json_of(Body::listing(Listing::new(&self.node, paths, Shape::Map, write))))
    }

    fn requested(&self, name: &str, options: &Options) -> Result<Vec<Arc<str>>, String> {
        lookup::requested(&self.node.containers(), name, options)
    }

    fn specs(&self, name: &str, options: &Options) -> Answer {
        let paths = self.requested(name, options)?;
        self.map(paths, |json, subject| model::spec_v2(json, &subject))
    }

    fn summary(&self, name: &str, options: &Options, now: Timestamp) -> Answer {
        let paths = self.requested(name, options)?;
        self.observe();
        let summaries = Arc::clone(&self.summaries);
        self.map(paths, move |json, subject| summaries.write(json, subject.path, now))
    }

    fn stats_v2_0(&self, name: &str, options: &Options) -> Answer {
        let window = options.window;
        let paths = self.requested(name, options)?;
        self.map(paths, move |json, subject| {
            json.slice(subject.samples(window), |json, pair| {
                model::stats_v2_0(json, &subject, pair);
            });
        })
    }

    /// The root is left out: `machinestats` has it.
    fn stats_v2_1(&self, name: &str, options: &Options) -> Answer {
        let window = options.window;
        let mut paths = self.requested(name, options)?;
        paths.retain(|path| &**path != "/");
        self.map(paths, move |json, subject| {
            json.object(|json| {
                json.key("spec");
                model::spec_v2(json, &subject);
                json.key("stats").slice(subject.samples(window), |json, pair| {
                    model::stats_v2_1(json, &subject, pair);
                });
            });
        })
    }

    fn machine_stats(&self, options: &Options) -> Answer {
        let machine = self.node.machine();
        let containers = self.node.containers();
        let (path, container) = lookup::by_path(&containers, "/")?;
        let subject = Subject { path, container, machine: &machine };
        let mut json = Json::new();
        json.slice(subject.samples(options.window), |json, pair| {
            model::machine_stats(json, &subject, pair);
        });
        Ok(json_response(json))
    }

    fn storage(&self, query: &Query) -> Answer {
        if let Some(uuid) = query.get("uuid") {
            return Err(format!("no file system with uuid {uuid:?}: uuids are not known here"));
        }
        let containers = self.node.containers();
        let filesystems = lookup::host_filesystems(&containers);
        let latest = containers.get("/").and_then(|root| root.samples.latest());
        let at = latest.map_or(Timestamp::EPOCH, |sample| sample.at);
        let labels = model::labels_of(filesystems, &containers);
        let label = query.get("label");
        let is_wanted = |labels: &[&str]| label.is_none_or(|label| labels.contains(&label));
        let mut wanted =
            filesystems.iter().zip(&labels).filter(|(_, labels)| is_wanted(labels)).peekable();
        if let (Some(label), None) = (label, wanted.peek()) {
            return Err(format!("no file system with label {label:?}"));
        }
        let mut json = Json::new();
        json.slice(wanted, |json, (fs, labels)| model::storage(json, at, fs, labels));
        Ok(json_response(json))
    }

    fn ps(&self, name: &str, options: &Options, now: Timestamp) -> Answer {
        let options = Options { recursive: false, ..*options };
        let path = match &*self.requested(name, &options)? {
            [path] => Arc::clone(path),
            _ => return Err(format!("expected the name of one container, found {name:?}")),
        };
        let processes = ps::list(&self.roots, &path, now);
        let mut json = Json::new();
        json.slice(&processes, |json, process| ps::write(json, process, &*path == "/"));
        Ok(json_response(json))
    }
}
