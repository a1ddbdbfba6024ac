//! Metric sets become rows in Heapster's schema for InfluxDB.

use stripchart_core::{Batch, KeyError};

use super::metric::VALUE_FIELD;
use super::{MetricBatch, MetricValue, label};

/// Labels that are not stored as tags.
const NOT_STORED: [&str; 4] = [label::NAMESPACE_ID, label::POD_ID, label::HOSTNAME, label::HOST_ID];

/// What [`encode`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// Rows added.
    pub rows: usize,
    /// Metrics left out: not a finite number, or with labels that make no series key.
    pub left_out: usize,
    /// The first of the reasons why labels made no key.
    pub error: Option<KeyError>,
}

/// Adds a row to `out` for each metric of `batch`: measurement = metric, field `value`, tags = labels, time = the batch's.
///
/// With a `cluster_name`, every row gets it as a tag. Costs one hash of a series key per row.
pub fn encode(batch: &MetricBatch, cluster_name: Option<&str>, out: &mut Batch) -> Encoded {
    let mut encoded = Encoded::default();
    for set in batch.sets.values() {
        let tags = set
            .labels
            .iter()
            .map(|(key, value)| (&**key, value.as_str()))
            .filter(|(key, _)| !NOT_STORED.contains(key))
            .chain(cluster_name.map(|name| (label::CLUSTER_NAME, name)));
        for (name, value) in &set.values {
            encoded.row(batch, name, tags.clone(), *value, out);
        }
        for metric in &set.labeled {
            let own = metric.labels.iter().map(|(key, value)| (*key, value.as_str()));
            encoded.row(batch, &metric.name, tags.clone().chain(own), metric.value, out);
        }
    }
    encoded
}

impl Encoded {
    fn row<'a>(
        &mut self,
        batch: &MetricBatch,
        name: &str,
        tags: impl Iterator<Item = (&'a str, &'a str)>,
        value: MetricValue,
        out: &mut Batch,
    ) {
        if matches!(value, MetricValue::Float(value) if !value.is_finite()) {
            self.left_out += 1;
            return;
        }
        match out.series(name, tags) {
            Ok(series) => {
                let row = out.row(series, batch.timestamp);
                match value {
                    MetricValue::Integer(value) => row.i64(VALUE_FIELD, value),
                    MetricValue::Float(value) => row.f64(VALUE_FIELD, value),
                };
                self.rows += 1;
            }
            Err(error) => {
                self.left_out += 1;
                self.error.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heapster::{LabeledMetric, MetricKey, metric as m};
    use stripchart_core::{Timestamp, line_protocol};

    fn lines(batch: &MetricBatch, cluster_name: Option<&str>) -> (String, Encoded) {
        let (mut rows, mut text) = (Batch::new(), String::new());
        let encoded = encode(batch, cluster_name, &mut rows);
        line_protocol::write_batch(&rows, &mut text).unwrap();
        (text, encoded)
    }

    #[test]
    fn each_metric_is_a_row_in_its_own_measurement() {
        let mut batch = MetricBatch::new(Timestamp::from_secs(1_500_000_000));
        let pod = batch.entry(MetricKey::pod("shop", "web-0"));
        pod.label(label::NODENAME, "n1");
        pod.label(label::POD_ID, "uid-1");
        pod.label(label::HOSTNAME, "");
        pod.integer(m::CPU_USAGE_RATE, 12);
        pod.float(m::NETWORK_RX_RATE, 0.5);
        pod.labeled.push(LabeledMetric {
            name: m::FILESYSTEM_USAGE.into(),
            labels: vec![(label::RESOURCE_ID, "Volume:data".to_owned())],
            value: MetricValue::Integer(7),
        });
        let (text, encoded) = lines(&batch, Some("lab"));
        let want = "\
cpu/usage_rate,cluster_name=lab,namespace_name=shop,nodename=n1,pod_name=web-0,type=pod value=12i 1500000000000000000
network/rx_rate,cluster_name=lab,namespace_name=shop,nodename=n1,pod_name=web-0,type=pod value=0.5 1500000000000000000
filesystem/usage,cluster_name=lab,namespace_name=shop,nodename=n1,pod_name=web-0,resource_id=Volume:data,type=pod value=7i 1500000000000000000
";
        assert_eq!(text, want);
        assert_eq!(encoded, Encoded { rows: 3, left_out: 0, error: None });
    }

    #[test]
    fn what_cannot_be_stored_is_left_out_and_counted() {
        let mut batch = MetricBatch::default();
        let node = batch.entry(MetricKey::node("n"));
        node.float("custom/a", f64::INFINITY);
        node.float("custom/b", 1.0);
        batch.entry(MetricKey::node("n\0ul")).integer(m::UPTIME, 1);
        let (text, encoded) = lines(&batch, None);
        assert_eq!(text, "custom/b,nodename=n,type=node value=1 0\n");
        assert_eq!((encoded.rows, encoded.left_out), (1, 2));
        assert!(encoded.error.is_some());
    }
}
