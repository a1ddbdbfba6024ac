//! What file systems count for themselves.

use super::Row;
use stripchart_core::FieldType::Integer;
use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::Unit;

/// In the order of the kernel's file: what stands there is known by its place.
#[rustfmt::skip]
pub(crate) const XFS: [Row; 50] = [
    ("extent_allocation_extents_allocated", Integer, Cumulative, Unit::Count, "extents given out"),
    ("extent_allocation_blocks_allocated", Integer, Cumulative, Unit::Count, "blocks given out"),
    ("extent_allocation_extents_freed", Integer, Cumulative, Unit::Count, "extents taken back"),
    ("extent_allocation_blocks_freed", Integer, Cumulative, Unit::Count, "blocks taken back"),
    ("allocation_btree_lookups", Integer, Cumulative, Unit::Count, "searches for free extents"),
    ("allocation_btree_compares", Integer, Cumulative, Unit::Count, "comparisons in searches for free extents"),
    ("allocation_btree_records_inserted", Integer, Cumulative, Unit::Count, "records of free extents inserted"),
    ("allocation_btree_records_deleted", Integer, Cumulative, Unit::Count, "records of free extents deleted"),
    ("block_mapping_reads", Integer, Cumulative, Unit::Count, "extents of files looked up to read"),
    ("block_mapping_writes", Integer, Cumulative, Unit::Count, "extents of files looked up to write"),
    ("block_mapping_unmaps", Integer, Cumulative, Unit::Count, "extents of files deleted"),
    ("block_mapping_extent_list_insertions", Integer, Cumulative, Unit::Count, "extents inserted into lists"),
    ("block_mapping_extent_list_deletions", Integer, Cumulative, Unit::Count, "extents deleted from lists"),
    ("block_mapping_extent_list_lookups", Integer, Cumulative, Unit::Count, "searches of lists of extents"),
    ("block_mapping_extent_list_compares", Integer, Cumulative, Unit::Count, "comparisons in lists of extents"),
    ("block_map_btree_lookups", Integer, Cumulative, Unit::Count, "searches for extents of files"),
    ("block_map_btree_compares", Integer, Cumulative, Unit::Count, "comparisons in searches for extents of files"),
    ("block_map_btree_records_inserted", Integer, Cumulative, Unit::Count, "records of extents of files inserted"),
    ("block_map_btree_records_deleted", Integer, Cumulative, Unit::Count, "records of extents of files deleted"),
    ("directory_operation_lookup", Integer, Cumulative, Unit::Count, "names looked up in directories"),
    ("directory_operation_create", Integer, Cumulative, Unit::Count, "names created in directories"),
    ("directory_operation_remove", Integer, Cumulative, Unit::Count, "names removed from directories"),
    ("directory_operation_getdents", Integer, Cumulative, Unit::Count, "directories listed"),
    ("transactions_sync", Integer, Cumulative, Unit::Count, "transactions waited for"),
    ("transactions_async", Integer, Cumulative, Unit::Count, "transactions not waited for"),
    ("transactions_empty", Integer, Cumulative, Unit::Count, "transactions that changed nothing"),
    ("inode_operation_attempts", Integer, Cumulative, Unit::Count, "inodes looked for in memory"),
    ("inode_operation_found", Integer, Cumulative, Unit::Count, "inodes found in memory"),
    ("inode_operation_recycled", Integer, Cumulative, Unit::Count, "inodes found in memory while being given up"),
    ("inode_operation_missed", Integer, Cumulative, Unit::Count, "inodes not found in memory"),
    ("inode_operation_duplicates", Integer, Cumulative, Unit::Count, "inodes that another read meanwhile"),
    ("inode_operation_reclaims", Integer, Cumulative, Unit::Count, "inodes given up"),
    ("inode_operation_attribute_changes", Integer, Cumulative, Unit::Count, "changes of attributes"),
    ("log_writes", Integer, Cumulative, Unit::Count, "writes of the log"),
    ("log_blocks", Integer, Cumulative, Unit::Count, "blocks of 512 bytes written to the log"),
    ("log_noiclogs", Integer, Cumulative, Unit::Count, "times that no buffer of the log was free"),
    ("log_force", Integer, Cumulative, Unit::Count, "times that the log was wanted on disk"),
    ("log_force_sleep", Integer, Cumulative, Unit::Count, "times that one waited for that"),
    ("write_calls", Integer, Cumulative, Unit::Count, "calls that write"),
    ("read_calls", Integer, Cumulative, Unit::Count, "calls that read"),
    ("vnode_active", Integer, Gauge, Unit::Count, "inodes in memory"),
    ("vnode_allocate", Integer, Cumulative, Unit::Count, "inodes allocated in memory"),
    ("vnode_get", Integer, Cumulative, Unit::Count, "references to inodes taken by path"),
    ("vnode_hold", Integer, Cumulative, Unit::Count, "references to inodes taken"),
    ("vnode_release", Integer, Cumulative, Unit::Count, "references to inodes released"),
    ("vnode_reclaim", Integer, Cumulative, Unit::Count, "inodes of which the last reference was dropped"),
    ("vnode_remove", Integer, Cumulative, Unit::Count, "inodes that went from memory"),
    ("extent_writes_bytes", Integer, Cumulative, Unit::Bytes, "bytes written back from the page cache"),
    ("write_bytes", Integer, Cumulative, Unit::Bytes, "bytes written by calls"),
    ("read_bytes", Integer, Cumulative, Unit::Bytes, "bytes read by calls"),
];

#[rustfmt::skip]
pub(crate) const ZFS: [Row; 41] = [
    ("arcstats_anon_size", Integer, Gauge, Unit::Bytes, "buffers that belong to no file yet"),
    ("arcstats_c", Integer, Gauge, Unit::Bytes, "size that the cache aims at"),
    ("arcstats_c_max", Integer, Gauge, Unit::Bytes, "largest size of the cache"),
    ("arcstats_c_min", Integer, Gauge, Unit::Bytes, "smallest size of the cache"),
    ("arcstats_compressed_size", Integer, Gauge, Unit::Bytes, "buffers as they lie compressed in the cache"),
    ("arcstats_data_size", Integer, Gauge, Unit::Bytes, "data in the cache"),
    ("arcstats_deleted", Integer, Cumulative, Unit::Count, "buffers given up"),
    ("arcstats_demand_data_hits", Integer, Cumulative, Unit::Count, "reads of data found in the cache"),
    ("arcstats_demand_data_misses", Integer, Cumulative, Unit::Count, "reads of data not found in the cache"),
    ("arcstats_demand_metadata_hits", Integer, Cumulative, Unit::Count, "reads of metadata found in the cache"),
    ("arcstats_demand_metadata_misses", Integer, Cumulative, Unit::Count, "reads of metadata not found in the cache"),
    ("arcstats_evict_skip", Integer, Cumulative, Unit::Count, "buffers that could not be given up"),
    ("arcstats_hash_collisions", Integer, Cumulative, Unit::Count, "buffers with the same place in the index"),
    ("arcstats_hash_elements", Integer, Gauge, Unit::Count, "buffers in the index"),
    ("arcstats_hdr_size", Integer, Gauge, Unit::Bytes, "what the index of the cache takes"),
    ("arcstats_hits", Integer, Cumulative, Unit::Count, "reads found in the cache"),
    ("arcstats_l2_asize", Integer, Gauge, Unit::Bytes, "second level as it lies on its devices"),
    ("arcstats_l2_cksum_bad", Integer, Cumulative, Unit::Count, "buffers on the second level with a wrong checksum"),
    ("arcstats_l2_hits", Integer, Cumulative, Unit::Count, "reads found on the second level"),
    ("arcstats_l2_io_error", Integer, Cumulative, Unit::Count, "errors of the second level"),
    ("arcstats_l2_misses", Integer, Cumulative, Unit::Count, "reads not found on the second level"),
    ("arcstats_l2_read_bytes", Integer, Cumulative, Unit::Bytes, "bytes read from the second level"),
    ("arcstats_l2_size", Integer, Gauge, Unit::Bytes, "second level before compression"),
    ("arcstats_l2_write_bytes", Integer, Cumulative, Unit::Bytes, "bytes written to the second level"),
    ("arcstats_memory_direct_count", Integer, Cumulative, Unit::Count, "times that a program had to shrink the cache itself"),
    ("arcstats_memory_throttle_count", Integer, Cumulative, Unit::Count, "writes delayed for want of memory"),
    ("arcstats_metadata_size", Integer, Gauge, Unit::Bytes, "metadata in the cache"),
    ("arcstats_mfu_ghost_hits", Integer, Cumulative, Unit::Count, "reads of what was given up although used often"),
    ("arcstats_mfu_hits", Integer, Cumulative, Unit::Count, "reads of what is used often"),
    ("arcstats_mfu_size", Integer, Gauge, Unit::Bytes, "what is used often"),
    ("arcstats_misses", Integer, Cumulative, Unit::Count, "reads not found in the cache"),
    ("arcstats_mru_ghost_hits", Integer, Cumulative, Unit::Count, "reads of what was given up although used lately"),
    ("arcstats_mru_hits", Integer, Cumulative, Unit::Count, "reads of what was used lately"),
    ("arcstats_mru_size", Integer, Gauge, Unit::Bytes, "what was used lately"),
    ("arcstats_mutex_miss", Integer, Cumulative, Unit::Count, "buffers not given up because they were in use"),
    ("arcstats_prefetch_data_hits", Integer, Cumulative, Unit::Count, "data read ahead that was in the cache"),
    ("arcstats_prefetch_data_misses", Integer, Cumulative, Unit::Count, "data read ahead that was not in the cache"),
    ("arcstats_prefetch_metadata_hits", Integer, Cumulative, Unit::Count, "metadata read ahead that was in the cache"),
    ("arcstats_prefetch_metadata_misses", Integer, Cumulative, Unit::Count, "metadata read ahead that was not in the cache"),
    ("arcstats_size", Integer, Gauge, Unit::Bytes, "size of the cache"),
    ("arcstats_uncompressed_size", Integer, Gauge, Unit::Bytes, "buffers of the cache if they were not compressed"),
];

#[rustfmt::skip]
pub(super) const BTRFS: [Row; 2] = [
    ("global_rsv_reserved_bytes", Integer, Gauge, Unit::Bytes, "space for emergencies that is there"),
    ("global_rsv_size_bytes", Integer, Gauge, Unit::Bytes, "space for emergencies that there should be"),
];

#[rustfmt::skip]
pub(super) const BTRFS_ALLOCATION: [Row; 7] = [
    ("disk_size_bytes", Integer, Gauge, Unit::Bytes, "space given out, all copies counted"),
    ("disk_used_bytes", Integer, Gauge, Unit::Bytes, "space in use, all copies counted"),
    ("may_use_bytes", Integer, Gauge, Unit::Bytes, "space promised to what is not written yet"),
    ("pinned_bytes", Integer, Gauge, Unit::Bytes, "space that will be free with the next commit"),
    ("readonly_bytes", Integer, Gauge, Unit::Bytes, "space that is not to be written"),
    ("reserved_bytes", Integer, Gauge, Unit::Bytes, "space given out that is not written yet"),
    ("used_bytes", Integer, Gauge, Unit::Bytes, "space in use"),
];

#[rustfmt::skip]
pub(super) const BTRFS_PROFILE: [Row; 2] = [
    ("size_bytes", Integer, Gauge, Unit::Bytes, "space given out with so many copies"),
    ("used_bytes", Integer, Gauge, Unit::Bytes, "space of that in use"),
];

#[rustfmt::skip]
pub(super) const BTRFS_DEVICE: [Row; 1] = [
    ("size_bytes", Integer, Gauge, Unit::Bytes, "size of the device"),
];

#[rustfmt::skip]
pub(super) const BTRFS_DEVICE_ERRORS: [Row; 6] = [
    ("corruption_errs", Integer, Cumulative, Unit::Count, "blocks with a wrong checksum"),
    ("flush_errs", Integer, Cumulative, Unit::Count, "flushes that failed"),
    ("generation_errs", Integer, Cumulative, Unit::Count, "blocks of another time than they should be of"),
    ("missing", Integer, Gauge, Unit::Boolean, "1 if the device is not there"),
    ("read_errs", Integer, Cumulative, Unit::Count, "reads that failed"),
    ("write_errs", Integer, Cumulative, Unit::Count, "writes that failed"),
];
