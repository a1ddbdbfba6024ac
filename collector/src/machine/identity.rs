//! Who the machine is: ids, names, versions.

use crate::Roots;
use crate::attr::Attrs;
use crate::node::MachineInfo;

/// The system's name where no file tells it.
const UNNAMED_SYSTEM: &str = "Linux";

pub(super) fn read(machine: &mut MachineInfo, roots: &Roots, attrs: &mut Attrs<'_>) {
    let mut first = |paths: &[std::path::PathBuf]| -> Box<str> {
        paths.iter().find_map(|path| attrs.text(path)).unwrap_or_default().into()
    };
    let etc = |name: &str| roots.rootfs.join("etc").join(name);
    machine.machine_id = first(&[etc("machine-id"), roots.rootfs.join("var/lib/dbus/machine-id")]);
    // The firmware's tables, else the hypervisor's word on POWER; others have but what the system gave itself.
    machine.system_uuid = first(&[
        roots.sys.join("class/dmi/id/product_uuid"),
        roots.proc_file("device-tree/system-id"),
        roots.proc_file("device-tree/vm,uuid"),
        etc("machine-id"),
    ]);
    machine.boot_id = first(&[roots.proc_file("sys/kernel/random/boot_id")]);
    machine.kernel_version = first(&[roots.proc_file("sys/kernel/osrelease")]);
    machine.host_name = first(&[roots.proc_file("sys/kernel/hostname")]);
    let releases = [etc("os-release"), roots.rootfs.join("usr/lib/os-release")];
    let release = releases.iter().find_map(|path| attrs.document(path)).unwrap_or_default();
    machine.os_version = pretty_name(&release).unwrap_or_else(|| UNNAMED_SYSTEM.into());
}

/// The value of `PRETTY_NAME` in an os-release file, a fragment of shell: quotes around it are taken off, and
/// backslashes before what would mean something to a shell.
fn pretty_name(release: &str) -> Option<Box<str>> {
    let value = release.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?.trim();
    let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let plain = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
    let mut name = String::with_capacity(plain.len());
    let mut chars = plain.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    (!name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_system_is_read_as_a_shell_would() {
        let cases = [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"",
                Some("Debian GNU/Linux 12 (bookworm)"),
            ),
            ("NAME=x\nPRETTY_NAME='Alpine Linux v3.20'\n", Some("Alpine Linux v3.20")),
            ("PRETTY_NAME=Plain", Some("Plain")),
            ("PRETTY_NAME=\"a \\\"b\\\" \\$c\"", Some("a \"b\" $c")),
            ("PRETTY_NAME=\"", Some("\"")),
            ("PRETTY_NAME=\"\"", None),
            ("NAME=x", None),
        ];
        for (text, want) in cases {
            assert_eq!(pretty_name(text).as_deref(), want, "{text}");
        }
    }
}
