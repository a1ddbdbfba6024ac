//! Versions 1.0 to 1.3.

use std::sync::Arc;

use bytes::Bytes;

use super::listing::{Listing, Shape};
use super::model::{Containers, Subject, Window};
use super::reply::{Answer, json_of, json_response};
use super::request::{container_name, window_of_body};
use super::{Body, CadvisorApi, Json, lookup};
use crate::cgroup::Runtime;

impl CadvisorApi {
    pub(super) fn v1(&self, kind: &str, name: &str, body: &Bytes) -> Answer {
        let window = window_of_body(body)?;
        match kind {
            "containers" => self.container(&container_name(name), window),
            "subcontainers" => self.subcontainers(&container_name(name), window),
            _ => self.docker(name, window),
        }
    }

    fn container(&self, name: &str, window: Window) -> Answer {
        let machine = self.node.machine();
        let containers = self.node.containers();
        let (path, container) = lookup::by_path(&containers, name)
            .map_err(|why| format!("failed to get container {name:?} with error: {why}"))?;
        let mut json = Json::new();
        let subject = Subject { path, container, machine: &machine };
        subject.write_info(&mut json, lookup::children(&containers, &machine, path), window);
        Ok(json_response(json))
    }

    fn subcontainers(&self, name: &str, window: Window) -> Answer {
        let paths = lookup::with_descendants(&self.node.containers(), name).map_err(|why| {
            format!("failed to get subcontainers for container {name:?} with error: {why}")
        })?;
        let write = move |json: &mut Json, subject: Subject<'_>, containers: &Containers| {
            let inside = lookup::children(containers, subject.machine, subject.path);
            subject.write_info(json, inside, window);
        };
        Ok(json_of(Body::listing(Listing::new(&self.node, paths, Shape::Array, write))))
    }

    /// All of Docker's containers, or the one called `name`; a map in both cases.
    fn docker(&self, name: &str, window: Window) -> Answer {
        let paths = {
            let containers = self.node.containers();
            match name.trim_matches('/') {
                "" => lookup::of_runtime(&containers, Runtime::Docker),
                name => vec![Arc::clone(&lookup::by_name(&containers, Runtime::Docker, name)?)],
            }
        };
        let write = move |json: &mut Json, subject: Subject<'_>, _: &Containers| {
            subject.write_info(json, None, window);
        };
        Ok(json_of(Body::listing(Listing::new(&self.node, paths, Shape::Map, write))))
    }
}
