//! What Prometheus' own tool says of an exposition.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What promtool does not like about cAdvisor's names, which are what clients ask for.
const DISLIKED: &[&str] = &[
    "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
    r#"container_fs_inodes_total non-counter metrics should not have "_total" suffix"#,
    r#"container_hugetlb_failcnt counter metrics should have "_total" suffix"#,
    r#"container_memory_failcnt counter metrics should have "_total" suffix"#,
    r#"container_network_advance_tcp_stats_total non-counter metrics should not have "_total" suffix"#,
    r#"container_network_tcp6_usage_total non-counter metrics should not have "_total" suffix"#,
    r#"container_network_tcp_usage_total non-counter metrics should not have "_total" suffix"#,
    r#"container_network_udp6_usage_total non-counter metrics should not have "_total" suffix"#,
    r#"container_network_udp_usage_total non-counter metrics should not have "_total" suffix"#,
    r#"machine_dimm_count non-histogram and non-summary metrics should not have "_count" suffix"#,
    r#"machine_node_hugepages_count non-histogram and non-summary metrics should not have "_count" suffix"#,
    r#"machine_thread_siblings_count non-histogram and non-summary metrics should not have "_count" suffix"#,
];

/// What promtool says of `text` beside [`DISLIKED`], a complaint a line; `None` where it is not installed, which is said.
pub(crate) fn complaints(text: &str) -> Option<Vec<String>> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let Ok(mut child) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        println!("skipped: promtool is not installed (Debian's package prometheus)");
        return None;
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // 3: there are complaints; any other: it could not be read.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    let unexpected = said.lines().filter(|line| !DISLIKED.contains(line));
    Some(unexpected.map(str::to_owned).collect())
}
