//! The iptables rules that kube-proxy (iptables mode) and Docker install on a node, as `iptables-restore` reads them.
//! Knows addresses and ports, no scenario; chains are named as their makers name them, by numbers in place of hashes.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// One port of a Service, as one node's rules see it.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRule {
    pub(crate) cluster_ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    /// Of the whole cluster, and of this node.
    pub(crate) endpoints: Vec<SocketAddr>,
    pub(crate) own: Vec<SocketAddr>,
    /// `externalTrafficPolicy: Local`.
    pub(crate) local: bool,
    /// `sessionAffinity: ClientIP`, in seconds.
    pub(crate) affinity: Option<u32>,
}

/// kube-proxy's rules (C.2, C.3, C.6) and the bridge plugin's masquerade of what leaves the cluster.
pub(crate) fn kube_proxy(services: &[ServiceRule], cluster_cidr: &str, own_cidr: &str) -> String {
    let (mut chains, mut rules, mut filter) = (String::new(), String::new(), String::new());
    for (number, service) in services.iter().enumerate() {
        balance(&mut chains, &mut rules, number, service, cluster_cidr);
        if service.endpoints.is_empty() {
            reject(&mut filter, service);
        } else if let Some(port) = service.node_port.filter(|_| service.local && service.own.is_empty()) {
            let _ = writeln!(filter, "-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL {} -j DROP", tcp(port));
        }
    }
    format!(
        "*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
{chains}-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A POSTROUTING -s {own_cidr} ! -d {cluster_cidr} -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
{rules}-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A FORWARD -j KUBE-FORWARD
-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{filter}COMMIT
"
    )
}

fn tcp(port: u16) -> String {
    format!("-p tcp -m tcp --dport {port}")
}

fn to_cluster_ip(service: &ServiceRule) -> String {
    format!("-d {}/32 {}", service.cluster_ip, tcp(service.port))
}

fn reject(filter: &mut String, service: &ServiceRule) {
    let _ = writeln!(filter, "-A KUBE-SERVICES {} -j REJECT", to_cluster_ip(service));
    if let Some(port) = service.node_port {
        let _ = writeln!(filter, "-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL {} -j REJECT", tcp(port));
    }
}

fn balance(chains: &mut String, rules: &mut String, number: usize, service: &ServiceRule, cluster_cidr: &str) {
    if service.endpoints.is_empty() {
        return;
    }
    let (svc, svl, ext) = (format!("KUBE-SVC-{number}"), format!("KUBE-SVL-{number}"), format!("KUBE-EXT-{number}"));
    let target = to_cluster_ip(service);
    for chain in [&svc, &svl, &ext] {
        let _ = writeln!(chains, ":{chain} - [0:0]");
    }
    let _ =
        writeln!(rules, "-A KUBE-SERVICES {target} -j {svc}\n-A {svc} ! -s {cluster_cidr} {target} -j KUBE-MARK-MASQ");
    // Endpoints in the order of the text "ip:port" (C.2).
    let mut endpoints = service.endpoints.clone();
    endpoints.sort_by_key(ToString::to_string);
    let place = |endpoint: &SocketAddr| endpoints.iter().position(|other| other == endpoint).unwrap_or_default();
    let own: Vec<SocketAddr> = endpoints.iter().filter(|endpoint| service.own.contains(endpoint)).copied().collect();
    for (chain, list) in [(&svc, &endpoints), (&svl, &own)] {
        let separate = |endpoint: &SocketAddr| format!("KUBE-SEP-{number}-{}", place(endpoint));
        for separate in list.iter().map(separate).filter(|_| service.affinity.is_some()) {
            let seconds = service.affinity.unwrap_or_default();
            let recent = format!("-m recent --name {separate} --rcheck --seconds {seconds} --reap --rsource");
            let _ = writeln!(rules, "-A {chain} {recent} -j {separate}");
        }
        for (index, separate) in list.iter().map(separate).enumerate() {
            let share = match list.len() - index {
                1 => String::new(),
                #[allow(clippy::cast_precision_loss, reason = "a list of endpoints is short")]
                left => format!("-m statistic --mode random --probability {:.10} ", 1.0 / left as f64),
            };
            let _ = writeln!(rules, "-A {chain} {share}-j {separate}");
        }
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        let separate = format!("KUBE-SEP-{number}-{index}");
        let recent = if service.affinity.is_some() {
            format!("-m recent --name {separate} --set --rsource ")
        } else {
            String::new()
        };
        let _ = writeln!(chains, ":{separate} - [0:0]");
        let _ = writeln!(rules, "-A {separate} -s {}/32 -j KUBE-MARK-MASQ", endpoint.ip());
        let _ = writeln!(rules, "-A {separate} -p tcp {recent}-m tcp -j DNAT --to-destination {endpoint}");
    }
    let Some(port) = service.node_port else { return };
    let _ = writeln!(rules, "-A KUBE-NODEPORTS {} -j {ext}", tcp(port));
    if service.local {
        let _ = write!(
            rules,
            "-A {ext} -s {cluster_cidr} -j {svc}
-A {ext} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A {ext} -m addrtype --src-type LOCAL -j {svc}
-A {ext} -j {svl}
"
        );
    } else {
        let _ = writeln!(rules, "-A {ext} -j KUBE-MARK-MASQ\n-A {ext} -j {svc}");
    }
}

/// A container port that is published on its host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    pub(crate) host_port: u16,
    pub(crate) container: SocketAddr,
}

/// Docker's rules with its userland proxy (A17, A18).
pub(crate) fn docker(published: &[Published], bridge: &str, subnet: &str) -> String {
    let (mut nat, mut filter) = (String::new(), String::new());
    for Published { host_port, container } in published {
        let _ = writeln!(nat, "-A DOCKER ! -i {bridge} {} -j DNAT --to-destination {container}", tcp(*host_port));
        let (address, port) = (container.ip(), tcp(container.port()));
        let _ = writeln!(filter, "-A DOCKER -d {address}/32 ! -i {bridge} -o {bridge} {port} -j ACCEPT");
    }
    format!(
        "*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s {subnet} ! -o {bridge} -j MASQUERADE
{nat}COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o {bridge} -j DOCKER
-A FORWARD -i {bridge} -j ACCEPT
{filter}-A DOCKER ! -i {bridge} -o {bridge} -j DROP
COMMIT
"
    )
}
