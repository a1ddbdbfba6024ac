//! File systems of one's own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set for the process inside the namespace.
pub(crate) const INSIDE: &str = "STRIPCHART_INSIDE_NAMESPACE";

/// Runs a program; what it printed, or why it failed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done =
        Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(format!("{program} {}: {said}", arguments.join(" ")))
}

/// What the tests need that this machine has not; `None` if it has all of it.
fn missing() -> Option<String> {
    if run("id", &["-u"]).ok()?.trim() != "0" {
        return Some("not root".to_owned());
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("no loop devices".to_owned());
    }
    for (program, argument) in [
        ("unshare", "--version"),
        ("mkfs.ext4", "-V"),
        ("mount", "--version"),
        ("python3", "--version"),
    ] {
        if let Err(error) = run(program, &[argument]) {
            return Some(error);
        }
    }
    let folder = tempfile::tempdir().ok()?;
    let image = folder.path().join("probe");
    let tried = format_image(&image, 8 << 20).and_then(|()| {
        let (image, folder) = (text(&image), text(folder.path()));
        run("unshare", &["--mount", "mount", "-o", "loop", &image, &folder])
    });
    tried.err()
}

/// Runs an ignored test of this program in a mount namespace of its own, or says why not.
pub(crate) fn in_namespace(test: &str) {
    if let Some(why) = missing() {
        println!("skipped: {test}: {why}");
        // Also where the output of tests that pass is not shown.
        let _ = std::fs::write("/dev/stderr", format!("skipped: {test}: {why}\n"));
        return;
    }
    let this = std::env::current_exe().unwrap();
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(this)
        .args(["--ignored", "--exact", test, "--nocapture", "--test-threads", "1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    // The line may begin with the name of the test.
    let figures = said.lines().filter_map(|line| line.find("machine:").map(|at| &line[at..]));
    figures.for_each(|line| println!("{line}"));
    assert!(
        done.status.success(),
        "{test}: {}\n{said}{}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn format_image(image: &Path, bytes: u64) -> Result<(), String> {
    let file = std::fs::File::create(image).map_err(|error| error.to_string())?;
    file.set_len(bytes).map_err(|error| error.to_string())?;
    run("mkfs.ext4", &["-q", "-F", "-E", "lazy_itable_init=0,nodiscard", &text(image)]).map(drop)
}

/// An ext4 in a file, mounted while this lives.
#[derive(Debug)]
pub(crate) struct Ext4 {
    image: PathBuf,
    folder: PathBuf,
    mounted: bool,
}

impl Ext4 {
    /// Makes one of `bytes`, whose file is `image`, mounted at `folder`.
    pub(crate) fn new(image: PathBuf, folder: PathBuf, bytes: u64) -> Ext4 {
        format_image(&image, bytes).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        let mut disk = Ext4 { image, folder, mounted: false };
        disk.mount();
        disk
    }

    pub(crate) fn mount(&mut self) {
        run("mount", &["-o", "loop", &text(&self.image), &text(&self.folder)]).unwrap();
        self.mounted = true;
    }

    pub(crate) fn unmount(&mut self) {
        run("umount", &[&text(&self.folder)]).unwrap();
        self.mounted = false;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// The file system takes nothing more and forgets what has not reached the device; its journal is not written out.
    pub(crate) fn cut_power(&self) {
        const SHUTDOWN: &str = "import fcntl, os, struct, sys\n\
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run("python3", &["-c", SHUTDOWN, &text(&self.folder)]).unwrap();
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["-l", &text(&self.folder)]);
        }
    }
}
