//! Parts that most hosts lack, from a tree of kernel files: every row that they give.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use common::{Host, lines, secs, starting};
use stripchart_collector::Sampler;

fn sampler(host: &Host) -> Sampler {
    host.sampler().host_name("a").cgroups(false).build()
}

fn host(trees: &[&str]) -> Host {
    let host = Host::new(trees);
    host.write("proc/1/mountinfo", "27 1 259:1 / / rw,relatime - ext4 /dev/nvme0n1p1 rw\n");
    host
}

/// Checks that the rows of `measurement` are `want`, without their times.
fn check(rows: &[String], measurement: &str, want: &[&str]) {
    let got: Vec<&str> = starting(rows, &format!("{measurement},"))
        .iter()
        .map(|row| row.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(got, want, "{measurement}");
}

#[test]
fn every_part_that_is_there_has_its_rows() {
    let host = host(&["host", "parts"]);
    let mut sampler = sampler(&host);
    let rows = lines(sampler.sample(secs(100)));
    assert_eq!(sampler.take_warnings(), []);
    check(&rows, "bonding", &["bonding,host=a,master=bond0 active=1i,slaves=2i"]);
    check(
        &rows,
        "bonding_slave",
        &[
            "bonding_slave,host=a,interface=eth0,master=bond0 active=1i,up=1i,link_failures=2i",
            "bonding_slave,host=a,interface=eth1,master=bond0 active=0i,up=0i,link_failures=5i",
        ],
    );
    check(
        &rows,
        "power_supply",
        &[
            "power_supply,host=a,power_supply=AC,type=Mains online=1i",
            "power_supply,host=a,power_supply=BAT0,type=Battery capacity=85i,cyclecount=41i,present=1i,discharging=1i,\
             current_ampere=-0.43,energy_full_watthour=47.39,energy_watthour=40.73,temp_celsius=28.1,voltage_volt=11.75",
        ],
    );
    check(
        &rows,
        "rapl",
        &[
            "rapl,host=a,name=package-0,zone=intel-rapl:0 joules=240422.366267,max_joules=262143.32885",
            "rapl,host=a,name=dram,zone=intel-rapl:0:0 joules=1.5",
        ],
    );
    check(
        &rows,
        "nvme",
        &[
            "nvme,device=nvme0,firmware_revision=1B2Q,host=a,model=Fast\\ SSD\\ 512GB,serial=S68X info=1i,live=1i",
        ],
    );
    check(
        &rows,
        "infiniband_link",
        &[
            "infiniband_link,device=mlx5_0,host=a,port=1 physical_state_id=5i,rate_bytes_per_second=312500000,state_id=4i",
        ],
    );
    check(
        &rows,
        "infiniband",
        &["infiniband,device=mlx5_0,host=a,port=1 \
             port_data_received_bytes=4000i,port_packets_received=77i,port_data_transmitted_bytes=1000i"],
    );
}

#[test]
fn network_file_systems_and_services_have_theirs() {
    let host = host(&["host", "parts"]);
    let rows = lines(sampler(&host).sample(secs(100)));
    check(
        &rows,
        "nfs",
        &["nfs,host=a packets=70i,udp_packets=4i,tcp_packets=66i,connections=2i,\
             rpcs=64i,rpc_retransmissions=3i,rpc_authentication_refreshes=65i"],
    );
    check(
        &rows,
        "nfsd",
        &[
            "nfsd,host=a reply_cache_hits=1i,reply_cache_misses=6i,reply_cache_nocache=18i,file_handles_stale=3i,\
             disk_bytes_read=157286400i,disk_bytes_written=4096i,server_threads=8i,packets=186i,udp_packets=0i,\
             tcp_packets=185i,connections=6i,server_rpcs=184i,rpc_errors=2i,bad_rpcs=1i,bad_auth_rpcs=1i,bad_clnt_rpcs=0i",
        ],
    );
    let requests = |start: &str| -> Vec<(String, String)> {
        let of = |row: &&str| {
            let (tags, value) = row.split_once(" requests=")?;
            let method = tags.split("method=").nth(1)?.split(',').next()?;
            Some((method.to_owned(), value.split('i').next()?.to_owned()))
        };
        let rows = starting(&rows, start).into_iter().filter(|row| row.contains("proto=4"));
        rows.filter_map(|row| of(&row)).collect()
    };
    let pairs = |want: &[(&str, &str)]| -> Vec<(String, String)> {
        want.iter().map(|(method, n)| ((*method).to_owned(), (*n).to_owned())).collect()
    };
    assert_eq!(
        requests("nfs_requests,"),
        pairs(&[
            ("read", "8"),
            ("write", "6"),
            ("commit", "1"),
            ("open", "3"),
            ("close", "2"),
            ("access", "5"),
            ("getattr", "4"),
            ("exchange_id", "1"),
            ("sequence", "30"),
        ])
    );
    let served = requests("nfsd_requests,");
    for pair in pairs(&[("access", "10"), ("getattr", "81"), ("write", "7"), ("sequence", "9")]) {
        assert!(served.contains(&pair), "{pair:?}: {served:?}");
    }
    check(
        &rows,
        "ipvs",
        &[
            "ipvs,host=a connections=42i,incoming_bytes=1048591i,incoming_packets=8000i,outgoing_bytes=138i,outgoing_packets=4000i",
        ],
    );
    let backends = starting(&rows, "ipvs_backend,");
    assert_eq!(backends.len(), 4);
    assert!(backends[0].starts_with(
        "ipvs_backend,host=a,local_address=10.96.0.1,local_port=443,proto=TCP,remote_address=10.10.0.5,remote_port=6443 \
         connections_active=12i,connections_inactive=3i,weight=1i"
    ));
    assert!(backends[2].contains("local_address=2001:db8::a,local_port=53,proto=UDP"));
    assert!(backends[3].contains("local_mark=00000007,proto=FWM,remote_address=10.10.0.7"));
}

#[test]
fn file_systems_have_theirs() {
    let host = host(&["host", "parts"]);
    let rows = lines(sampler(&host).sample(secs(100)));
    let xfs = starting(&rows, "xfs,device=sda1,");
    for pair in [
        "extent_allocation_extents_allocated=92447i",
        "block_mapping_extent_list_lookups=2140766i",
        "directory_operation_getdents=136422i",
        "inode_operation_attribute_changes=22i",
        "log_force_sleep=739i",
        "write_calls=107739i",
        "read_calls=94045i",
        "vnode_active=92601i",
        "vnode_remove=92444i",
        "extent_writes_bytes=399724544i",
        "read_bytes=86219234i",
    ] {
        assert!(xfs[0].contains(pair), "{pair}: {xfs:?}");
    }
    check(
        &rows,
        "zfs",
        &[
            "zfs,host=a arcstats_hits=8772612i,arcstats_misses=604635i,arcstats_c_max=8589934592i,arcstats_size=1603939792i",
        ],
    );
    check(
        &rows,
        "btrfs",
        &[
            "btrfs,host=a,label=backup,uuid=1b2c-77 global_rsv_reserved_bytes=16777216i,global_rsv_size_bytes=16777216i",
        ],
    );
    check(
        &rows,
        "btrfs_allocation",
        &[
            "btrfs_allocation,block_group_type=data,host=a,uuid=1b2c-77 reserved_bytes=4096i,used_bytes=800000000i,disk_size_bytes=4294967296i",
        ],
    );
    check(
        &rows,
        "btrfs_profile",
        &[
            "btrfs_profile,block_group_type=data,host=a,mode=raid1,uuid=1b2c-77 size_bytes=2147483648i,used_bytes=800000000i",
        ],
    );
    check(
        &rows,
        "btrfs_device",
        &["btrfs_device,device=sdb,host=a,uuid=1b2c-77 size_bytes=10737418240i"],
    );
    check(
        &rows,
        "btrfs_device_errors",
        &[
            "btrfs_device_errors,devid=1,host=a,uuid=1b2c-77 \
             corruption_errs=3i,flush_errs=0i,generation_errs=0i,read_errs=2i,write_errs=1i,missing=0i",
            "btrfs_device_errors,devid=2,host=a,uuid=1b2c-77 missing=1i",
        ],
    );
}

#[test]
fn a_part_that_comes_later_is_found_within_a_minute_and_one_that_goes_is_silent() {
    let host = host(&["host"]);
    let mut sampler = sampler(&host);
    let has_nfs = |sampler: &mut Sampler, at: i64| {
        !starting(&lines(sampler.sample(secs(at))), "nfs,").is_empty()
    };
    assert!(!has_nfs(&mut sampler, 120));
    host.write("proc/1/net/rpc/nfs", "net 1 0 1 1\nrpc 1 0 0\n");
    assert!(!has_nfs(&mut sampler, 130), "nobody looked");
    assert!(has_nfs(&mut sampler, 180));
    host.remove_file("proc/1/net/rpc/nfs");
    assert!(!has_nfs(&mut sampler, 190));
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn a_client_of_an_old_kernel_has_those_methods_that_are_certain() {
    let host = host(&["host"]);
    let counts = ["1"; 53].join(" ");
    host.write("proc/1/net/rpc/nfs", &format!("proc4 53 {counts}\n"));
    let rows = lines(sampler(&host).sample(secs(100)));
    assert_eq!(starting(&rows, "nfs_requests,").len(), 37);
    assert!(starting(&rows, "nfs_requests,host=a,method=exchange_id").is_empty());
}
