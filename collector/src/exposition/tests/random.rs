//! Any name, label and text.

use proptest::prelude::*;

use super::*;
use crate::node::PodRef;

/// Texts with what needs care in them more often than chance would have it.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "\\", "\"", "\n", "\\n", "}", ",", "=", "\0", "\r", "# ", "é", "{",
    ]);
    let piece = prop_oneof![special.prop_map(str::to_owned), any::<String>()];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn about(texts: &[String]) -> About {
    About {
        aliases: vec![texts[0].as_str().into()],
        image: Some(texts[1].as_str().into()),
        labels: [("k.e-y", &texts[2]), ("other", &texts[3])]
            .map(|(k, v)| (k.into(), v.as_str().into()))
            .into(),
        pod: Some(PodRef {
            uid: texts[6].as_str().into(),
            name: Some(texts[4].as_str().into()),
            namespace: Some(texts[5].as_str().into()),
            qos: None,
        }),
        container_name: Some(texts[3].as_str().into()),
        ..About::default()
    }
}

proptest! {
    #[test]
    fn any_text_reads_back_the_same(texts in prop::collection::vec(any_text(), 8), open in any::<bool>()) {
        let node = Node::new();
        let path = format!("/{}", texts[7]);
        fixture::put(&node, &path, about(&texts), 1);
        let exposition = Exposition::builder(Arc::new(node)).container_labels(["k.e-y"]).build();
        let format = if open { TextFormat::OpenMetrics } else { TextFormat::Prometheus };
        for document in [Document::Cadvisor, Document::Kubelet, Document::Resource] {
            let text = exposition.text(document, format).unwrap();
            let all = parse(&text).map_err(TestCaseError::fail)?;
            for sample in all.families.iter().flat_map(|family| &family.samples) {
                let has = |name: &str| sample.labels.iter().any(|(known, _)| known == name);
                let wants = [
                    ("id", &path),
                    ("name", &texts[0]),
                    ("image", &texts[1]),
                    ("container_label_k_e_y", &texts[2]),
                    ("container", &texts[3]),
                    ("pod", &texts[4]),
                    ("namespace", &texts[5]),
                ];
                for (name, want) in wants {
                    prop_assert!(!has(name) || sample.label(name) == want, "{name}: {want:?} in {sample:?}");
                }
            }
            let name = if document == Document::Resource { "container_swap_usage_bytes" } else { "container_memory_rss" };
            prop_assert_eq!(all.family(name).samples.len(), 1);
        }
    }

    #[test]
    fn any_allowed_key_makes_a_label(keys in prop::collection::vec(any_text(), 0..4)) {
        let node = Node::new();
        fixture::put(&node, "/a", About::default(), 1);
        let exposition = Exposition::builder(Arc::new(node)).container_labels(&keys).container_envs(&keys).build();
        parse(&exposition.text(Document::Cadvisor, TextFormat::Prometheus).unwrap()).map_err(TestCaseError::fail)?;
    }
}
