//! What a scraper sees.

mod names;
mod parser;
mod promtool;
mod random;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::fixture::{self, APP, AT, DOCKER, PAUSE};
use super::*;
use crate::node::About;
use parser::{Parsed, parse};

fn exposition() -> Exposition {
    Exposition::new(Arc::new(fixture::node()))
}

fn get(exposition: &Exposition, path: &str) -> Response<Bytes> {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    exposition.answer(&request, AT).expect("a path of the exposition")
}

fn text(exposition: &Exposition, path: &str) -> String {
    let response = get(exposition, path);
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

fn parsed(exposition: &Exposition, path: &str) -> Parsed {
    parse(&text(exposition, path)).unwrap()
}

#[test]
fn a_container_has_the_labels_of_who_asks() {
    let exposition = Exposition::builder(Arc::new(fixture::node()))
        .container_labels(["app.team", "none"])
        .container_envs(["ZONE"])
        .build();
    let all = parsed(&exposition, "/metrics");
    let rss = all.family("container_memory_rss");
    assert_eq!(rss.samples.len(), 8);
    let docker = all.sample("container_memory_rss", &[("id", DOCKER)]);
    assert_eq!(
        docker.labels,
        [
            ("container_env_ZONE", "eu"),
            ("container_label_app_team", "a\\b\nc"),
            ("container_label_none", ""),
            ("id", DOCKER),
            ("image", "nginx:\"latest\""),
            ("name", "web"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let names = |sample: &parser::Sample| {
        sample.labels.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert!(rss.samples.iter().all(|sample| names(sample) == names(docker)));

    let all = parsed(&exposition, "/metrics/cadvisor/");
    let app = all.sample("container_memory_rss", &[("id", APP)]);
    assert_eq!(
        app.labels,
        [
            ("container", "app"),
            ("id", APP),
            ("image", "registry/app:1"),
            ("name", "app-alias"),
            ("namespace", "shop"),
            ("pod", "web-0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let pause = all
        .sample("container_network_receive_bytes_total", &[("id", PAUSE), ("interface", "eth0")]);
    assert_eq!((pause.label("container"), pause.label("pod")), ("", "web-0"));
}

#[test]
fn no_label_of_a_container_is_shown_unless_allowed() {
    let text = text(&exposition(), "/metrics");
    assert!(!text.contains("secret") && !text.contains("container_label"), "{text}");
}

#[test]
fn values_have_the_units_of_their_names() {
    let all = parsed(&exposition(), "/metrics");
    let value = |name, labels: &[(&str, &str)]| all.sample(name, labels).value.clone();
    let root = ("id", "/");
    assert_eq!(value("container_cpu_usage_seconds_total", &[root, ("cpu", "total")]), "3.5");
    assert_eq!(value("container_cpu_cfs_throttled_seconds_total", &[root]), "1.5");
    assert_eq!(value("container_pressure_cpu_waiting_seconds_total", &[("id", APP)]), "4");
    assert_eq!(value("container_pressure_io_stalled_seconds_total", &[root]), "0.000001");
    assert_eq!(value("container_start_time_seconds", &[("id", APP)]), "1699999500.5");
    assert_eq!(value("container_creation_time_seconds", &[("id", APP)]), "1699999500");
    assert_eq!(value("container_last_seen", &[root]), "1700000000");
    // Milliseconds of a disk's counters are thousandths of a second, not billionths of 1e6.
    let disk = [root, ("device", "/dev/sda1")];
    assert_eq!(value("container_fs_read_seconds_total", &disk), "1.5");
    assert_eq!(
        value("container_fs_io_cost_wait_seconds_total", &[root, ("device", "/dev/sda")]),
        "0.000002"
    );
    // The machine's, for the root; no limit is 0.
    assert_eq!(value("container_spec_memory_limit_bytes", &[root]), "17179869184");
    assert_eq!(value("container_spec_memory_limit_bytes", &[("id", APP)]), "1073741824");
    assert_eq!(value("container_spec_memory_reservation_limit_bytes", &[root]), "0");
    assert_eq!(
        value("container_network_advance_tcp_stats_total", &[root, ("tcp_state", "maxconn")]),
        "-1"
    );
    assert_eq!(value("machine_memory_bytes", &[]), "17179869184");
    assert_eq!(value("machine_scrape_error", &[]), "0");
}

#[test]
fn a_device_has_one_series_in_each_family() {
    let all = parsed(&exposition(), "/metrics");
    let devices = |name| {
        let of_root = all.family(name).samples.iter().filter(|sample| sample.label("id") == "/");
        of_root.map(|sample| sample.label("device").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(devices("container_fs_limit_bytes"), ["/dev/sda1", "tmpfs"]);
    assert_eq!(devices("container_fs_io_current"), ["/dev/sda1"]);
    assert_eq!(devices("container_fs_reads_total"), ["/dev/sda", "/dev/sda1"]);
    assert_eq!(devices("container_blkio_device_usage_total"), ["/dev/sda", "/dev/sda"]);
}

#[test]
fn what_is_not_limited_or_not_known_has_no_series() {
    let node = fixture::node();
    {
        let mut containers = node.containers_mut();
        let docker = containers.get_mut(DOCKER).unwrap();
        docker.spec.cpu.as_mut().unwrap().quota_usec = None;
        let mut sample = fixture::sample(AT, 1, 0);
        sample.memory.failcnt = None;
        sample.cpu.per_cpu_ns = vec![5_000_000_000, 0, 7];
        *docker.samples.next_place() = sample;
    }
    let exposition = Exposition::new(Arc::new(node));
    let all = parsed(&exposition, "/metrics");
    let docker = |name: &str| {
        let samples = all.family(name).samples.iter();
        samples.filter(|sample| sample.label("id") == DOCKER).collect::<Vec<_>>()
    };
    assert!(docker("container_cpu_cfs_periods_total").is_empty());
    assert!(docker("container_spec_cpu_quota").is_empty());
    assert_eq!(docker("container_spec_cpu_period").len(), 1);
    assert!(docker("container_memory_failcnt").is_empty());
    let cpus = docker("container_cpu_usage_seconds_total");
    let cpus: Vec<_> = cpus.iter().map(|sample| (sample.label("cpu"), &*sample.value)).collect();
    assert_eq!(cpus, [("cpu00", "5"), ("cpu02", "0.000000007")]);
    let all = parsed(&exposition, "/metrics/cadvisor");
    all.sample("container_cpu_usage_seconds_total", &[("id", DOCKER), ("cpu", "total")]);
}

#[test]
fn containers_on_the_hosts_network_do_not_repeat_it() {
    let node = fixture::node();
    fixture::put(&node, DOCKER, About { host_network: true, ..About::default() }, 1);
    let all = parsed(&Exposition::new(Arc::new(node)), "/metrics");
    let family = all.family("container_network_receive_bytes_total");
    assert!(family.samples.iter().all(|sample| sample.label("id") != DOCKER));
    assert!(family.samples.iter().any(|sample| sample.label("id") == "/"));
}

#[test]
fn a_node_that_nobody_looked_at_is_an_error_of_the_scrape() {
    let exposition = Exposition::new(Arc::new(Node::new()));
    let all = parsed(&exposition, "/metrics");
    assert_eq!(all.sample("machine_scrape_error", &[]).value, "1");
    assert_eq!(all.sample("container_scrape_error", &[]).value, "1");
    assert_eq!(
        parsed(&exposition, "/metrics/resource").sample("resource_scrape_error", &[]).value,
        "1"
    );
}

#[test]
fn resources_are_those_of_the_node_pods_and_containers() {
    assert_eq!(
        text(&exposition(), "/metrics/resource")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect::<Vec<_>>(),
        [
            "node_cpu_usage_seconds_total 3.5",
            "node_memory_working_set_bytes 8388608",
            "node_swap_usage_bytes 4096",
            "container_cpu_usage_seconds_total{container=\"app\",namespace=\"shop\",pod=\"web-0\"} 6.5",
            "container_memory_working_set_bytes{container=\"app\",namespace=\"shop\",pod=\"web-0\"} 33554432",
            "container_swap_usage_bytes{container=\"app\",namespace=\"shop\",pod=\"web-0\"} 4096",
            "container_swap_limit_bytes{container=\"app\",namespace=\"shop\",pod=\"web-0\"} 536870912",
            "container_start_time_seconds{container=\"app\",namespace=\"shop\",pod=\"web-0\"} 1699999500.5",
            "pod_cpu_usage_seconds_total{namespace=\"shop\",pod=\"web-0\"} 5.5",
            "pod_memory_working_set_bytes{namespace=\"shop\",pod=\"web-0\"} 25165824",
            "pod_swap_usage_bytes{namespace=\"shop\",pod=\"web-0\"} 4096",
            "resource_scrape_error 0",
        ]
    );
}

#[test]
fn a_restarted_container_is_told_once() {
    let node = fixture::node();
    let again = About {
        container_id: Some("89ab".repeat(16).into()),
        created: Some(AT.saturating_sub(1_000_000_000)),
        started: Some(AT.saturating_sub(500_000_000)),
        ..fixture::app()
    };
    fixture::put(&node, &APP.replace("app.scope", "aap.scope"), again, 9);
    // A cgroup of the runtime's inside the container's is the same container.
    fixture::put(&node, &format!("{APP}/inner"), fixture::app(), 10);
    let all = parsed(&Exposition::new(Arc::new(node)), "/metrics/resource");
    let family = all.family("container_cpu_usage_seconds_total");
    let values: Vec<_> = family.samples.iter().map(|sample| &*sample.value).collect();
    assert_eq!(values, ["11.5"]);
}

#[test]
fn samples_carry_times_only_where_asked_for() {
    let timed = |times, path| {
        let exposition = Exposition::builder(Arc::new(fixture::node())).times(times).build();
        let all = parsed(&exposition, path);
        let samples = all.families.iter().flat_map(|family| &family.samples);
        let (with, without): (Vec<_>, Vec<_>) = samples.partition(|sample| sample.time.is_some());
        assert!(with.iter().all(|sample| sample.time.as_deref() == Some("1700000000000")));
        (
            !with.is_empty(),
            without.iter().any(|sample| sample.name == "container_start_time_seconds"),
        )
    };
    assert_eq!(timed(Times::Never, "/metrics"), (false, true));
    assert_eq!(timed(Times::Never, "/metrics/resource"), (false, true));
    assert_eq!(timed(Times::Resource, "/metrics/cadvisor"), (false, true));
    assert_eq!(timed(Times::Resource, "/metrics/resource"), (true, true));
    assert_eq!(timed(Times::Always, "/metrics"), (true, true));
}

#[test]
fn open_metrics_for_those_who_prefer_it() {
    let request = Request::get("/metrics")
        .header("accept", "text/plain;q=0.5")
        .header("accept", "application/openmetrics-text;version=1.0.0")
        .body(Bytes::new())
        .unwrap();
    let response = exposition().answer(&request, AT).unwrap();
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(response.headers()["content-type"], content_type);
    let text = String::from_utf8(response.into_body().to_vec()).unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("\n# TYPE container_cpu_user_seconds counter\n"));
    // Its name is the same in both, for who asks for it.
    assert!(text.contains("\n# TYPE container_memory_failcnt unknown\ncontainer_memory_failcnt{"));
}

#[test]
fn methods_and_paths() {
    let exposition = exposition();
    let answer = |method, path| {
        let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
        exposition.answer(&request, AT)
    };
    for path in ["/", "/metric", "/metrics/else", "/metrics//", "/v1/metrics"] {
        assert!(answer("GET", path).is_none(), "{path}");
    }
    for path in ["/metrics?type=docker", "/metrics/", "/metrics/cadvisor", "/metrics/resource/"] {
        let whole = answer("GET", path).unwrap();
        let head = answer("HEAD", path).unwrap();
        assert!(head.body().is_empty() && !whole.body().is_empty());
        assert_eq!(head.headers(), whole.headers());
        assert_eq!(answer("POST", path).unwrap().status(), 405);
    }
}

#[test]
fn an_embedders_families_stand_beside_ours() {
    let stats = crate::Sampler::builder().build().stats().clone();
    let exposition = Exposition::builder(Arc::new(fixture::node()))
        .families(move |writer| sampler_families(writer, &stats))
        .families(|writer| {
            let mut family = writer.family("app_up", Kind::Gauge, "Whether it is.")?;
            family.sample(&Labels::none(), &[], true);
            Ok(())
        })
        .build();
    let all = parsed(&exposition, "/metrics");
    assert_eq!(all.sample("app_up", &[]).value, "1");
    assert_eq!(all.sample("stripchart_sampler_samples_total", &[]).value, "0");
    assert!(!text(&exposition, "/metrics/cadvisor").contains("app_up"));
}

#[test]
fn an_embedders_mistake_is_told() {
    let exposition = Exposition::builder(Arc::new(Node::new()))
        .families(|writer| writer.family("container_scrape_error", Kind::Gauge, "").map(|_| ()))
        .build();
    let response = get(&exposition, "/metrics");
    assert_eq!(response.status(), 500);
    assert_eq!(
        response.body(),
        "metric \"container_scrape_error\": expected each family once, found it a second time\n"
    );
    assert_eq!(get(&exposition, "/metrics/cadvisor").status(), 200);
}
