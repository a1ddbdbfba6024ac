//! Network.

use crate::cadvisor::json::Json;
use crate::node::{InterfaceSample, NetworkSample, TcpExtCounters, TcpStates, UdpSockets};

/// Version 1's `NetworkStats`: the first interface as its own members, too.
pub(super) fn put_v1(json: &mut Json, network: &NetworkSample) {
    json.object(|json| {
        match network.interfaces.first() {
            Some(first) => put_interface(json, first),
            None => put_interface(json, &InterfaceSample::default()),
        }
        put_rest(json, network);
    });
}

/// Version 2's. cAdvisor copies neither `udp` nor `tcp_advanced` into it; here they are, where known.
pub(super) fn put_v2(json: &mut Json, network: &NetworkSample) {
    json.object(|json| put_rest(json, network));
}

fn put_rest(json: &mut Json, network: &NetworkSample) {
    if !network.interfaces.is_empty() {
        json.key("interfaces").slice(&network.interfaces, |json, interface| {
            json.object(|json| put_interface(json, interface));
        });
    }
    put_tcp(json, "tcp", network.tcp);
    put_tcp(json, "tcp6", network.tcp6);
    put_udp(json, "udp", network.udp);
    put_udp(json, "udp6", network.udp6);
    json.key("tcp_advanced").object(|json| put_advanced(json, network.tcp_ext.as_deref()));
}

fn put_interface(json: &mut Json, interface: &InterfaceSample) {
    json.put_str("name", &interface.name);
    json.put_u64("rx_bytes", interface.rx_bytes);
    json.put_u64("rx_packets", interface.rx_packets);
    json.put_u64("rx_errors", interface.rx_errors);
    json.put_u64("rx_dropped", interface.rx_dropped);
    json.put_u64("tx_bytes", interface.tx_bytes);
    json.put_u64("tx_packets", interface.tx_packets);
    json.put_u64("tx_errors", interface.tx_errors);
    json.put_u64("tx_dropped", interface.tx_dropped);
}

fn put_tcp(json: &mut Json, key: &str, states: Option<TcpStates>) {
    let states = states.unwrap_or_default();
    json.key(key).object(|json| {
        json.put_u64("Established", states.established);
        json.put_u64("SynSent", states.syn_sent);
        json.put_u64("SynRecv", states.syn_recv);
        json.put_u64("FinWait1", states.fin_wait1);
        json.put_u64("FinWait2", states.fin_wait2);
        json.put_u64("TimeWait", states.time_wait);
        json.put_u64("Close", states.close);
        json.put_u64("CloseWait", states.close_wait);
        json.put_u64("LastAck", states.last_ack);
        json.put_u64("Listen", states.listen);
        json.put_u64("Closing", states.closing);
    });
}

fn put_udp(json: &mut Json, key: &str, sockets: Option<UdpSockets>) {
    let sockets = sockets.unwrap_or_default();
    json.key(key).object(|json| {
        json.put_u64("Listen", sockets.listen);
        json.put_u64("Dropped", sockets.dropped);
        json.put_u64("RxQueued", sockets.rx_queued);
        json.put_u64("TxQueued", sockets.tx_queued);
    });
}

/// All of [`ADVANCED`], 0 where the kernel has none.
fn put_advanced(json: &mut Json, known: Option<&TcpExtCounters>) {
    for name in ADVANCED {
        let counter =
            known.and_then(|known| known.counters.iter().find(|(counter, _)| &**counter == *name));
        json.key(name).int(counter.map_or(0, |(_, value)| *value));
    }
}

/// The counters that cAdvisor knows, in its order. Kernels have more by now, and no longer all of these.
#[rustfmt::skip]
const ADVANCED: &[&str] = &[
    "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn", "ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets",
    "CurrEstab", "InSegs", "OutSegs", "RetransSegs", "InErrs", "OutRsts", "InCsumErrors", "EmbryonicRsts",
    "SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed", "PruneCalled", "RcvPruned", "OfoPruned",
    "OutOfWindowIcmps", "LockDroppedIcmps", "TW", "TWRecycled", "TWKilled", "TCPTimeWaitOverflow", "TCPTimeouts",
    "TCPSpuriousRTOs", "TCPLossProbes", "TCPLossProbeRecovery", "TCPRenoRecoveryFail", "TCPSackRecoveryFail",
    "TCPRenoFailures", "TCPSackFailures", "TCPLossFailures", "DelayedACKs", "DelayedACKLocked", "DelayedACKLost",
    "ListenOverflows", "ListenDrops", "TCPHPHits", "TCPPureAcks", "TCPHPAcks", "TCPRenoRecovery", "TCPSackRecovery",
    "TCPSACKReneging", "TCPFACKReorder", "TCPSACKReorder", "TCPRenoReorder", "TCPTSReorder", "TCPFullUndo",
    "TCPPartialUndo", "TCPDSACKUndo", "TCPLossUndo", "TCPFastRetrans", "TCPSlowStartRetrans", "TCPLostRetransmit",
    "TCPRetransFail", "TCPRcvCollapsed", "TCPDSACKOldSent", "TCPDSACKOfoSent", "TCPDSACKRecv", "TCPDSACKOfoRecv",
    "TCPAbortOnData", "TCPAbortOnClose", "TCPAbortOnMemory", "TCPAbortOnTimeout", "TCPAbortOnLinger",
    "TCPAbortFailed", "TCPMemoryPressures", "TCPMemoryPressuresChrono", "TCPSACKDiscard", "TCPDSACKIgnoredOld",
    "TCPDSACKIgnoredNoUndo", "TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure", "TCPSackShifted", "TCPSackMerged",
    "TCPSackShiftFallback", "TCPBacklogDrop", "PFMemallocDrop", "TCPMinTTLDrop", "TCPDeferAcceptDrop",
    "IPReversePathFilter", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "TCPFastOpenActive", "TCPFastOpenActiveFail",
    "TCPFastOpenPassive", "TCPFastOpenPassiveFail", "TCPFastOpenListenOverflow", "TCPFastOpenCookieReqd",
    "TCPSynRetrans", "TCPOrigDataSent", "PAWSActive", "PAWSEstab",
];
