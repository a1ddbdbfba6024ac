//! Charts as files, byte for byte. `UPDATE_GOLDEN=1 cargo test -p stripchart-render --test golden` rewrites them; look
//! at the difference, and at the pictures, before committing it.

use std::path::PathBuf;

use stripchart_core::{Column, Frame, TimeRange, Timestamp, Unit, Values};
use stripchart_render::{
    Chart, Color, LabelTemplate, Legend, Level, MaxGap, NullPolicy, Series, Stat, Theme, Threshold,
    Zone,
};

const SECOND: i64 = 1_000_000_000;
/// 2026-11-22T11:45:00Z.
const START: i64 = 1_795_347_900;

fn assert_golden(name: &str, svg: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, svg).expect("the golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(want == svg, "{name} differs from what is drawn; UPDATE_GOLDEN=1 rewrites it");
}

fn range(secs: i64) -> TimeRange {
    TimeRange::new(Timestamp::from_secs(START), Timestamp::from_secs(START + secs))
}

/// A pseudo-random walk from integers alone, so that it is the same on every machine: each value between 0 and 1.
fn walk(seed: u64, count: usize) -> Vec<f64> {
    let (mut state, mut level) = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, 500i32);
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i32::try_from(state % 121).expect("below 121") - 60
    };
    let mut value = || {
        level += step() + (500 - level) / 12;
        level = level.clamp(0, 1000);
        f64::from(level) / 1000.0
    };
    (0..count).map(|_| value()).collect()
}

fn series(label: &str, seed: u64, count: usize, every_secs: i64, scale: f64) -> Series<'static> {
    let times: Vec<i64> = (0..count)
        .map(|i| (START + i64::try_from(i).expect("few") * every_secs) * SECOND)
        .collect();
    let values: Vec<f64> = walk(seed, count).into_iter().map(|v| v * scale).collect();
    Series::new(label, times, values)
}

fn three_nodes(title: &str) -> Chart<'static> {
    Chart::line(title)
        .unit(Unit::Percent)
        .range(range(1800))
        .series(series("node-a", 1, 180, 10, 60.0))
        .series(series("node-b", 2, 180, 10, 90.0))
        .series(series("node-c", 3, 180, 10, 30.0))
}

#[test]
fn a_line_chart() {
    let chart = three_nodes("CPU usage").threshold(Threshold::new(80.0, Level::Warning, "busy"));
    assert_golden("line.svg", &chart.to_svg());
}

#[test]
fn the_same_dark() {
    let chart = three_nodes("CPU usage").threshold(Threshold::new(80.0, Level::Warning, "busy"));
    assert_golden("line-dark.svg", &chart.theme(Theme::Dark).to_svg());
}

#[test]
fn a_small_one() {
    let chart = three_nodes("CPU usage").size(360, 180).legend(Legend::Names);
    assert_golden("line-small.svg", &chart.to_svg());
}

#[test]
fn a_line_of_more_points_than_pixels() {
    let chart = Chart::line("Requests")
        .unit(Unit::CountPerSecond)
        .range(range(20_000))
        .zone(Zone::fixed("Asia/Kathmandu", 20_700))
        .series(series("api", 7, 20_000, 1, 4200.0));
    let svg = chart.to_svg();
    assert!(svg.len() < 25_000, "{} bytes", svg.len());
    assert_golden("line-dense.svg", &svg);
}

#[test]
fn areas_upon_one_another() {
    let gib = 1_073_741_824.0;
    let chart = Chart::area("Memory")
        .unit(Unit::Bytes)
        .range(range(3600))
        .series(series("used", 11, 120, 30, 5.0 * gib))
        .series(series("buffers", 12, 120, 30, 0.7 * gib))
        .series(series("cached", 13, 120, 30, 3.0 * gib));
    assert_golden("area-stacked.svg", &chart.to_svg());
}

#[test]
fn received_above_and_sent_below() {
    let chart = Chart::area("Network")
        .unit(Unit::BitsPerSecond)
        .range(range(3600))
        .stacked(false)
        .series(series("eth0 received", 21, 240, 15, 8.4e6))
        .series(series("eth0 sent", 22, 240, 15, 3.1e6).mirrored(true));
    assert_golden("area-mirrored.svg", &chart.to_svg());
}

#[test]
fn bars_side_by_side() {
    let chart = Chart::bar("Builds")
        .unit(Unit::Count)
        .range(range(12 * 3600))
        .series(series("passed", 31, 12, 3600, 40.0))
        .series(series("failed", 32, 12, 3600, 12.0).color(Color::rgb(0xcf, 0x22, 0x2e)));
    assert_golden("bar.svg", &chart.to_svg());
}

#[test]
fn bars_upon_one_another() {
    let chart = Chart::bar("Disk writes")
        .unit(Unit::BytesPerSecond)
        .range(range(3600))
        .stacked(true)
        .legend(Legend::Names)
        .series(series("sda", 33, 60, 60, 4.0e7))
        .series(series("nvme0n1", 34, 60, 60, 1.2e8));
    assert_golden("bar-stacked.svg", &chart.to_svg());
}

#[test]
fn steps() {
    let values: Vec<f64> = walk(41, 40).into_iter().map(|v| (v * 12.0).floor()).collect();
    let times: Vec<i64> = (0..40).map(|i| (START + i * 45) * SECOND).collect();
    let chart = Chart::step("Replicas").range(range(1800)).min(0.0).max(8.0);
    assert_golden("step.svg", &chart.series(Series::new("web", times, values)).to_svg());
}

#[test]
fn gaps() {
    let gappy = |label: &str, seed, from: usize| {
        let mut points: Vec<(i64, Option<f64>)> = walk(seed, 120)
            .into_iter()
            .zip(0..)
            .map(|(v, i)| ((START + i * 15) * SECOND, Some(v)))
            .collect();
        points[from..from + 9].iter_mut().for_each(|point| point.1 = None);
        points[from + 14].1 = Some(f64::NAN);
        points[from + 16].1 = Some(f64::INFINITY);
        points.drain(80..92);
        Series::from_points(label, points)
    };
    let chart = Chart::line("Load, with gaps").range(range(1800));
    let chart = chart.series(gappy("nulls and missing rows", 51, 20));
    assert_golden("gaps.svg", &chart.to_svg());
    let connected = Chart::line("Load, connected")
        .range(range(1800))
        .null_policy(NullPolicy::Connect)
        .max_gap(MaxGap::Unlimited)
        .series(gappy("nulls and missing rows", 51, 20));
    assert_golden("gaps-connected.svg", &connected.to_svg());
}

#[test]
fn nothing_to_show() {
    assert_golden(
        "empty.svg",
        &Chart::line("Temperature").unit(Unit::Celsius).range(range(600)).to_svg(),
    );
}

#[test]
fn texts_that_try_to_be_markup() {
    let hostile = "</text><script>alert('1')</script>&amp;\u{8}\u{0}\"]]>";
    let frames = [Frame::new("m")
        .tag("name", hostile)
        .column(Column::new("time", Values::Time(vec![START * SECOND, (START + 60) * SECOND])))
        .column(Column::new("value", Values::Integer(vec![1, 2])).unit(Unit::Count))];
    let chart = Chart::line(hostile)
        .id_prefix("\"><script>x")
        .frames(&frames, &LabelTemplate::new("$tag_name"))
        .threshold(Threshold::new(1.5, Level::Critical, hostile));
    assert_golden("escapes.svg", &chart.to_svg());
}

#[test]
fn more_series_than_colours() {
    let mut chart = Chart::line("Per core").unit(Unit::Percent).range(range(1800)).size(800, 360);
    for core in 0..16 {
        chart = chart.series(series(&format!("cpu{core}"), 60 + core, 60, 30, 100.0));
    }
    assert_golden("many.svg", &chart.to_svg());
}

#[test]
fn a_page_s_chart_has_no_style_of_its_own() {
    let svg =
        three_nodes("CPU usage").theme(Theme::Page).legend(Legend::Hidden).heading(false).to_svg();
    assert!(!svg.contains("style") && svg.contains("class=\"sc-s1\""));
    assert_golden("page.svg", &svg);
}

#[test]
fn stats() {
    let stat = Stat::new("CPU")
        .unit(Unit::Percent)
        .sparkline(series("", 71, 90, 20, 95.0))
        .threshold(Threshold::new(0.0, Level::Good, "ok"))
        .threshold(Threshold::new(60.0, Level::Warning, "▲ busy"));
    assert_golden("stat.svg", &stat.clone().to_svg());
    assert_golden("stat-high.svg", &stat.value(Some(93.2)).theme(Theme::Dark).to_svg());
    let empty = Stat::new("A title that is much too long for so small a box").to_svg();
    assert_golden("stat-empty.svg", &empty);
}
