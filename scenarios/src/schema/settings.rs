//! Settings of Kubernetes, Docker, registries and Linux under their administrators' names.
//! One table per group gives the file's keys, reads them into sim-core's settings and prints them back;
//! defaults stand in sim-core alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::Deserialize;
use sim_core::kernel::time::SimDuration;
use sim_core::model::settings::{
    ClusterSettings, DnsSettings, DockerSettings, HairpinMode, HealthKind, Ipam, IptablesBackend, IpvsScheduler,
    IpvsSettings, Limits, LoadBalancerSettings, Measured, PortRange, ProxyMode, RegistrySettings, Subnet,
    TransportSettings,
};

use super::values::{Dict, DurationText, List, NameText, PortRangeText, PublishText, SubnetText};
use crate::nearest::nearest;
use crate::units;

/// A setting's value: how it is read from a file and shown.
pub(crate) trait Setting<Text>: Sized {
    /// Reads it.
    fn read(text: &Text) -> Result<Self, String>;
    /// Shows it as a file would hold it.
    fn show(&self) -> String;
}

impl Setting<DurationText> for SimDuration {
    fn read(text: &DurationText) -> Result<Self, String> {
        units::duration(&text.0)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! plain_values {
    ($($number:ty)*) => {$(
        impl Setting<$number> for $number {
            fn read(number: &$number) -> Result<Self, String> {
                Ok(*number)
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

plain_values!(bool u8 u32 u64);

impl Setting<u32> for Option<u32> {
    fn read(number: &u32) -> Result<Self, String> {
        Ok(Some(*number))
    }

    fn show(&self) -> String {
        self.map_or_else(|| "none".to_owned(), |number| number.to_string())
    }
}

impl Setting<SubnetText> for Subnet {
    fn read(text: &SubnetText) -> Result<Self, String> {
        let parsed = text.0.split_once('/').and_then(|(address, prefix)| {
            Some((address.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok().filter(|prefix| *prefix <= 32)?))
        });
        let Some((address, prefix)) = parsed else {
            return Err(format!("`{}` is not an IPv4 block such as 10.244.0.0/16", text.0));
        };
        let block = Self { address: IpAddr::V4(address), prefix };
        if prefix == 0 || u64::from(u32::from(address)) % block.size() != 0 {
            return Err(format!("`{}` has address bits beyond its prefix", text.0));
        }
        Ok(block)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting<PortRangeText> for PortRange {
    fn read(text: &PortRangeText) -> Result<Self, String> {
        let parsed = text.0.split_once('-').and_then(|(first, last)| {
            Some(Self { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? })
        });
        let fail = || format!("`{}` is not a range of ports such as 30000-32767", text.0);
        parsed.filter(|range| range.first > 0 && !range.is_empty()).ok_or_else(fail)
    }

    fn show(&self) -> String {
        format!("{}-{}", self.first, self.last)
    }
}

/// Settings that are one of several words.
macro_rules! words {
    ($($kind:ident, $what:literal: $($value:ident = $word:literal)+;)*) => {$(
        impl Setting<NameText> for $kind {
            fn read(text: &NameText) -> Result<Self, String> {
                match text.0.as_str() {
                    $($word => Ok(Self::$value),)+
                    other => Err(format!(concat!("`{}` is no ", $what, "; known: {}"), other, [$($word),+].join(", "))),
                }
            }

            fn show(&self) -> String {
                match self {
                    $(Self::$value => $word.to_owned(),)+
                }
            }
        }
    )*};
}

words! {
    ProxyMode, "proxy mode": Iptables = "iptables" Nftables = "nftables" Ipvs = "ipvs";
    IptablesBackend, "backend of iptables": Nft = "nft" Legacy = "legacy";
    Measured, "answer here": None = "none" Measured = "measured";
    HairpinMode, "hairpin mode of the kubelet":
        PromiscuousBridge = "promiscuous-bridge" HairpinVeth = "hairpin-veth" None = "none";
    Ipam, "way to give out addresses": HostLocal = "host-local" LowestFree = "lowest-free";
    HealthKind, "kind of health check": Checks = "checks" Gossip = "gossip";
}

impl Setting<NameText> for IpvsScheduler {
    fn read(text: &NameText) -> Result<Self, String> {
        Self::named(&text.0).ok_or_else(|| {
            let names: Vec<&str> = Self::names().collect();
            let meant = nearest(&text.0, names.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
            let (meant, names) = (meant.unwrap_or_default(), names.join(", "));
            format!("`{}` is no scheduler of ipvs ({names}){meant}", text.0)
        })
    }

    fn show(&self) -> String {
        self.name().to_owned()
    }
}

/// A value that could not be read: the key it stands under and why.
pub(crate) type BadSetting = (&'static str, String);

macro_rules! settings {
    ($(#[$doc:meta])* $name:ident for $target:ty {
        $($(#[$field_doc:meta])* $field:ident $key:literal $text:ty => $($place:tt).+;)*
    } $({ $($(#[$extra_doc:meta])* $extra:ident: $extra_type:ty,)* })?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $key)] pub $field: Option<$text>,)*
            $($($(#[$extra_doc])* pub $extra: $extra_type,)*)?
        }

        impl $name {
            /// The keys of this group.
            pub(crate) const KEYS: &[&str] = &[$($key),*];

            /// Writes what the file sets into the settings.
            pub(crate) fn apply(&self, into: &mut $target) -> Vec<BadSetting> {
                let mut bad = Vec::new();
                $(if let Some(text) = &self.$field {
                    match Setting::read(text) {
                        Ok(value) => into.$($place).+ = value,
                        Err(message) => bad.push(($key, message)),
                    }
                })*
                bad
            }

            /// Shows all settings of this group below `prefix`.
            pub(crate) fn show(settings: &$target, prefix: &str, out: &mut BTreeMap<String, String>) {
                $(out.insert(format!("{prefix}.{}", $key), Setting::<$text>::show(&settings.$($place).+));)*
            }
        }
    };
}

pub(crate) use settings;

settings! {
    /// Kubernetes' control plane and nodes.
    ClusterSpec for ClusterSettings {
        /// `--cluster-cidr`: addresses of pods.
        cluster_cidr "clusterCIDR" SubnetText => cluster_cidr;
        /// `--node-cidr-mask-size`: prefix of a node's share of the cluster CIDR, in bits.
        node_cidr_mask_size "nodeCIDRMaskSize" u8 => node_cidr_mask_size;
        /// `host-local` gives out pod addresses in turn; `lowest-free` takes the lowest free one.
        ipam "ipam" NameText => ipam;
        /// `--service-cluster-ip-range`: addresses of Services.
        service_cluster_ip_range "serviceClusterIPRange" SubnetText => service_cluster_ip_range;
        /// `--service-node-port-range`.
        service_node_port_range "serviceNodePortRange" PortRangeText => service_node_port_range;
        /// kubelet `maxPods`.
        max_pods "maxPods" u32 => max_pods;
        /// How often a kubelet renews its node's lease.
        node_lease_renew_interval "nodeLeaseRenewInterval" DurationText => node_lease_renew_interval;
        /// The renewal interval is stretched by up to so many percent.
        node_lease_renew_jitter_percent "nodeLeaseRenewJitterPercent" u64 => node_lease_renew_jitter_percent;
        /// `--node-monitor-period`: pause between two passes of the node monitor.
        node_monitor_period "nodeMonitorPeriod" DurationText => node_monitor_period;
        /// How long one pass of the node monitor runs.
        node_monitor_run_time "nodeMonitorRunTime" DurationText => node_monitor_run_time;
        /// `--node-monitor-grace-period`: a node silent for longer is NotReady.
        node_monitor_grace_period "nodeMonitorGracePeriod" DurationText => node_monitor_grace_period;
        /// 1 / `--node-eviction-rate`: one node per zone is tainted in this time.
        node_eviction_interval "nodeEvictionInterval" DurationText => node_eviction_interval;
        /// 1 / `--secondary-node-eviction-rate`: the same in a disrupted large zone.
        secondary_node_eviction_interval "secondaryNodeEvictionInterval" DurationText => secondary_node_eviction_interval;
        /// `--unhealthy-zone-threshold`, in percent.
        unhealthy_zone_threshold_percent "unhealthyZoneThresholdPercent" u64 => unhealthy_zone_threshold_percent;
        /// `--large-cluster-size-threshold`, in nodes.
        large_cluster_size_threshold "largeClusterSizeThreshold" u32 => large_cluster_size_threshold;
        /// How often the queue of taints is looked at.
        taint_queue_interval "taintQueueInterval" DurationText => taint_queue_interval;
        /// From a change that a controller sees to its own write.
        controller_latency "controllerLatency" DurationText => controller_latency;
        /// How long the scheduler takes to bind a pod.
        scheduler_latency "schedulerLatency" DurationText => scheduler_latency;
        /// A watch event reaches a kube-proxy after at least this time.
        watch_latency_min "watchLatencyMin" DurationText => watch_latency.0;
        /// A watch event reaches a kube-proxy after at most this time.
        watch_latency_max "watchLatencyMax" DurationText => watch_latency.1;
        /// How often a kubelet looks for dead containers.
        pleg_relist_period "plegRelistPeriod" DurationText => pleg_relist_period;
        /// kubelet `hairpinMode`: promiscuous-bridge, hairpin-veth, or none.
        hairpin_mode "hairpinMode" NameText => hairpin_mode;
        /// First wait before a crashed container is started again.
        crash_back_off_initial "crashBackOffInitial" DurationText => crash_back_off_initial;
        /// Longest wait before a crashed container is started again.
        crash_back_off_max "crashBackOffMax" DurationText => crash_back_off_max;
    } {
        /// kube-proxy of every node.
        kube_proxy: Option<KubeProxySpec>,
    }
}

settings! {
    /// kube-proxy of every node.
    KubeProxySpec for ClusterSettings {
        /// `mode`: iptables, nftables or ipvs.
        mode "mode" NameText => proxy_mode;
        /// `minSyncPeriod`: least time between two syncs.
        min_sync_period "minSyncPeriod" DurationText => proxy_min_sync_period;
        /// Extra time before a change stands in the rules.
        sync_delay "syncDelay" DurationText => proxy_sync_delay;
        /// `none` or `measured`: the time of a connection's first packet in the rules.
        first_packet_cost "firstPacketCost" NameText => first_packet_cost;
        /// `nft` or `legacy`: which rules those are in iptables mode.
        iptables_backend "iptablesBackend" NameText => iptables_backend;
        /// `none` or `measured`: the time that kube-proxy takes to write rules.
        sync_duration "syncDuration" NameText => sync_duration;
        /// Service ports in every node's rules beside the scenario's.
        other_services "otherServices" u32 => other_services;
    } {
        /// Virtual servers, in ipvs mode.
        ipvs: Option<IpvsSpec>,
    }
}

settings! {
    /// Virtual servers of every node, in ipvs mode.
    IpvsSpec for IpvsSettings {
        /// `ipvs.scheduler`: rr, wrr, lc, wlc, ..., a scheduler of IPVS.
        scheduler "scheduler" NameText => scheduler;
        /// `ipvs.tcpTimeout`: an established connection is forgotten after so long a silence.
        tcp_timeout "tcpTimeout" DurationText => tcp_timeout;
        /// `net.ipv4.vs.conn_reuse_mode`: 0 on kernels before 5.9, else 1.
        conn_reuse_mode "conn_reuse_mode" u32 => conn_reuse_mode;
    }
}

settings! {
    /// The Docker daemon of every host.
    DockerSpec for DockerSettings {
        /// Subnet of `docker0`, the same on every host.
        bridge_subnet "bridgeSubnet" SubnetText => bridge_subnet;
        /// The range of dynamic host ports.
        dynamic_ports "dynamicPorts" PortRangeText => dynamic_ports;
        /// First wait before a dead container is started again.
        restart_back_off_initial "restartBackOffInitial" DurationText => restart_back_off_initial;
        /// Longest wait before a dead container is started again.
        restart_back_off_max "restartBackOffMax" DurationText => restart_back_off_max;
        /// A run this long resets the wait.
        restart_back_off_reset "restartBackOffReset" DurationText => restart_back_off_reset;
        /// `userland-proxy`: docker-proxy serves the host's own containers and its loopback.
        userland_proxy "userland-proxy" bool => userland_proxy;
        /// `live-restore`: containers run on while the daemon is away.
        live_restore "live-restore" bool => live_restore;
    } {
        /// Fixed host ports by workload: `HOST:CONTAINER`, or `CONTAINER` for a dynamic one.
        publish: Dict<List<PublishText>>,
    }
}

settings! {
    /// The service registry of arms with `discovery: registry`.
    RegistrySpec for RegistrySettings {
        /// Time between two checks of one address.
        interval "interval" DurationText => interval;
        /// A check without an answer fails after this time.
        timeout "timeout" DurationText => timeout;
        /// So many failures in a row take an address out.
        failures "failures" u32 => failures;
        /// A client learns of a new list after at most this time.
        propagation "propagation" DurationText => propagation;
        /// `checks` or `gossip`: how a silent host is found out.
        health "health" NameText => health;
        /// memberlist `ProbeInterval`.
        probe_interval "probeInterval" DurationText => gossip.probe_interval;
        /// memberlist `SuspicionMult`.
        suspicion_mult "suspicionMult" u32 => gossip.suspicion_mult;
        /// memberlist `SuspicionMaxTimeoutMult`.
        suspicion_max_timeout_mult "suspicionMaxTimeoutMult" u32 => gossip.suspicion_max_timeout_mult;
    }
}

settings! {
    /// TCP as Linux plays it.
    TransportSpec for TransportSettings {
        /// `net.ipv4.tcp_syn_retries`.
        tcp_syn_retries "tcp_syn_retries" u32 => tcp_syn_retries;
        /// `net.ipv4.tcp_syn_linear_timeouts`.
        tcp_syn_linear_timeouts "tcp_syn_linear_timeouts" u32 => tcp_syn_linear_timeouts;
        /// `net.ipv4.tcp_synack_retries`.
        tcp_synack_retries "tcp_synack_retries" u32 => tcp_synack_retries;
        /// `net.ipv4.tcp_retries2`.
        tcp_retries2 "tcp_retries2" u32 => tcp_retries2;
        /// Initial congestion window in packets, as `ip route` sets it; at least 1.
        initcwnd "initcwnd" u32 => initcwnd;
        /// `net.ipv4.tcp_slow_start_after_idle`.
        tcp_slow_start_after_idle "tcp_slow_start_after_idle" bool => tcp_slow_start_after_idle;
        /// `net.ipv4.ip_local_port_range`.
        ip_local_port_range "ip_local_port_range" PortRangeText => ip_local_port_range;
        /// How long a closed connection keeps its port.
        time_wait "timeWait" DurationText => time_wait;
        /// Time of a packet inside one node.
        loopback_latency "loopbackLatency" DurationText => loopback_latency;
        /// `net.ipv4.icmp_ratelimit`: one ICMP error per client in this time, after six at once; 0s is no limit.
        icmp_ratelimit "icmp_ratelimit" DurationText => icmp.ratelimit;
        /// `net.ipv4.icmp_msgs_per_sec`: ICMP errors of a node to all clients.
        icmp_msgs_per_sec "icmp_msgs_per_sec" u32 => icmp.msgs_per_sec;
        /// `net.ipv4.icmp_msgs_burst`: of those, so many at once.
        icmp_msgs_burst "icmp_msgs_burst" u32 => icmp.msgs_burst;
        /// `net.netfilter.nf_conntrack_max` of every node; without it no table is kept.
        nf_conntrack_max "nf_conntrack_max" u32 => nf_conntrack_max;
        /// Source ports that a node's masquerade has for each destination, where `nf_conntrack_max` is set.
        masquerade_ports "masqueradePorts" PortRangeText => masquerade_ports;
        /// `net.netfilter.nf_conntrack_udp_timeout` of every node: life of a UDP entry without an answer.
        nf_conntrack_udp_timeout "nf_conntrack_udp_timeout" DurationText => nf_conntrack_udp_timeout;
        /// `net.netfilter.nf_conntrack_udp_timeout_stream` of every node: of one used both ways for over 2 s.
        nf_conntrack_udp_timeout_stream "nf_conntrack_udp_timeout_stream" DurationText => nf_conntrack_udp_timeout_stream;
    }
}

settings! {
    /// The cluster's DNS, which clients of `dns/NAME` ask.
    DnsSpec for DnsSettings {
        /// A client uses an answer for this long.
        ttl "ttl" DurationText => ttl;
        /// One query and its answer.
        query_time "queryTime" DurationText => query_time;
        /// resolv.conf `timeout`: a query without an answer is sent again after it.
        timeout "timeout" DurationText => timeout;
        /// resolv.conf `attempts`: so many queries without an answer end a lookup.
        attempts "attempts" u32 => attempts;
    }
}

settings! {
    /// What stands before traffic from outside.
    FrontSpec for LoadBalancerSettings {
        /// Time between the starts of two checks of a target.
        interval "interval" DurationText => interval;
        /// A check without an answer fails after this time.
        timeout "timeout" DurationText => timeout;
        /// So many failed checks in a row take a target out.
        unhealthy_threshold "unhealthyThreshold" u32 => unhealthy_threshold;
        /// So many good checks in a row take it in again.
        healthy_threshold "healthyThreshold" u32 => healthy_threshold;
        /// Connections to a target that is out live on for this long.
        deregistration_delay "deregistrationDelay" DurationText => deregistration_delay;
    } {
        /// `node-port` or `load-balancer`.
        #[schemars(required)]
        kind: Option<NameText>,
    }
}

settings! {
    /// Limits; reaching one stops the run.
    LimitsSpec for Limits {
        /// Most events of a run.
        events "events" u64 => events;
        /// Most connections open at once.
        connections "connections" u32 => connections;
        /// Most requests pending at once.
        requests "requests" u32 => requests;
    }
}

/// The heartbeats of arms with `rescheduler: heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) period: SimDuration,
    pub(crate) grace: SimDuration,
}

impl Default for Heartbeat {
    /// Docker Swarm's dispatcher: a heartbeat every 5 s, a node is down after 3 of them (swarmkit
    /// `DefaultHeartBeatPeriod`, `defaultGracePeriodMultiplier`).
    fn default() -> Self {
        Self { period: SimDuration::from_secs(5), grace: SimDuration::from_secs(15) }
    }
}

settings! {
    /// The orchestrator of arms with `rescheduler: heartbeat`.
    ReschedulerSpec for Heartbeat {
        /// Time between two heartbeats of a host.
        period "period" DurationText => period;
        /// A host is lost this long after its last heartbeat.
        grace "grace" DurationText => grace;
    }
}
