//! What a reader of the pages sees, over a source of made-up data.
//!
//! With `STRIPCHART_PAGES=FOLDER` in the environment the pages are also written there, to be looked at.
#![cfg(feature = "html")]

mod support;

use stripchart_core::Timestamp;
use stripchart_render::page::{Page, PageRequest, Site};
use support::Synthetic;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_003);

fn get(source: &Synthetic, address: &str) -> Page {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    Site::default().respond(source, path, &PageRequest::from_query(query, NOW))
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
    let empty = Synthetic { empty_database: Some("k8s"), ..Synthetic::default() };
    let pages = [
        ("home.html", &full, "/"),
        ("home-week.html", &full, "/?from=now-7d&refresh=off"),
        ("home-dark.html", &full, "/?theme=dark"),
        ("home-broken.html", &broken, "/"),
        ("cgroup.html", &full, "/cgroup?path=/user.slice/user-1000.slice"),
        ("nodes.html", &full, "/nodes"),
        ("node.html", &full, "/nodes?node=node-1"),
        ("pods.html", &full, "/pods"),
        ("pod.html", &full, "/pods?namespace=shop&pod=cart-6c9f8d7b54-8j2mn"),
        ("nodes-empty.html", &empty, "/nodes"),
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
