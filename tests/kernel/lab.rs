//! A plan as namespaces of the machine: one per node and per pod, one for the network between the nodes; bridges, veth
//! pairs, routes, rules, and the pods' servers. Nothing in it leads out of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use sim_core::topology::Fabric;

use crate::namespaces::{Namespace, Running};
use crate::plan::{Node, Plan};
use crate::rules::{self, Published, ServiceRule};

/// Programs end by themselves after this, whatever becomes of the test.
pub(crate) const LIFE: Duration = Duration::from_secs(160);
/// The name of the namespace between the nodes.
const WIRE: &str = "wire";

/// What rules take from manifests that this podwire may not model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policies {
    /// `externalTrafficPolicy: Local`.
    pub(crate) local: bool,
    /// `sessionAffinity: ClientIP`, in seconds.
    pub(crate) affinity: Option<u32>,
}

/// A plan that stands. Its processes go before its namespaces.
pub(crate) struct Lab {
    /// With the pod or node that each runs on.
    running: Vec<(String, Running)>,
    spaces: BTreeMap<String, Namespace>,
    routed: bool,
}

/// One connection, as a client in a namespace told of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: String,
    /// Until the connect returned, and until the greeting was there.
    pub(crate) connect: Duration,
    pub(crate) total: Duration,
    pub(crate) local: Option<SocketAddr>,
    /// The pod that answered and the address it saw.
    pub(crate) pod: String,
    pub(crate) peer: Option<SocketAddr>,
}

/// How a client makes its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) count: u32,
    /// Between the beginnings of two; none makes one after the other.
    pub(crate) every: Option<Duration>,
    pub(crate) blocking: bool,
    /// Of the client itself.
    pub(crate) patience: Option<Duration>,
}

impl Ask {
    pub(crate) const ONCE: Self = Self { count: 1, every: None, blocking: false, patience: None };

    pub(crate) fn in_turn(count: u32) -> Self {
        Self { count, ..Self::ONCE }
    }

    pub(crate) fn each(count: u32, every: Duration) -> Self {
        Self { count, every: Some(every), ..Self::ONCE }
    }
}

fn text(words: &[&dyn std::fmt::Display]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// The interfaces of a plan's pods by their place in it.
fn port(index: usize) -> String {
    format!("pod{index}")
}

impl Lab {
    /// Builds the plan, with its rules and its servers.
    pub(crate) fn new(title: &str, plan: &Plan, policies: Policies) -> Self {
        let mut spaces = BTreeMap::new();
        let names = plan.nodes.iter().map(|node| &node.name).chain(plan.pods.iter().map(|pod| &pod.name));
        for name in names.map(String::as_str).chain([WIRE]) {
            let space = Namespace::new(&format!("{title}-{name}")).unwrap_or_else(|error| panic!("{error}"));
            spaces.insert(name.to_owned(), space);
        }
        let routed = plan.model.topology.fabric() == Fabric::Routed;
        let mut lab = Self { running: Vec::new(), spaces, routed };
        lab.settings(plan);
        for (index, node) in plan.nodes.iter().enumerate() {
            lab.node(plan, index, node);
        }
        lab.wire(plan);
        for (index, pod) in plan.pods.iter().enumerate() {
            let node = plan.nodes.iter().find(|node| node.name == pod.node).expect("a pod stands on a node");
            let block = node.block.expect("a node with pods has a block");
            lab.space(&pod.node).ip(&format!(
                "link set {port} up\nlink set {port} type bridge_slave hairpin {hairpin}\n",
                port = port(index),
                // Docker switches it on without its userland proxy only (A22).
                hairpin = if plan.is_flat() { "on" } else { "off" },
            ));
            lab.space(&pod.name).ip(&format!(
                "addr add {}/{} dev eth0\nlink set lo up\nlink set eth0 up\nroute add default via {}\n",
                pod.address,
                block.prefix,
                block.nth(1)
            ));
        }
        lab.install(plan, policies);
        lab.serve(plan);
        for node in plan.nodes.iter().filter(|node| node.down) {
            lab.cut(plan, &node.name);
        }
        lab
    }

    pub(crate) fn space(&self, name: &str) -> &Namespace {
        self.spaces.get(name).unwrap_or_else(|| panic!("no namespace `{name}`: {:?}", self.spaces.keys()))
    }

    /// Settings of the kernel, each of one namespace alone.
    fn settings(&self, plan: &Plan) {
        let transport = &plan.model.transport;
        let ports = transport.ip_local_port_range;
        let all = text(&[
            &"net.ipv6.conf.all.disable_ipv6?=1",
            &"net.ipv4.conf.all.rp_filter=0",
            &"net.ipv4.conf.default.rp_filter=0",
            &format!("net.ipv4.ip_local_port_range={} {}", ports.first, ports.last),
            &format!("net.ipv4.tcp_syn_retries={}", transport.tcp_syn_retries),
            &format!("net.ipv4.tcp_syn_linear_timeouts?={}", transport.tcp_syn_linear_timeouts),
            &format!("net.ipv4.tcp_retries2={}", transport.tcp_retries2),
        ]);
        let set = |name: &str, more: Vec<String>| {
            let args = text(&[&"sysctl"]).into_iter().chain(all.iter().cloned()).chain(more).collect::<Vec<_>>();
            self.space(name).run(&args, Duration::from_secs(10));
        };
        let forwards = || text(&[&"net.ipv4.ip_forward=1", &"net.bridge.bridge-nf-call-iptables?=1"]);
        plan.nodes.iter().for_each(|node| set(&node.name, if node.block.is_some() { forwards() } else { Vec::new() }));
        set(WIRE, text(&[&"net.ipv4.ip_forward=1", &"net.bridge.bridge-nf-call-iptables?=0"]));
        // listen() takes what the program asks for, at most this.
        plan.pods.iter().for_each(|pod| set(&pod.name, text(&[&format!("net.core.somaxconn={}", pod.backlog)])));
    }

    fn node(&self, plan: &Plan, index: usize, node: &Node) {
        let (wire, space) = (&self.space(WIRE).name, self.space(&node.name));
        let mut lines = format!("link set lo up\nlink add eth0 type veth peer name node{index} netns {wire}\n");
        let length = if self.routed { 32 } else { 24 };
        let _ = writeln!(lines, "addr add {}/{length} dev eth0\nlink set eth0 up", node.address);
        match (self.routed, node.block) {
            (true, Some(_)) => {
                lines += "route add 169.254.1.1 dev eth0 scope link\nroute add default via 169.254.1.1\n";
            }
            // The node outside knows the way to nodes, and none to pods or clusterIPs.
            (true, None) => {
                lines += "route add 169.254.1.1 dev eth0 scope link\nroute add 192.168.0.0/24 via 169.254.1.1\n";
            }
            (false, _) => {
                lines += "route add default via 192.168.0.1\n";
                for other in plan.nodes.iter().filter(|other| other.name != node.name && plan.is_flat()) {
                    let block = other.block.expect("nodes on one segment are workers");
                    let _ = writeln!(lines, "route add {block} via {}", other.address);
                }
            }
        }
        if let Some(block) = node.block {
            let bridge = bridge(plan);
            let address = format!("{}/{}", block.nth(1), block.prefix);
            let _ =
                writeln!(lines, "link add {bridge} type bridge\naddr add {address} dev {bridge}\nlink set {bridge} up");
            for (index, pod) in plan.pods.iter().enumerate().filter(|(_, pod)| pod.node == node.name) {
                let (port, inside) = (port(index), &self.space(&pod.name).name);
                let _ = writeln!(lines, "link add {port} type veth peer name eth0 netns {inside}");
                let _ = writeln!(lines, "link set {port} master {bridge}");
            }
        }
        space.ip(&lines);
    }

    /// What lies between the nodes: a router without a route to anywhere else, or one segment.
    fn wire(&self, plan: &Plan) {
        let mut lines = "link set lo up\n".to_owned();
        if !self.routed {
            lines += "link add br0 type bridge\naddr add 192.168.0.1/24 dev br0\nlink set br0 up\n";
        }
        for (index, node) in plan.nodes.iter().enumerate() {
            let port = format!("node{index}");
            if self.routed {
                let _ = writeln!(lines, "addr add 169.254.1.1/32 dev {port}\nlink set {port} up");
                lines += &routes(plan, &node.name, |block, way| format!("route add {block} {way}\n"));
            } else {
                let _ = writeln!(lines, "link set {port} master br0\nlink set {port} up");
            }
        }
        self.space(WIRE).ip(&lines);
    }

    /// Writes every worker's rules anew, all at once, as kube-proxy and Docker do; what is established stays.
    pub(crate) fn install(&self, plan: &Plan, policies: Policies) {
        for node in &plan.nodes {
            let Some(block) = node.block else { continue };
            let own = |pod| plan.pods.iter().any(|other| other.id == pod && other.node == node.name);
            let rules = if plan.is_flat() {
                let rules: Vec<ServiceRule> = plan
                    .services
                    .iter()
                    .map(|service| ServiceRule {
                        cluster_ip: service.cluster_ip,
                        port: service.port,
                        node_port: service.node_port,
                        endpoints: service.endpoints.iter().map(|(_, socket)| *socket).collect(),
                        own: service.endpoints.iter().filter(|(pod, _)| own(*pod)).map(|(_, at)| *at).collect(),
                        local: policies.local,
                        affinity: policies.affinity,
                    })
                    .collect();
                rules::kube_proxy(&rules, &plan.model.cluster.cluster_cidr.to_string(), &block.to_string())
            } else {
                rules::docker(&published(plan, &node.name), bridge(plan), &block.to_string())
            };
            let restored = self.space(&node.name).command(&["iptables-restore", "-w"], &rules);
            restored.unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn serve(&mut self, plan: &Plan) {
        let mut started = Vec::new();
        for pod in plan.pods.iter().filter(|pod| pod.running) {
            for port in &pod.ports {
                let address = format!("0.0.0.0:{port}");
                let args = text(&[&"server", &pod.name, &address, &pod.workers, &pod.service.as_micros()]);
                started.push((pod.name.clone(), self.space(&pod.name).serve(&args, LIFE)));
            }
        }
        for node in plan.nodes.iter().filter(|_| !plan.is_flat()) {
            for Published { host_port, container } in published(plan, &node.name) {
                let args = text(&[&"relay", &format!("0.0.0.0:{host_port}"), &container]);
                started.push((node.name.clone(), self.space(&node.name).serve(&args, LIFE)));
            }
        }
        self.running.extend(started);
    }

    /// Nothing comes from a node any more: silence on routed links, no answer to ARP on one segment.
    pub(crate) fn cut(&self, plan: &Plan, name: &str) {
        if self.routed {
            self.space(WIRE).ip(&routes(plan, name, |block, _| format!("route replace blackhole {block}\n")));
        } else {
            self.space(name).ip("link set eth0 down\n");
        }
    }

    /// The links of a node that was cut off on a routed network carry packets again.
    pub(crate) fn mend(&self, plan: &Plan, name: &str) {
        self.space(WIRE).ip(&routes(plan, name, |block, way| format!("route replace {block} {way}\n")));
    }

    /// Kills the processes of a pod.
    pub(crate) fn kill(&mut self, pod: &str) {
        self.running.retain(|(at, _)| at != pod);
    }

    /// Removes a pod from its node's bridge, as a CNI plugin does when the pod goes.
    pub(crate) fn unplug(&self, pod: &str) {
        self.space(pod).ip("link del eth0\n");
    }

    /// Starts a client in a namespace.
    pub(crate) fn start(&self, from: &str, to: SocketAddr, ask: Ask) -> Running {
        let every = ask.every.unwrap_or_default().as_micros();
        let way = if ask.blocking { "blocking" } else { "nonblocking" };
        let patience = ask.patience.unwrap_or_default().as_millis();
        self.space(from).start(&text(&[&"client", &to, &ask.count, &every, &way, &patience]), LIFE)
    }

    /// What a client in a namespace sees.
    pub(crate) fn ask(&self, from: &str, to: SocketAddr, ask: Ask) -> Vec<Seen> {
        seen(&self.start(from, to, ask).wait(LIFE))
    }

    /// Starts a client that keeps one connection and sends a line every so often.
    pub(crate) fn talk(&self, from: &str, to: SocketAddr, count: u32, every: Duration) -> Running {
        self.space(from).start(&text(&[&"talk", &to, &count, &every.as_millis()]), LIFE)
    }
}

/// The lines of a client that has ended.
pub(crate) fn seen(lines: &str) -> Vec<Seen> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [outcome, connect, total, local, pod, peer] = words[..] else { panic!("`{line}` is no result") };
        let micros = |word: &str| Duration::from_micros(word.parse().unwrap());
        Seen {
            outcome: outcome.to_owned(),
            connect: micros(connect),
            total: micros(total),
            local: local.parse().ok(),
            pod: pod.to_owned(),
            peer: peer.parse().ok(),
        }
    };
    lines.lines().map(read).collect()
}

/// A line for each route of the wire that leads to a node: to its own address and, under pod IPs, to its pods.
fn routes(plan: &Plan, name: &str, line: impl Fn(&str, &str) -> String) -> String {
    let index = plan.nodes.iter().position(|node| node.name == name).expect("a node of the plan");
    let Node { address, block, .. } = &plan.nodes[index];
    let own = line(&format!("{address}/32"), &format!("dev node{index}"));
    let pods = block.filter(|_| plan.is_flat());
    own + &pods
        .map(|block| line(&block.to_string(), &format!("via {address} dev node{index} onlink")))
        .unwrap_or_default()
}

fn bridge(plan: &Plan) -> &'static str {
    if plan.is_flat() { "cni0" } else { "docker0" }
}

fn published(plan: &Plan, node: &str) -> Vec<Published> {
    let pods = plan.pods.iter().filter(|pod| pod.node == node && pod.running);
    let ports = pods.flat_map(|pod| pod.published.iter().map(|(inside, outside)| (pod.address, *inside, *outside)));
    ports.map(|(address, port, host_port)| Published { host_port, container: SocketAddr::new(address, port) }).collect()
}
