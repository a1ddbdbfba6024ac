//! CPU time, memory and disk, as the system counts them.
//!
//! Machines are shared and clocks on the wall tell of the neighbours: what work costs is told by the CPU time of the
//! process, all its threads counted.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// CPU time that this process has used so far, of all its threads, in user and kernel mode.
///
/// # Panics
///
/// If the system has no such clock.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("a process starts at 0"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}

/// Time spent between several starts and stops: by the wall's clock, and of the CPU.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// By the wall's clock.
    pub wall: Duration,
    /// Of the CPU, all threads.
    pub cpu: Duration,
}

impl Spent {
    /// Of both clocks the lesser time.
    #[must_use]
    pub fn least(self, other: Spent) -> Spent {
        Spent { wall: self.wall.min(other.wall), cpu: self.cpu.min(other.cpu) }
    }

    /// Runs `work` and adds what it takes.
    pub fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (wall, cpu) = (Instant::now(), cpu_time());
        let result = work();
        self.cpu += cpu_time() - cpu;
        self.wall += wall.elapsed();
        result
    }
}

/// Anonymous memory of this process in bytes; 0 where the system does not say.
#[must_use]
pub fn anonymous_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Watches anonymous memory from a thread, every millisecond.
#[derive(Debug)]
pub struct PeakMemory {
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PeakMemory {
    /// Begins to watch.
    ///
    /// # Panics
    ///
    /// If the system gives no thread.
    #[must_use]
    pub fn watch() -> Self {
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&peak), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                seen.fetch_max(anonymous_bytes(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        PeakMemory { peak, stop, thread: Some(thread) }
    }

    /// The most that was seen so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.peak.fetch_max(anonymous_bytes(), Ordering::Relaxed).max(anonymous_bytes())
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that only reads and sleeps has nothing to panic about.
            let _ = thread.join();
        }
    }
}

/// What the files of a folder and those below take on the device, in bytes: allocated blocks, not lengths.
///
/// # Errors
///
/// The system's, if something cannot be read.
pub fn disk_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { disk_bytes(&entry.path())? } else { allocated(&about) };
    }
    Ok(bytes)
}

#[cfg(unix)]
fn allocated(about: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    about.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(about: &fs::Metadata) -> u64 {
    about.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time_and_sleep_does_not() {
        let mut spent = Spent::default();
        spent.on(|| std::thread::sleep(Duration::from_millis(20)));
        assert!(spent.wall >= Duration::from_millis(20) && spent.cpu < spent.wall, "{spent:?}");
    }

    #[test]
    fn a_folder_takes_whole_blocks() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), vec![7; 100_000]).unwrap();
        let bytes = disk_bytes(folder.path()).unwrap();
        assert!(bytes >= 100_000 && bytes.is_multiple_of(512), "{bytes}");
    }
}
