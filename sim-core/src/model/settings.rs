//! What an administrator can set: the clocks and ranges of Kubernetes, Docker, registries and Linux.
//! Every default names its source by fact id (docs/models.md lists the facts).

use super::front_proxy::FrontProxies;
use super::orchestrators::{NomadSettings, SwarmSettings};
use crate::kernel::time::SimDuration;
pub use crate::model::docker_settings::{DockerNetwork, DockerSettings};
pub use crate::model::proxy_settings::{
    HairpinMode, IptablesBackend, IpvsScheduler, IpvsSettings, Measured, ProxyMode,
};
pub use crate::model::units::Subnet;

/// A closed range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl PortRange {
    /// How many ports the range holds.
    pub fn len(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// True for a range with no port; a valid model has none.
    pub fn is_empty(self) -> bool {
        self.last < self.first
    }
}

/// In which order a node's network plugin gives out pod addresses (B3, B4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipam {
    /// The one after the last given out, round the range: CNI's `host-local`.
    HostLocal,
    /// The lowest free one, as early versions of `host-local` did: an address that was given back is taken up at once.
    LowestFree,
}

/// The control plane and the nodes of a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSettings {
    /// `--cluster-cidr` (B2: no default in Kubernetes; 10.244.0.0/16 is flannel's and kind's).
    pub cluster_cidr: Subnet,
    /// `--node-cidr-mask-size` in bits (B2: 24).
    pub node_cidr_mask_size: u8,
    /// How pods get their addresses (B3: host-local).
    pub ipam: Ipam,
    /// `--service-cluster-ip-range` (B7: kubeadm's 10.96.0.0/12).
    pub service_cluster_ip_range: Subnet,
    /// `--service-node-port-range` (B10: 30000-32767).
    pub service_node_port_range: PortRange,
    /// kubelet `maxPods` (B6: 110).
    pub max_pods: u32,
    /// kubelet lease renewal interval: 0.25 of `nodeLeaseDurationSeconds` (D2: 10 s).
    pub node_lease_renew_interval: SimDuration,
    /// The renewal interval is drawn from U(1, 1 + this) times the interval, in percent (D6: 4).
    pub node_lease_renew_jitter_percent: u64,
    /// `--node-monitor-period` (D3: 5 s after the last pass ended).
    pub node_monitor_period: SimDuration,
    /// How long one monitor pass runs (D6 needs it above zero; 2 ms is an assumption).
    pub node_monitor_run_time: SimDuration,
    /// `--node-monitor-grace-period` (D4: 50 s since 1.32).
    pub node_monitor_grace_period: SimDuration,
    /// One node per this time and zone is tainted: 1 / `--node-eviction-rate` (D8: 10 s).
    pub node_eviction_interval: SimDuration,
    /// The same in a partially disrupted large zone: 1 / `--secondary-node-eviction-rate` (D9: 100 s).
    pub secondary_node_eviction_interval: SimDuration,
    /// `--unhealthy-zone-threshold` in percent (D9: 55).
    pub unhealthy_zone_threshold_percent: u64,
    /// `--large-cluster-size-threshold` (D9: 50 nodes).
    pub large_cluster_size_threshold: u32,
    /// How often the taint queue is looked at (D8: 100 ms).
    pub taint_queue_interval: SimDuration,
    /// How long a controller takes from a change it sees to its own write (assumption: 10 ms).
    pub controller_latency: SimDuration,
    /// How long the scheduler takes to bind a pod (assumption: 10 ms).
    pub scheduler_latency: SimDuration,
    /// A watch event reaches a node's kube-proxy after U(min, max) (assumption: 1 ms to 50 ms).
    pub watch_latency: (SimDuration, SimDuration),
    /// kubelet notices a dead container at its next relist (D19: 1 s).
    pub pleg_relist_period: SimDuration,
    /// First wait of a container's restart back-off (D18: 10 s).
    pub crash_back_off_initial: SimDuration,
    /// Longest wait of a container's restart back-off (D18: 300 s).
    pub crash_back_off_max: SimDuration,
    /// kube-proxy `mode` (C.1: iptables).
    pub proxy_mode: ProxyMode,
    /// kube-proxy `minSyncPeriod` (C.1: 1 s; none in ipvs mode).
    pub proxy_min_sync_period: SimDuration,
    /// Extra time that kube-proxy needs before a change stands in the rules (0: none).
    pub proxy_sync_delay: SimDuration,
    /// Virtual servers, in ipvs mode.
    pub ipvs: IpvsSettings,
    /// Whether a connection's first packet takes time in rules (none: below 1 us for fewer than 50 Services).
    pub first_packet_cost: Measured,
    /// Which rules those are, in iptables mode.
    pub iptables_backend: IptablesBackend,
    /// Whether kube-proxy takes time to write rules (none: the figures are those of a version that wrote all of them).
    pub sync_duration: Measured,
    /// Service ports in every node's rules beside the scenario's.
    pub other_services: u32,
    /// kubelet `hairpinMode` (promiscuous-bridge).
    pub hairpin_mode: HairpinMode,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            cluster_cidr: Subnet::v4(10, 244, 0, 0, 16),
            node_cidr_mask_size: 24,
            ipam: Ipam::HostLocal,
            service_cluster_ip_range: Subnet::v4(10, 96, 0, 0, 12),
            service_node_port_range: PortRange { first: 30_000, last: 32_767 },
            max_pods: 110,
            node_lease_renew_interval: SimDuration::from_secs(10),
            node_lease_renew_jitter_percent: 4,
            node_monitor_period: SimDuration::from_secs(5),
            node_monitor_run_time: SimDuration::from_millis(2),
            node_monitor_grace_period: SimDuration::from_secs(50),
            node_eviction_interval: SimDuration::from_secs(10),
            secondary_node_eviction_interval: SimDuration::from_secs(100),
            unhealthy_zone_threshold_percent: 55,
            large_cluster_size_threshold: 50,
            taint_queue_interval: SimDuration::from_millis(100),
            controller_latency: SimDuration::from_millis(10),
            scheduler_latency: SimDuration::from_millis(10),
            watch_latency: (SimDuration::from_millis(1), SimDuration::from_millis(50)),
            pleg_relist_period: SimDuration::from_secs(1),
            crash_back_off_initial: SimDuration::from_secs(10),
            crash_back_off_max: SimDuration::from_secs(300),
            proxy_mode: ProxyMode::Iptables,
            proxy_min_sync_period: SimDuration::from_secs(1),
            proxy_sync_delay: SimDuration::ZERO,
            ipvs: IpvsSettings::default(),
            first_packet_cost: Measured::None,
            iptables_backend: IptablesBackend::Nft,
            sync_duration: Measured::None,
            other_services: 0,
            hairpin_mode: HairpinMode::PromiscuousBridge,
        }
    }
}

/// A service registry with a checker on the control-plane node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Time between two checks of one address.
    pub interval: SimDuration,
    /// A check without an answer fails after this time.
    pub timeout: SimDuration,
    /// So many failures in a row take an address out.
    pub failures: u32,
    /// A client learns of a new list after U(0, this).
    pub propagation: SimDuration,
    /// How the registry finds out that a host is silent.
    pub health: HealthKind,
    /// The clocks of a gossip pool.
    pub gossip: GossipSettings,
}

/// How a registry finds out that a host is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthKind {
    /// Its checker on the control-plane node gets no answer.
    Checks,
    /// The hosts' agents form a gossip pool and declare each other dead; each checks its own host's containers.
    Gossip,
}

/// A gossip pool as hashicorp/memberlist runs it (config.go `DefaultLANConfig`, state.go, suspicion.go).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipSettings {
    /// `ProbeInterval` (1 s).
    pub probe_interval: SimDuration,
    /// `SuspicionMult` (4).
    pub suspicion_mult: u32,
    /// `SuspicionMaxTimeoutMult` (6).
    pub suspicion_max_timeout_mult: u32,
}

impl Default for GossipSettings {
    fn default() -> Self {
        Self { probe_interval: SimDuration::from_secs(1), suspicion_mult: 4, suspicion_max_timeout_mult: 6 }
    }
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            interval: SimDuration::from_secs(10),
            timeout: SimDuration::from_secs(1),
            failures: 3,
            propagation: SimDuration::from_secs(1),
            health: HealthKind::Checks,
            gossip: GossipSettings::default(),
        }
    }
}

/// How clients of the application find a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Clients were given host:port pairs once.
    Static,
    /// Clients follow a registry.
    Registry(RegistrySettings),
    /// Clients were given the addresses of front proxies once.
    FrontProxy(FrontProxies),
    /// Clients wrote down pod addresses once.
    PodIp,
    /// Clients dial the Service's clusterIP.
    Service,
    /// Containers ask the DNS that each Docker daemon has for its own user-defined networks (A29).
    EmbeddedDns,
}

impl Discovery {
    /// The registry that clients or proxies follow.
    pub const fn registry(&self) -> Option<&RegistrySettings> {
        match self {
            Self::Registry(registry) | Self::FrontProxy(FrontProxies { registry: Some(registry), .. }) => {
                Some(registry)
            }
            Self::FrontProxy(FrontProxies { registry: None, .. })
            | Self::Static
            | Self::PodIp
            | Self::Service
            | Self::EmbeddedDns => None,
        }
    }

    /// The name in scenario files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Registry(_) => "registry",
            Self::FrontProxy(_) => "front-proxy",
            Self::EmbeddedDns => "embedded-dns",
            Self::PodIp => "podIP",
            Self::Service => "service",
        }
    }
}

/// Who replaces the containers of a dead Docker host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rescheduler {
    /// Nobody (A26).
    None,
    /// An orchestrator that hears a heartbeat of each host, as Docker Swarm does.
    Heartbeat {
        /// Time between two heartbeats of a host.
        period: SimDuration,
        /// A host is lost this long after its last heartbeat.
        grace: SimDuration,
    },
    /// Docker Swarm.
    Swarm(SwarmSettings),
    /// Nomad.
    Nomad(NomadSettings),
}

impl Rescheduler {
    /// The name in scenario files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Swarm(_) => "swarm",
            Self::Nomad(_) => "nomad",
        }
    }
}

/// Which of the two address models an arm runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressModelKind {
    /// Docker: host-private addresses, ports mapped on the host.
    PortMapping,
    /// Kubernetes: an address per pod, Services that balance.
    FlatPodIp,
}

impl AddressModelKind {
    /// The name in scenario files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PortMapping => "port-mapping",
            Self::FlatPodIp => "flat-pod-ip",
        }
    }
}

/// TCP as Linux plays it, and a node's own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportSettings {
    /// `net.ipv4.tcp_syn_retries` (E2, E3: 6).
    pub tcp_syn_retries: u32,
    /// `net.ipv4.tcp_syn_linear_timeouts` (E3: 4 since Linux 6.5; 0 is the older schedule).
    pub tcp_syn_linear_timeouts: u32,
    /// `net.ipv4.tcp_synack_retries` (E4: 5).
    pub tcp_synack_retries: u32,
    /// `net.ipv4.tcp_retries2` (E6: 15).
    pub tcp_retries2: u32,
    /// `initcwnd` of the route: packets that a sender may have on their way at first (RFC 6928, `TCP_INIT_CWND`: 10).
    pub initcwnd: u32,
    /// `net.ipv4.tcp_slow_start_after_idle` (on): idleness takes a window back to the initial one.
    pub tcp_slow_start_after_idle: bool,
    /// `net.ipv4.ip_local_port_range` (E8: 32768-60999).
    pub ip_local_port_range: PortRange,
    /// `TCP_TIMEWAIT_LEN` (E8: 60 s).
    pub time_wait: SimDuration,
    /// Time of a packet inside a node, from one end to the other (design: 15 us).
    pub loopback_latency: SimDuration,
    /// How many ICMP errors a node sends.
    pub icmp: IcmpSettings,
    /// `net.netfilter.nf_conntrack_max` of every node (C.8; `None`: no table is kept).
    pub nf_conntrack_max: Option<u32>,
    /// Source ports of masquerades on every node, for each destination (linux-kernel section 5: 1024-65535).
    pub masquerade_ports: PortRange,
    /// `net.netfilter.nf_conntrack_udp_timeout`: life of a UDP entry without an answer, or a young one (C.8: 30 s).
    pub nf_conntrack_udp_timeout: SimDuration,
    /// `net.netfilter.nf_conntrack_udp_timeout_stream`: that of an answered one in use for over 2 s (C.8: 120 s).
    pub nf_conntrack_udp_timeout_stream: SimDuration,
}

/// Limits of ICMP errors on each node (E13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpSettings {
    /// `net.ipv4.icmp_ratelimit`: one error per client in this time, after six at once (1 s; 0 is no limit).
    pub ratelimit: SimDuration,
    /// `net.ipv4.icmp_msgs_per_sec`: errors to all clients together (1000).
    pub msgs_per_sec: u32,
    /// `net.ipv4.icmp_msgs_burst`: of those, so many at once (50).
    pub msgs_burst: u32,
}

impl Default for IcmpSettings {
    fn default() -> Self {
        Self { ratelimit: SimDuration::from_secs(1), msgs_per_sec: 1_000, msgs_burst: 50 }
    }
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            tcp_syn_retries: 6,
            tcp_syn_linear_timeouts: 4,
            tcp_synack_retries: 5,
            tcp_retries2: 15,
            initcwnd: 10,
            tcp_slow_start_after_idle: true,
            ip_local_port_range: PortRange { first: 32_768, last: 60_999 },
            time_wait: SimDuration::from_secs(60),
            loopback_latency: SimDuration::from_micros(15),
            icmp: IcmpSettings::default(),
            nf_conntrack_max: None,
            masquerade_ports: PortRange { first: 1_024, last: 65_535 },
            nf_conntrack_udp_timeout: SimDuration::from_secs(30),
            nf_conntrack_udp_timeout_stream: SimDuration::from_secs(120),
        }
    }
}

/// How requests from outside come to a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Front {
    /// The client dials nodes itself: their node ports, or the published ports that it was given.
    #[default]
    NodePort,
    /// The client dials a load balancer, which passes connections on to targets that it checks.
    LoadBalancer(LoadBalancerSettings),
}

/// A load balancer outside; defaults are those of an AWS Network Load Balancer (F1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerSettings {
    /// Time between the starts of two checks of a target (F1: 30 s).
    pub interval: SimDuration,
    /// A check without an answer fails after this time, at most `interval` (F1: 10 s).
    pub timeout: SimDuration,
    /// So many failed checks in a row take a target out, at least 1 (F1: 2).
    pub unhealthy_threshold: u32,
    /// So many good checks in a row take it in again, at least 1 (F1: 5).
    pub healthy_threshold: u32,
    /// Connections to a target that is out live on for this long (F2: 300 s).
    pub deregistration_delay: SimDuration,
}

impl Default for LoadBalancerSettings {
    fn default() -> Self {
        Self {
            interval: SimDuration::from_secs(30),
            timeout: SimDuration::from_secs(10),
            unhealthy_threshold: 2,
            healthy_threshold: 5,
            deregistration_delay: SimDuration::from_secs(300),
        }
    }
}

/// The cluster's DNS and the resolvers of its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// A client uses an answer for this long (B14: 30 s, kubeadm's Corefile).
    pub ttl: SimDuration,
    /// One query and its answer (assumption: 1 ms).
    pub query_time: SimDuration,
    /// `options timeout`: a query without an answer is sent again after it (resolv.conf: 5 s).
    pub timeout: SimDuration,
    /// `options attempts`: so many queries without an answer end a lookup (resolv.conf: 2).
    pub attempts: u32,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            ttl: SimDuration::from_secs(30),
            query_time: SimDuration::from_millis(1),
            timeout: SimDuration::from_secs(5),
            attempts: 2,
        }
    }
}

/// Limits; reaching one is a named stop (law 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events of a run.
    pub events: u64,
    /// Most connections open at once.
    pub connections: u32,
    /// Most requests pending at once.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 20_000_000_000, connections: 10_000_000, requests: 10_000_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_counts_its_addresses() {
        let subnet = Subnet::v4(10, 244, 1, 0, 24);
        assert_eq!(subnet.size(), 256);
        assert_eq!(subnet.nth(2).to_string(), "10.244.1.2");
        assert_eq!(subnet.to_string(), "10.244.1.0/24");
    }

    #[test]
    fn the_default_dynamic_range_has_28232_ports() {
        assert_eq!(DockerSettings::default().dynamic_ports.len(), 28_232);
    }
}
