//! What Prometheus' own tool says.

use super::*;

#[path = "../../../tests/common/promtool.rs"]
mod tool;

#[test]
fn promtool_dislikes_nothing_but_names_of_cadvisors() {
    let stats = crate::Sampler::builder().build().stats().clone();
    let exposition = Exposition::builder(Arc::new(fixture::node()))
        .times(Times::Always)
        .topology(true)
        .container_labels(["app.team"])
        .families(move |writer| sampler_families(writer, &stats))
        .build();
    for document in [Document::Cadvisor, Document::Kubelet, Document::Resource] {
        let text = exposition.text(document, TextFormat::Prometheus).unwrap();
        let Some(complaints) = tool::complaints(&text) else { return };
        assert_eq!(complaints, <[String; 0]>::default(), "{document:?}");
    }
}
