//! The README's example: collect, store, query, draw.

use std::{
    error::Error,
    thread,
    time::{Duration, SystemTime},
};
use stripchart_collector::Sampler;
use stripchart_core::{FrameRequest, FrameSource, Sink, Timestamp, Unit};
use stripchart_query::Engine;
use stripchart_render::{Chart, LabelTemplate};
use stripchart_storage::Db;

fn main() -> Result<(), Box<dyn Error>> {
    let db = Db::open("history")?; // a folder; survives kill -9
    db.create_database("host", None)?;
    let (mut sampler, writer) = (Sampler::builder().build(), db.writer("host", None)?);
    for _ in 0..5 {
        writer.write(sampler.sample(SystemTime::now().into()))?; // kept when it returns
        thread::sleep(Duration::from_secs(1));
    }
    let statement =
        "SELECT usage_user, usage_system FROM cpu WHERE cpu = 'cpu-total' AND time > now() - 1m";
    let now = Timestamp::from(SystemTime::now());
    let frames = Engine::new(db).frames(&FrameRequest {
        database: "host",
        retention_policy: None,
        statement,
        now,
    })?;
    let chart =
        Chart::line("Processor").unit(Unit::Percent).frames(&frames, &LabelTemplate::new("$col"));
    std::fs::write("cpu.svg", chart.to_svg())?;
    Ok(())
}
