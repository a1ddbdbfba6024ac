//! `power_supply`: batteries, mains and UPSes.
//!
//! Each tells all that it knows in its `uevent`, in millionths of amperes, volts, watts and their hours, tenths of a degree,
//! percent and seconds.

use std::path::Path;

use super::ROWS_MAX;
use crate::host::Context;
use crate::sysfs::Uevent;
use crate::text::count;

const PREFIX: &str = "POWER_SUPPLY_";

/// What is counted as it is.
const COUNTS: [(&str, &str); 6] = [
    ("CAPACITY", "capacity"),
    ("CYCLE_COUNT", "cyclecount"),
    ("ONLINE", "online"),
    ("PRESENT", "present"),
    ("TIME_TO_EMPTY_NOW", "time_to_empty_seconds"),
    ("TIME_TO_FULL_NOW", "time_to_full_seconds"),
];

/// What is divided, and by what.
const QUANTITIES: [(&str, &str, f64); 14] = [
    ("CHARGE_FULL", "charge_full_ampere", 1e6),
    ("CHARGE_FULL_DESIGN", "charge_full_design_ampere", 1e6),
    ("CHARGE_NOW", "charge_ampere", 1e6),
    ("CURRENT_MAX", "current_max_ampere", 1e6),
    ("CURRENT_NOW", "current_ampere", 1e6),
    ("ENERGY_FULL", "energy_full_watthour", 1e6),
    ("ENERGY_FULL_DESIGN", "energy_full_design_watthour", 1e6),
    ("ENERGY_NOW", "energy_watthour", 1e6),
    ("POWER_NOW", "power_watt", 1e6),
    ("TEMP", "temp_celsius", 1e1),
    ("TEMP_AMBIENT", "temp_ambient_celsius", 1e1),
    ("VOLTAGE_MAX_DESIGN", "voltage_max_design_volt", 1e6),
    ("VOLTAGE_MIN_DESIGN", "voltage_min_design_volt", 1e6),
    ("VOLTAGE_NOW", "voltage_volt", 1e6),
];

/// Reads the devices in `folder`.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    for name in cx.attrs().names(folder).into_iter().take(ROWS_MAX) {
        let device = folder.join(&name);
        let kind = cx.attrs().text(&device.join("type")).unwrap_or_default();
        let told = cx.attrs().parsed(&device.join("uevent"), |text| {
            let event = Uevent::parse(text)?;
            let value = |key: &str| event.get(&format!("{PREFIX}{key}"));
            let counts = COUNTS.map(|(key, field)| (field, value(key).and_then(small)));
            let quantities = QUANTITIES.map(|(key, field, divisor)| {
                let number = value(key).and_then(|value| value.parse::<i64>().ok());
                (field, number.map(|number| number as f64 / divisor))
            });
            Ok((counts, quantities, value("STATUS").map(|status| status == "Discharging")))
        });
        let Some((counts, quantities, discharging)) = told else { continue };
        let is_empty = counts.iter().all(|(_, count)| count.is_none())
            && quantities.iter().all(|(_, number)| number.is_none());
        if is_empty && discharging.is_none() {
            continue;
        }
        let tags = [("power_supply", &*name), ("type", &kind)];
        let Some(mut row) = cx.row("power_supply", &tags) else { continue };
        let counts = counts.into_iter().chain([("discharging", discharging.map(i64::from))]);
        for (field, count) in counts {
            count.into_iter().for_each(|count| row.field(field, count));
        }
        for (field, number) in quantities {
            number.into_iter().for_each(|number| row.field(field, number));
        }
    }
}

fn small(value: &str) -> Option<i64> {
    i64::try_from(count(value.as_bytes())?).ok()
}
