//! What a reader of the pages sees, over a source of made-up data.
//!
//! With `STRIPCHART_PAGES=FOLDER` in the environment the pages are also written there, to be looked at.
#![cfg(feature = "html")]

mod support;

use stripchart_core::Timestamp;
use stripchart_render::page::{PAGE_POLICY, PICTURE_POLICY, Page, PageRequest, Site};
use support::Synthetic;
use support::markup::{attributes, check, text_of};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_003);

fn get(source: &Synthetic, address: &str) -> Page {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Site::default().respond(source, path, &PageRequest::from_query(query, NOW))
}

/// Every kind of page there is.
const ADDRESSES: [&str; 9] = [
    "/",
    "/?from=now-7d&refresh=off&theme=dark&sort=memory&rows=all",
    "/cgroup",
    "/cgroup?path=/system.slice",
    "/nodes",
    "/nodes?node=node-1",
    "/pods",
    "/pods?namespace=shop",
    "/pods?namespace=shop&pod=cart-6c9f8d7b54-8j2mn",
];

#[test]
fn the_home_page_says_how_the_host_is() {
    let page = get(&Synthetic::default(), "/");
    assert_eq!(page.status, 200);
    let text = text_of(&page.body);
    for want in [
        "node-a",
        "up 12 d 4 h",
        "cores 8",
        "memory 15.4 GiB",
        "control groups 12",
        "last sample 3 s ago",
        "CPU by mode",
        "Network",
        "eth0 rx",
        "Disk throughput",
        "Pressure",
        "Load average",
        "/home",
        "Busiest control groups",
        "postgresql.service /system.slice",
        "docker-4fa2c1d0b3a5",
    ] {
        assert!(text.contains(want), "{want:?} is missing in {text}");
    }
    assert!(!text.contains("No data"), "{text}");
    // Slices only repeat what their services use.
    assert!(!text.contains("user-1000.slice /user.slice"));
}

#[test]
fn pages_are_well_formed_and_complete_in_themselves() {
    for address in ADDRESSES {
        let body = get(&Synthetic::default(), address).body;
        check(&body).unwrap_or_else(|error| panic!("{address}: {error}"));
        let outside = body.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("http://") && !outside.contains("https://"), "{address}");
        for (name, value) in attributes(&body) {
            assert!(name != "style" && !name.starts_with("on"), "{address}: {name}={value}");
            if ["href", "src"].contains(&name.as_str()) {
                assert!(value.starts_with('/') || value.starts_with('#'), "{address}: {value}");
            }
        }
        assert!(!body.contains("<style"), "{address}");
        assert_eq!(body.matches("<script").count(), 1, "{address}");
        assert!(body.contains("<script src=\"/ui/page.js?v="), "{address}");
    }
}

#[test]
fn without_scripts_the_page_reloads_itself() {
    let body = get(&Synthetic::default(), "/?refresh=30s").body;
    assert!(body.contains("<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript>"));
    for still in ["/?refresh=off", "/?from=1000&to=2000"] {
        assert!(!get(&Synthetic::default(), still).body.contains("http-equiv"), "{still}");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    for address in ADDRESSES {
        let source = Synthetic::default();
        assert_eq!(get(&source, address), get(&source, address), "{address}");
    }
}

#[test]
fn names_out_of_data_and_addresses_are_text() {
    let name = "/<script>alert(1)</script>\"'&\u{202e}\u{1}{{x}}${y}";
    let source = Synthetic { extra_group: Some(name.to_owned()), ..Synthetic::default() };
    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for address in [
        "/?rows=all".to_owned(),
        "/cgroup?path=/".to_owned(),
        format!("/cgroup?path={encoded}&host={encoded}"),
        format!("/nodes?node={encoded}&theme={encoded}&refresh={encoded}"),
        format!("/pods?namespace={encoded}&pod={encoded}&from={encoded}"),
        format!("/{encoded}?{encoded}={encoded}"),
        format!("/render/{encoded}.svg"),
        format!("/render/node-cpu.svg?nodename={encoded}"),
    ] {
        let body = get(&source, &address).body;
        assert!(!body.contains("<script>"), "{address}");
        check(&body).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    let body = get(&source, "/?rows=all").body;
    assert!(body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the name is shown");
    assert!(body.contains("path=/%3Cscript%3Ealert%281%29"), "and leads to its page");
}

#[test]
fn a_question_that_fails_leaves_the_others_be() {
    let source = Synthetic { failing: vec!["mem", "container_memory"], ..Synthetic::default() };
    let page = get(&source, "/");
    let text = text_of(&page.body);
    assert_eq!(page.status, 200);
    assert!(
        text.contains("This could not be answered: disk on fire while reading <mem>"),
        "{text}"
    );
    assert!(text.contains("SELECT mean(\"used\")"), "the question is shown");
    assert!(text.contains("eth0 rx") && text.contains("postgresql.service"), "{text}");
    check(&page.body).unwrap();
}

#[test]
fn old_samples_are_marked() {
    let ends = NOW.nanos() - 400_000_000_000;
    let source = Synthetic { ends_ns: Some(ends), ..Synthetic::default() };
    let text = text_of(&get(&source, "/").body);
    assert!(text.contains("Stale: last sample 6 min ago"), "{text}");
    assert!(text.contains("gone"), "{text}");
}

#[test]
fn a_young_history_is_shown_close_up() {
    let marked = |secs: i64, address: &str| {
        let source = Synthetic { age_ns: Some(secs * 1_000_000_000), ..Synthetic::default() };
        let body = get(&source, address).body;
        let at = body.find(" aria-current=\"true\">").expect("a range is marked");
        let rest = &body[at + " aria-current=\"true\">".len()..];
        rest[..rest.find('<').expect("a tag")].to_owned()
    };
    for (secs, want) in [(10, "5m"), (300, "15m"), (900, "1h"), (1_000_000, "1h")] {
        for page in ["/", "/cgroup", "/nodes", "/pods"] {
            assert_eq!(marked(secs, page), want, "{page} after {secs} s");
        }
        assert_eq!(marked(secs, "/?from=now-6h"), "6h");
    }
}

#[test]
fn an_empty_database_says_what_to_do() {
    let text = text_of(&get(&Synthetic::empty("stripchart"), "/").body);
    assert!(text.contains("No data yet") && text.contains("within 10 s of the start"), "{text}");
    assert!(text.contains("no sample yet"), "{text}");
    for address in ["/nodes", "/pods", "/pods?namespace=shop"] {
        let page = get(&Synthetic::empty("k8s"), address);
        let text = text_of(&page.body);
        assert_eq!(page.status, 200);
        assert!(text.contains("No cluster yet"), "{address}: {text}");
        assert!(text.contains("--source=summary:"), "{address}: {text}");
    }
    let text = text_of(&get(&Synthetic::empty("k8s"), "/nodes?node=a").body);
    assert!(text.contains("Without data in this range: CPU of a, Memory of a"), "{text}");
}

#[test]
fn a_cluster_is_shown_from_the_whole_down_to_a_container() {
    let source = Synthetic::default();
    let nodes = get(&source, "/nodes?from=now-6h").body;
    assert!(nodes.contains("href=\"/nodes?node=node-2&amp;from=now-6h\""), "{nodes}");
    assert!(text_of(&nodes).contains("Cluster CPU"));
    let pods = get(&source, "/pods").body;
    assert!(pods.contains("href=\"/pods?namespace=shop&amp;pod=cart-6c9f8d7b54-8j2mn\""));
    assert!(text_of(&pods).contains("shop 4 pods"), "{}", text_of(&pods));
    let pod = text_of(&get(&source, "/pods?namespace=shop&pod=cart").body);
    assert!(pod.contains("CPU of cart") && pod.contains("sidecar"), "{pod}");
}

#[test]
fn tables_are_sorted_and_cut_as_the_address_says() {
    let order = |address: &str| {
        let text = text_of(&get(&Synthetic::default(), address).body);
        let at = |name: &str| text.rfind(name).unwrap_or_else(|| panic!("{name} in {text}"));
        at("nginx.service") < at("session-3.scope")
    };
    assert!(!order("/") && !order("/?sort=memory") && order("/?sort=name"));
}

#[test]
fn a_panel_is_a_picture_of_its_own() {
    let source = Synthetic { failing: vec!["system"], ..Synthetic::default() };
    let page = get(&source, "/render/host-cpu.svg?width=400&height=200&theme=dark");
    assert_eq!((page.status, page.content_type), (200, "image/svg+xml"));
    assert!(page.body.starts_with("<svg ") && page.body.contains("width=\"400\" height=\"200\""));
    assert!(page.body.contains("CPU by mode"));
    assert_eq!(get(&source, "/render/host-load.svg").status, 502);
    for missing in ["/render/host-cpu", "/render/host-.svg", "/render/x-cpu.svg", "/nowhere"] {
        assert_eq!(get(&source, missing).status, 404, "{missing}");
    }
    // Variables that the address does not give take what there is first.
    for name in
        ["host-disk", "cgroup-cpu", "cluster-cpu", "node-memory", "namespace-cpu", "pod-cpu"]
    {
        let page = get(&source, &format!("/render/{name}.svg"));
        assert_eq!(page.status, 200, "{name}");
        assert!(page.body.contains("min"), "{name} has a legend: {}", page.body);
    }
    let huge = get(&source, "/render/host-cpu.svg?width=999999999&height=0");
    assert!(huge.body.contains("width=\"4096\" height=\"64\""));
}

#[test]
fn the_script_finds_the_plot_and_the_values_of_every_chart() {
    // It reads where a plot lies from the path of the axis: `M500 1785h5380`, in tenths of a pixel.
    for address in ["/", "/?from=now-7d", "/nodes", "/cgroup?path=/system.slice"] {
        let body = get(&Synthetic::default(), address).body;
        let charts: Vec<&str> = body.split("<div class=\"plots\" ").skip(1).collect();
        assert!(charts.len() >= 4, "{address}");
        for chart in charts {
            assert_eq!(chart.matches("class=\"sc-axis\" d=\"M").count(), 2, "{address}: {chart}");
            let axis = chart.split("class=\"sc-axis\" d=\"M").nth(1).unwrap();
            let axis = axis.split('"').next().unwrap();
            let (at, len) = axis.split_once('h').expect("an axis runs to the right");
            assert!(at.chars().all(|c| c.is_ascii_digit() || c == ' '), "{axis}");
            assert!(len.starts_with(|c: char| c.is_ascii_digit()), "{axis}");
            let values = chart.split("data-hover=\"").nth(1).unwrap().split('"').next().unwrap();
            let series =
                chart.split("</tbody>").next().unwrap().matches("<th scope=\"row\">").count();
            for slot in values.split(';') {
                assert_eq!(slot.split(',').count(), 1 + series, "{slot}");
            }
        }
    }
}

#[test]
fn assets_may_be_kept_for_ever_and_pages_not_at_all() {
    let source = Synthetic::default();
    let home = get(&source, "/");
    assert_eq!((home.cache_control, home.content_security_policy), ("no-store", PAGE_POLICY));
    let addresses: Vec<String> = attributes(&home.body)
        .filter(|(name, value)| {
            ["href", "src"].contains(&name.as_str()) && value.starts_with("/ui/")
        })
        .map(|(_, value)| value)
        .collect();
    assert_eq!(addresses.len(), 3, "{addresses:?}");
    for address in addresses {
        let page = get(&source, &address);
        assert_eq!(page.status, 200, "{address}");
        assert!(page.cache_control.contains("immutable"));
        assert_eq!(page.headers()[2], ("content-security-policy", PICTURE_POLICY));
    }
    assert!(get(&source, "/ui/style.css").body.contains(".sc-s0"));
    assert!(get(&source, "/ui/page.js").body.len() < 8 * 1024);
}

#[test]
fn a_site_below_another_path_links_to_itself_only() {
    let site = Site { base_path: "/monitor".to_owned(), query_path: None, ..Site::default() };
    for address in ["/", "/cgroup", "/nodes", "/pods"] {
        let request = PageRequest::from_query("", NOW);
        let body = site.respond(&Synthetic::default(), address, &request).body;
        for (name, value) in attributes(&body) {
            if ["href", "src"].contains(&name.as_str()) && !value.starts_with('#') {
                assert!(value.starts_with("/monitor/"), "{address}: {value}");
            }
        }
    }
}

#[test]
fn pages_to_look_at() {
    let Some(folder) = std::env::var_os("STRIPCHART_PAGES") else { return };
    let folder = std::path::PathBuf::from(folder);
    let gap = (NOW.nanos() - 1_500_000_000_000, NOW.nanos() - 1_200_000_000_000);
    let full = Synthetic { gap_ns: Some(gap), ..Synthetic::default() };
    let broken = Synthetic {
        failing: vec!["mem", "container_memory"],
        ends_ns: Some(NOW.nanos() - 400_000_000_000),
        ..Synthetic::default()
    };
    let pages = [
        ("home.html", &full, "/"),
        ("home-week.html", &full, "/?from=now-7d&refresh=off"),
        ("home-dark.html", &full, "/?theme=dark"),
        ("home-broken.html", &broken, "/"),
        ("home-empty.html", &Synthetic::empty("stripchart"), "/"),
        ("cgroup.html", &full, "/cgroup?path=/user.slice/user-1000.slice"),
        ("nodes.html", &full, "/nodes"),
        ("node.html", &full, "/nodes?node=node-1"),
        ("pods.html", &full, "/pods"),
        ("pod.html", &full, "/pods?namespace=shop&pod=cart-6c9f8d7b54-8j2mn"),
        ("nodes-empty.html", &Synthetic::empty("k8s"), "/nodes"),
        ("cpu.svg", &full, "/render/host-cpu.svg"),
        ("ui/style.css", &full, "/ui/style.css"),
        ("ui/page.js", &full, "/ui/page.js"),
        ("ui/icon.svg", &full, "/ui/icon.svg"),
    ];
    std::fs::create_dir_all(folder.join("ui")).unwrap();
    for (name, source, address) in pages {
        std::fs::write(folder.join(name), get(source, address).body).unwrap();
    }
}
