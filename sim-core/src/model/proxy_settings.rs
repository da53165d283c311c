//! What can be set of the way from a Service to its pods on each node: kube-proxy, its kernel, the bridge.

use crate::balancing::BALANCERS;
use crate::kernel::time::SimDuration;

/// What kube-proxy writes its rules with (C.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    /// iptables chains: the default on Linux.
    Iptables,
    /// nftables verdict maps.
    Nftables,
    /// Virtual servers of the kernel's own balancer (C.5; deprecated since Kubernetes 1.35).
    Ipvs,
}

/// What stands behind the `iptables` command of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IptablesBackend {
    /// iptables-nft.
    Nft,
    /// iptables-legacy.
    Legacy,
}

/// Whether something takes as long as it was measured to, or no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// No time.
    None,
    /// As long as it was measured to take (linux-kernel section 8; F).
    Measured,
}

/// Whether a bridge sends a packet back to the pod that it came from: kubelet `hairpinMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HairpinMode {
    /// The bridge is promiscuous, which has the same effect.
    PromiscuousBridge,
    /// Every port of the bridge does.
    HairpinVeth,
    /// It does not: a pod that a Service chooses for itself hears nothing (linux-kernel section 2).
    None,
}

/// Who takes a new connection behind a virtual server: a registered algorithm that is a scheduler of IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpvsScheduler(&'static str);

impl IpvsScheduler {
    /// The scheduler of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::names().find(|known| *known == name).map(Self)
    }

    /// All schedulers' names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let schedulers = BALANCERS.iter().filter(|algorithm| algorithm.is_ipvs_scheduler());
        schedulers.map(|algorithm| algorithm.spec.name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// kube-proxy's and the kernel's settings of virtual servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpvsSettings {
    /// kube-proxy `ipvs.scheduler` (C.5: rr).
    pub scheduler: IpvsScheduler,
    /// kube-proxy `ipvs.tcpTimeout`: an established connection is forgotten after so long a silence (900 s, the kernel's).
    pub tcp_timeout: SimDuration,
    /// `net.ipv4.vs.conn_reuse_mode`: 0 lets a connection from a remembered port follow the remembered one. kube-proxy sets
    /// it on kernels before 5.9 only (C.5), and leaves it at 1 since.
    pub conn_reuse_mode: u32,
}

impl Default for IpvsSettings {
    fn default() -> Self {
        let scheduler = IpvsScheduler("rr");
        Self { scheduler, tcp_timeout: SimDuration::from_secs(900), conn_reuse_mode: 1 }
    }
}
