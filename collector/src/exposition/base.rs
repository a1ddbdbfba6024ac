//! Labels that all series of a container have.

use std::collections::BTreeMap;

use super::snapshot::Seen;
use super::text::{ExpositionError, Labels};

/// Which labels those are; the same names for every container, or a series would change its labels while it lives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base<'a> {
    /// cAdvisor's: `id`, `name`, `image`, and what is allowed of the container's own labels and environment.
    Cadvisor {
        /// Names of labels by the keys that they are made of.
        labels: &'a Allowed,
        /// The same of the environment.
        envs: &'a Allowed,
    },
    /// The kubelet's: `container`, `id`, `image`, `name`, `namespace`, `pod`.
    Kubelet,
}

/// Label names that are allowed, each with the keys that turn into it. Several keys may: `a.b` and `a-b` are both `a_b`.
pub(super) type Allowed = BTreeMap<Box<str>, Vec<Box<str>>>;

/// Adds `key` to what is allowed, under `prefix` and its own characters, those that no label may have turned to `_`.
pub(super) fn allow(allowed: &mut Allowed, prefix: &str, key: &str) {
    let clean = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name: String = prefix.chars().chain(clean).collect();
    let keys = allowed.entry(name.into()).or_default();
    if !keys.iter().any(|known| &**known == key) {
        keys.push(key.into());
    }
}

impl Base<'_> {
    /// The labels of `seen`.
    pub(super) fn labels(self, seen: &Seen) -> Result<Labels, ExpositionError> {
        let about = &*seen.about;
        let name = about.aliases.first().map_or("", |alias| alias);
        let image = about.image.as_deref().unwrap_or_default();
        let common = [("id", &*seen.path), ("name", name), ("image", image)];
        match self {
            Base::Cadvisor { labels, envs } => {
                let own = chosen(labels, &about.labels).chain(chosen(envs, &about.envs));
                Labels::new(common.into_iter().chain(own))
            }
            Base::Kubelet => {
                let pod = about.pod.as_ref();
                let of_pod = [
                    ("container", about.container_name.as_deref().unwrap_or_default()),
                    ("namespace", pod.and_then(|pod| pod.namespace.as_deref()).unwrap_or_default()),
                    ("pod", pod.and_then(|pod| pod.name.as_deref()).unwrap_or_default()),
                ];
                Labels::new(common.into_iter().chain(of_pod))
            }
        }
    }
}

/// Every allowed name with its value among `values`, empty where there is none.
fn chosen<'a>(
    allowed: &'a Allowed,
    values: &'a BTreeMap<Box<str>, Box<str>>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    allowed.iter().map(|(name, keys)| {
        let value = keys.iter().find_map(|key| values.get(key));
        (&**name, value.map_or("", |value| value))
    })
}
