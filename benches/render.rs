//! A line of many points as an SVG of 800 by 300 pixels with axes, title and labels: ours beside the SVG backend of
//! `plotters`.
//!
//! `cargo bench -p benches --bench render`. The sizes of the drawings are printed before the first measurement.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plotters::prelude::{ChartBuilder, IntoDrawingArea, LineSeries, RGBColor, SVGBackend, WHITE};
use stripchart_core::{TimeRange, Timestamp, Unit};
use stripchart_render::{Chart, Legend, Series, Theme};

const SIZE: (u32, u32) = (800, 300);
const STEP_NS: i64 = 1_000_000_000;

/// A noisy walk from a fixed seed.
fn points(count: usize) -> (Vec<i64>, Vec<f64>) {
    let (mut state, mut level) = (0x2545_f491_4f6c_dd1d_u64, 50.0f64);
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    (0..count)
        .map(|i| {
            level = (level + 4.0 * step()).clamp(5.0, 95.0);
            (i64::try_from(i).unwrap_or(0) * STEP_NS, level + 6.0 * step())
        })
        .unzip()
}

fn chart<'a>(times: &'a [i64], values: &'a [f64]) -> Chart<'a> {
    let end = times.last().map_or(1, |last| last + 1);
    Chart::line("CPU usage")
        .unit(Unit::Percent)
        .size(SIZE.0, SIZE.1)
        .theme(Theme::Light)
        .range(TimeRange::new(Timestamp::EPOCH, Timestamp::from_nanos(end)))
        .legend(Legend::Stats)
        .series(Series::new("node-a", times, values))
}

/// The same with plotters: title, both axes, their mesh and labels, one line.
fn plotters(times: &[i64], values: &[f64]) -> String {
    let mut out = String::new();
    let draw = |out: &mut String| -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(out, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let end = times.last().map_or(1, |last| last + 1);
        let mut chart = ChartBuilder::on(&area)
            .caption("CPU usage", ("sans-serif", 13))
            .margin(10)
            .x_label_area_size(24)
            .y_label_area_size(40)
            .build_cartesian_2d(0..end, 0f64..100f64)?;
        chart.configure_mesh().draw()?;
        let line = times.iter().copied().zip(values.iter().copied());
        chart.draw_series(LineSeries::new(line, &RGBColor(0, 114, 178)))?;
        area.present()?;
        Ok(())
    };
    draw(&mut out).expect("plotters draws into memory");
    out
}

fn lines(c: &mut Criterion) {
    let mut group = c.benchmark_group("render/line");
    for count in [1_000, 10_000, 1_000_000] {
        let (times, values) = points(count);
        let chart = chart(&times, &values);
        eprintln!("{count} points: stripchart {} bytes", chart.to_svg().len());
        group.throughput(Throughput::Elements(count as u64));
        let mut out = String::new();
        group.bench_function(BenchmarkId::new("stripchart", count), |b| {
            b.iter(|| {
                out.clear();
                black_box(&chart).render(&mut out);
                out.len()
            });
        });
        if count <= 10_000 {
            eprintln!("{count} points: plotters {} bytes", plotters(&times, &values).len());
            group.bench_function(BenchmarkId::new("plotters", count), |b| {
                b.iter(|| plotters(black_box(&times), black_box(&values)).len());
            });
        }
    }
    group.finish();
}

/// A page full: 12 panels of 8 series with 1 800 points each, none of which can be left out.
fn dashboard(c: &mut Criterion) {
    let (times, values) = points(1_800);
    let panel = || {
        let mut panel = chart(&times, &values);
        for series in 1..8 {
            panel = panel.series(Series::new(format!("node-{series}"), &*times, &*values));
        }
        panel
    };
    let panels: Vec<_> = (0..12).map(|_| panel()).collect();
    let mut out = String::new();
    c.bench_function("render/dashboard/12x8x1800", |b| {
        b.iter(|| {
            out.clear();
            panels.iter().for_each(|panel| black_box(panel).render(&mut out));
            out.len()
        });
    });
    eprintln!("12 panels of 8 series of 1800 points: {} bytes", out.len());
}

criterion_group!(benches, lines, dashboard);
criterion_main!(benches);
