//! What the host is asked beside its history: cAdvisor's API, the kubelet's summary, the exposition for Prometheus.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, Response};
use stripchart_collector::cadvisor::CadvisorApi;
use stripchart_collector::exposition::{Exposition, sampler_families};
use stripchart_collector::kubelet::KubeletApi;
use stripchart_collector::{Node, SamplerHandle};
use stripchart_core::Timestamp;
use stripchart_render::page::{Page, PageRequest, Sheet, Site};

use crate::args::Args;
use crate::body::Body;

/// Everything that answers out of one node.
#[derive(Debug)]
pub(crate) struct NodeApis {
    cadvisor: CadvisorApi,
    exposition: Exposition,
    kubelet: KubeletApi,
}

impl NodeApis {
    /// `sampler` is the one that fills `node`.
    pub(crate) fn new(node: &Arc<Node>, sampler: SamplerHandle, args: &Args) -> Self {
        let own = sampler.clone();
        NodeApis {
            cadvisor: CadvisorApi::new(Arc::clone(node)).sampler(sampler),
            exposition: Exposition::builder(Arc::clone(node))
                .container_labels(&args.container_labels)
                .families(move |writer| sampler_families(writer, &own.stats()))
                .build(),
            kubelet: KubeletApi::new(Arc::clone(node)),
        }
    }

    /// The answer, if the path is one of theirs.
    pub(crate) fn answer(
        &self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Option<Response<Body>> {
        if let Some(response) = self.cadvisor.answer(request, now) {
            return Some(response.map(Body::from));
        }
        let of_prometheus = self.exposition.answer(request, now);
        of_prometheus.or_else(|| self.kubelet.answer(request, now)).map(|r| r.map(Body::from))
    }

    /// The page about a container, if the path is one's.
    pub(crate) fn page(
        &self,
        site: &Site,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Option<Page> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let found = self.cadvisor.page(path, query, now)?;
        let sheet =
            Sheet { status: found.status, title: &found.title, path, frames: &found.frames };
        Some(site.sheet(&sheet, &PageRequest::from_query(query, now)))
    }

    /// Takes in what was sampled, for summaries of hours; to be called every few seconds.
    pub(crate) fn observe(&self) {
        self.cadvisor.observe();
    }

    /// Ends streams of events.
    pub(crate) fn end_streams(&self) {
        self.cadvisor.end_streams();
    }
}
