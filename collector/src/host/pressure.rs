//! `pressure`, from `/proc/pressure/{cpu,memory,io,irq}`.

use stripchart_core::RowWriter;

use super::{Context, int};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::{IrqPressure, Pressure, PressureLine};

/// Fields of time in which all threads waited.
const FULL: [&str; 4] = ["full_avg10", "full_avg60", "full_avg300", "full_total_usec"];

/// The resources that the kernel keeps accounts of.
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

#[derive(Debug)]
pub(crate) struct Pressures {
    files: [HostFile; 3],
    irq: HostFile,
}

impl Pressures {
    pub(crate) fn new(roots: &Roots) -> Self {
        let file = |name| HostFile::new(roots.proc_file("pressure").join(name));
        Pressures { files: RESOURCES.map(file), irq: file("irq") }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        for (file, resource) in self.files.iter_mut().zip(RESOURCES) {
            let pressure = cx
                .warnings
                .read(file, cx.buffer)
                .and_then(|text| cx.warnings.parsed(file.path(), Pressure::parse(text)));
            let Some(pressure) = pressure else { continue };
            let Some(mut row) = cx.row("pressure", &[("resource", resource)]) else { continue };
            let some = ["some_avg10", "some_avg60", "some_avg300", "some_total_usec"];
            if let Some(line) = &pressure.full {
                add(&mut row, FULL, line);
            }
            add(&mut row, some, &pressure.some);
        }
        let irq = cx
            .warnings
            .read_if_any(&mut self.irq, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.irq.path(), IrqPressure::parse(text)));
        let Some(irq) = irq else { return };
        if let Some(mut row) = cx.row("pressure", &[("resource", "irq")]) {
            add(&mut row, FULL, &irq.full);
        }
    }
}

fn add(row: &mut RowWriter<'_>, names: [&str; 4], line: &PressureLine) {
    for (name, average) in names.into_iter().zip([line.avg10, line.avg60, line.avg300]) {
        row.field(name, average);
    }
    row.field(names[3], int(line.total_usec));
}
