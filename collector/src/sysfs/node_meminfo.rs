//! `/sys/devices/system/node/nodeN/meminfo`: the memory of one node.
//!
//! ```text
//! Node 0 MemTotal:       24684096 kB
//! Node 0 MemFree:        14393044 kB
//! Node 0 MemUsed:        10291052 kB
//! ...
//! Node 0 HugePages_Total:     0
//! ```
//!
//! As `/proc/meminfo` with two words before each key; `kB` means 1024 bytes. What only the whole machine has (swap,
//! what was promised, vmalloc) is missing.
//!
//! Kernel source: drivers/base/node.c.

use crate::ParseError;
use crate::text::{Keyed, Lines, keyed_counts};

keyed_counts! {
    /// The keys that are kept, in bytes but for the counts of huge pages.
    pub struct NodeMemInfo {
        /// Memory of the node.
        mem_total = b"MemTotal:",
        /// Memory that nobody uses for anything.
        mem_free = b"MemFree:",
        /// The difference of both.
        mem_used = b"MemUsed:",
        /// Memory used lately.
        active = b"Active:",
        /// Memory not used lately.
        inactive = b"Inactive:",
        /// Waiting to be written to disk.
        dirty = b"Dirty:",
        /// Page cache.
        file_pages = b"FilePages:",
        /// Memory of programs that no file backs.
        anon_pages = b"AnonPages:",
        /// Files mapped by programs.
        mapped = b"Mapped:",
        /// Shared memory and tmpfs.
        shmem = b"Shmem:",
        /// The kernel's own structures.
        slab = b"Slab:",
        /// Huge pages in the pool: a count.
        huge_pages_total = b"HugePages_Total:",
        /// Huge pages in the pool that are free: a count.
        huge_pages_free = b"HugePages_Free:",
    }
}

impl NodeMemInfo {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line does not begin with `Node` and a number, a number is none, or `MemTotal` is missing.
    ///
    /// ```
    /// use stripchart_collector::sysfs::NodeMemInfo;
    /// let mem = NodeMemInfo::parse(b"Node 1 MemTotal:  2048 kB\nNode 1 MemFree:  1024 kB\n")?;
    /// assert_eq!((mem.mem_total, mem.shmem), (Some(2 << 20), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut mem = NodeMemInfo::default();
        let mut lines = Lines::new(text)?;
        for line in lines.by_ref() {
            let mut fields = line.fields();
            let word = fields.word("\"Node\"")?;
            if word != b"Node" {
                return Err(line.error("\"Node\"", word));
            }
            fields.count("a node number")?;
            let Some(slot) = mem.slot(fields.word("a key")?) else { continue };
            let count = fields.count("a count")?;
            *slot = Some(match fields.next_field() {
                None => count,
                Some(b"kB") => count
                    .checked_mul(1024)
                    .ok_or_else(|| line.error("less than 16 EiB", line.text))?,
                Some(other) => return Err(line.error("\"kB\"", other)),
            });
        }
        match mem.mem_total {
            Some(_) => Ok(mem),
            None => Err(ParseError::at_end(lines.last_number(), "a line \"MemTotal:\"")),
        }
    }
}
