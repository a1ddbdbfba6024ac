//! Whatever a chart is given, it draws a well-formed SVG of known elements and does not panic.

use std::borrow::Cow;

use proptest::prelude::*;
use stripchart_core::{TimeRange, Timestamp, Unit};
use stripchart_render::{
    Chart, ChartKind, Legend, Level, MaxGap, NullPolicy, Series, Stat, Theme, Threshold, Zone,
};

/// Elements and attributes that drawings consist of; none of them can run or load anything.
const ELEMENTS: [&str; 10] =
    ["svg", "title", "desc", "style", "rect", "g", "path", "text", "clipPath", "tspan"];
const ATTRIBUTES: [&str; 29] = [
    "role",
    "aria-labelledby",
    "width",
    "height",
    "viewBox",
    "font-family",
    "font-size",
    "font-weight",
    "id",
    "fill",
    "class",
    "stroke",
    "stroke-width",
    "stroke-linejoin",
    "stroke-linecap",
    "stroke-dasharray",
    "fill-opacity",
    "d",
    "x",
    "y",
    "rx",
    "transform",
    "text-anchor",
    "clip-path",
    "x1",
    "x2",
    "y1",
    "y2",
    "dy",
];

/// Parses a drawing and checks that it holds nothing but what drawings consist of; returns its texts.
fn checked(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}\n{svg}"));
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(ELEMENTS.contains(&node.tag_name().name()), "{:?}", node.tag_name());
        for attribute in node.attributes() {
            assert!(ATTRIBUTES.contains(&attribute.name()), "{attribute:?}");
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{attribute:?}");
        }
    }
    let texts = document.descendants().filter(|node| node.is_text());
    texts.filter_map(|node| node.text().map(str::to_owned)).collect()
}

fn kind() -> impl Strategy<Value = ChartKind> {
    use ChartKind::{Area, Bar, Line, Step};
    prop_oneof![Just(Line), Just(Step), Just(Area), Just(Bar)]
}

fn theme() -> impl Strategy<Value = Theme> {
    prop_oneof![Just(Theme::Auto), Just(Theme::Light), Just(Theme::Dark), Just(Theme::Page)]
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, 1e300, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY, 5e-324]),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..100_000_000_000i64, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn series() -> impl Strategy<Value = Series<'static>> {
    (
        any::<String>(),
        prop::collection::vec((time(), value()), 0..60),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(label, points, ordered, dashed, mirrored)| {
            let (mut times, values): (Vec<_>, Vec<_>) = points.into_iter().unzip();
            if ordered {
                times.sort_unstable();
            }
            Series::new(label, times, values).dashed(dashed).mirrored(mirrored)
        })
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(Unit::all().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_chart(
        (kind, theme, unit, title) in (kind(), theme(), unit(), any::<String>()),
        all in prop::collection::vec(series(), 0..5),
        range in prop::option::of((time(), time())),
        (width, height) in (prop_oneof![0u32..1000, Just(u32::MAX)], prop_oneof![0u32..500, Just(u32::MAX)]),
        (min, max, threshold) in (prop::option::of(value()), prop::option::of(value()), value()),
        (stacked, heading) in any::<(bool, bool)>(),
        gap in prop_oneof![Just(MaxGap::Auto), Just(MaxGap::Unlimited), any::<i64>().prop_map(MaxGap::Nanos)],
        policy in prop_oneof![Just(NullPolicy::Gap), Just(NullPolicy::Connect), Just(NullPolicy::Zero)],
        (legend, offset) in (prop_oneof![Just(Legend::Stats), Just(Legend::Names)], any::<i32>()),
    ) {
        let mut chart = Chart::new(kind, title.clone())
            .theme(theme).unit(unit).size(width, height).stacked(stacked).heading(heading)
            .null_policy(policy).max_gap(gap).legend(legend).id_prefix(&title)
            .zone(Zone::fixed(title.clone(), offset))
            .threshold(Threshold::new(threshold, Level::Critical, title.clone()));
        if let Some((start, end)) = range {
            chart = chart.range(TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end)));
        }
        chart = min.into_iter().fold(chart, Chart::min);
        chart = max.into_iter().fold(chart, Chart::max);
        let count = all.len();
        chart = all.into_iter().fold(chart, Chart::series);
        let svg = chart.to_svg();
        checked(&svg);
        prop_assert_eq!(chart.legend_rows().len(), count);
        prop_assert_eq!(chart.clone().to_svg(), svg);
    }

    #[test]
    fn any_stat(
        (title, unit, theme) in (any::<String>(), unit(), theme()),
        (shown, limit, course) in (prop::option::of(value()), value(), series()),
        (width, height) in (0u32..500, 0u32..300),
    ) {
        let stat = Stat::new(title.clone()).unit(unit).theme(theme).size(width, height).value(shown)
            .sparkline(course).threshold(Threshold::new(limit, Level::Warning, title));
        checked(&stat.to_svg());
    }

    #[test]
    fn a_label_comes_out_as_it_went_in(label in "[a-z<>&\"'/]{1,12}") {
        let series = Series::new(label.clone(), vec![0, 1], vec![0.0, 1.0]);
        let texts = checked(&Chart::line("").series(series).to_svg());
        prop_assert!(texts.contains(&label), "{:?} not in {:?}", label, texts);
    }
}

#[test]
fn one_point_is_drawn_as_a_dot_of_every_kind() {
    for kind in [ChartKind::Line, ChartKind::Step, ChartKind::Area, ChartKind::Bar] {
        let series = Series::new("one", vec![1_000_000_000], vec![5.0]);
        let svg = Chart::new(kind, "one").series(series).to_svg();
        checked(&svg);
        assert!(!svg.contains("no data") && svg.contains("<title>one</title>"), "{svg}");
    }
}

#[test]
fn a_series_of_holes_is_no_larger_than_one_of_points() {
    let values: Vec<f64> = (0..200_000)
        .map(|i| if i % 3 == 1 { f64::NAN } else { f64::from(i * 7919 % 1000) })
        .collect();
    let times: Vec<i64> = (0..200_000).map(|i| i * 1_000_000_000).collect();
    for kind in [ChartKind::Line, ChartKind::Step, ChartKind::Area, ChartKind::Bar] {
        let series = Series::new("holes", &*times, &*values);
        let svg = Chart::new(kind, "holes").series(series).to_svg();
        checked(&svg);
        assert!(svg.len() < 60_000, "{kind:?}: {} bytes", svg.len());
    }
}

#[test]
fn borrowed_and_owned_columns_give_the_same_bytes() {
    let (times, values) = ([0, 10, 20], [1.0, 2.0, 1.5]);
    let draw = |times: Cow<'static, [i64]>, values: Cow<'static, [f64]>| {
        Chart::line("same").series(Series::new("s", times, values)).to_svg()
    };
    let borrowed = Chart::line("same").series(Series::new("s", &times[..], &values[..])).to_svg();
    assert_eq!(borrowed, draw(times.to_vec().into(), values.to_vec().into()));
}
