//! `pressure`, from `/proc/pressure/{cpu,memory,io}`.

use stripchart_core::RowWriter;

use super::{Context, int};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::{Pressure, PressureLine};

/// The resources that the kernel keeps accounts of.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

#[derive(Debug)]
pub(crate) struct Pressures([HostFile; 3]);

impl Pressures {
    pub(crate) fn new(roots: &Roots) -> Self {
        Pressures(RESOURCES.map(|name| HostFile::new(roots.proc_file("pressure").join(name))))
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        for (file, resource) in self.0.iter_mut().zip(RESOURCES) {
            let pressure = cx
                .warnings
                .read(file, cx.buffer)
                .and_then(|text| cx.warnings.parsed(file.path(), Pressure::parse(text)));
            let Some(pressure) = pressure else { continue };
            let Some(mut row) = cx.row("pressure", &[("resource", resource)]) else { continue };
            let full = ["full_avg10", "full_avg60", "full_avg300", "full_total_usec"];
            let some = ["some_avg10", "some_avg60", "some_avg300", "some_total_usec"];
            if let Some(line) = &pressure.full {
                add(&mut row, full, line);
            }
            add(&mut row, some, &pressure.some);
        }
    }
}

fn add(row: &mut RowWriter<'_>, names: [&str; 4], line: &PressureLine) {
    for (name, average) in names.into_iter().zip([line.avg10, line.avg60, line.avg300]) {
        row.field(name, average);
    }
    row.field(names[3], int(line.total_usec));
}
