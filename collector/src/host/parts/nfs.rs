//! `nfs`, `nfs_requests`, `nfsd` and `nfsd_requests`: what this host asks of NFS servers, and what it answers as one.
//!
//! Requests are counted by version and method. Methods that were never used have no rows.

use std::path::Path;

use super::{ROWS_MAX, add_known};
use crate::host::{Context, int};
use crate::proc::LabelledCounts;

/// A label with the methods behind it, in order; those that stand for nothing are empty.
type Methods = (&'static str, &'static str, &'static [&'static str]);

const V2: [&str; 18] = [
    "null", "getattr", "setattr", "root", "lookup", "readlink", "read", "wrcache", "write",
    "create", "remove", "rename", "link", "symlink", "mkdir", "rmdir", "readdir", "fsstat",
];

const V3: [&str; 22] = [
    "null",
    "getattr",
    "setattr",
    "lookup",
    "access",
    "readlink",
    "read",
    "write",
    "create",
    "mkdir",
    "symlink",
    "mknod",
    "remove",
    "rmdir",
    "rename",
    "link",
    "readdir",
    "readdirplus",
    "fsstat",
    "fsinfo",
    "pathconf",
    "commit",
];

/// Linux' own numbering of what a client of version 4 asks.
const V4_CLIENT: [&str; 59] = [
    "null",
    "read",
    "write",
    "commit",
    "open",
    "open_confirm",
    "open_noattr",
    "open_downgrade",
    "close",
    "setattr",
    "fsinfo",
    "renew",
    "setclientid",
    "setclientid_confirm",
    "lock",
    "lockt",
    "locku",
    "access",
    "getattr",
    "lookup",
    "lookup_root",
    "remove",
    "rename",
    "link",
    "symlink",
    "create",
    "pathconf",
    "statfs",
    "readlink",
    "readdir",
    "server_caps",
    "delegreturn",
    "getacl",
    "setacl",
    "fs_locations",
    "release_lockowner",
    "secinfo",
    "fsid_present",
    "exchange_id",
    "create_session",
    "destroy_session",
    "sequence",
    "get_lease_time",
    "reclaim_complete",
    "layoutget",
    "getdeviceinfo",
    "layoutcommit",
    "layoutreturn",
    "secinfo_no_name",
    "test_stateid",
    "free_stateid",
    "getdevicelist",
    "bind_conn_to_session",
    "destroy_clientid",
    "seek",
    "allocate",
    "deallocate",
    "layoutstats",
    "clone",
];

/// Methods of clients of version 4 before `fsid_present` came between them with kernel 3.13, and how many there were.
const V4_CLIENT_OLD: (usize, usize) = (37, 53);

/// The operations of version 4 by the numbers of its standards, RFC 7530, 8881, 7862 and 8276.
const V4_SERVER: [&str; 76] = [
    "",
    "",
    "",
    "access",
    "close",
    "commit",
    "create",
    "delegpurge",
    "delegreturn",
    "getattr",
    "getfh",
    "link",
    "lock",
    "lockt",
    "locku",
    "lookup",
    "lookupp",
    "nverify",
    "open",
    "openattr",
    "open_confirm",
    "open_downgrade",
    "putfh",
    "putpubfh",
    "putrootfh",
    "read",
    "readdir",
    "readlink",
    "remove",
    "rename",
    "renew",
    "restorefh",
    "savefh",
    "secinfo",
    "setattr",
    "setclientid",
    "setclientid_confirm",
    "verify",
    "write",
    "release_lockowner",
    "backchannel_ctl",
    "bind_conn_to_session",
    "exchange_id",
    "create_session",
    "destroy_session",
    "free_stateid",
    "get_dir_delegation",
    "getdeviceinfo",
    "getdevicelist",
    "layoutcommit",
    "layoutget",
    "layoutreturn",
    "secinfo_no_name",
    "sequence",
    "set_ssv",
    "test_stateid",
    "want_delegation",
    "destroy_clientid",
    "reclaim_complete",
    "allocate",
    "copy",
    "copy_notify",
    "deallocate",
    "io_advise",
    "layouterror",
    "layoutstats",
    "offload_cancel",
    "offload_status",
    "read_plus",
    "seek",
    "write_same",
    "clone",
    "getxattr",
    "setxattr",
    "listxattrs",
    "removexattr",
];

/// Reads the file of the client at `path`.
pub(super) fn client(path: &Path, cx: &mut Context<'_>) {
    let counts = [
        ("net", &["packets", "udp_packets", "tcp_packets", "connections"][..]),
        ("rpc", &["rpcs", "rpc_retransmissions", "rpc_authentication_refreshes"]),
    ];
    let methods = [("proc2", "2", &V2[..]), ("proc3", "3", &V3), ("proc4", "4", &V4_CLIENT)];
    read(path, cx, ("nfs", "nfs_requests"), &counts, &methods);
}

/// Reads the file of the server at `path`.
pub(super) fn server(path: &Path, cx: &mut Context<'_>) {
    let counts = [
        ("rc", &["reply_cache_hits", "reply_cache_misses", "reply_cache_nocache"][..]),
        ("fh", &["file_handles_stale"]),
        ("io", &["disk_bytes_read", "disk_bytes_written"]),
        ("th", &["server_threads"]),
        ("net", &["packets", "udp_packets", "tcp_packets", "connections"]),
        ("rpc", &["server_rpcs", "rpc_errors", "bad_rpcs", "bad_auth_rpcs", "bad_clnt_rpcs"]),
    ];
    let methods = [("proc2", "2", &V2[..]), ("proc3", "3", &V3), ("proc4ops", "4", &V4_SERVER)];
    read(path, cx, ("nfsd", "nfsd_requests"), &counts, &methods);
}

fn read(
    path: &Path,
    cx: &mut Context<'_>,
    (measurement, requests): (&str, &str),
    counts: &[(&str, &[&'static str])],
    methods: &[Methods],
) {
    let (mut known, mut used) = (Vec::new(), Vec::new());
    cx.attrs().parsed(path, |text| {
        let stat = LabelledCounts::parse(text)?;
        for (label, fields) in counts {
            known.extend(fields.iter().copied().zip(stat.of(label).map(Some)));
        }
        for (label, version, methods) in methods {
            // The first says how many follow.
            let values: Vec<u64> = stat.of(label).skip(1).take(ROWS_MAX).collect();
            let is_old = *label == "proc4" && values.len() <= V4_CLIENT_OLD.1;
            let methods = if is_old { &methods[..V4_CLIENT_OLD.0] } else { methods };
            let of_use = methods.iter().zip(values).filter(|(name, n)| !name.is_empty() && *n > 0);
            used.extend(of_use.map(|(name, n)| (*version, *name, n)));
        }
        Ok(())
    });
    add_known(cx, measurement, &[], &known);
    for (version, method, count) in used {
        let tags = [("method", method), ("proto", version)];
        let Some(mut row) = cx.row(requests, &tags) else { continue };
        row.field("requests", int(count));
    }
}
