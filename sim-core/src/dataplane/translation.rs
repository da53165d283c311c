//! What the nodes on a connection's way do to the addresses of its first SYN, and how many conntrack entries each makes
//! (A17-A23, C.2, C.6, linux-kernel section 2). Returns decisions only; knows no packets in flight and no time.

use std::net::{IpAddr, SocketAddr};

use super::conntrack;
use crate::model::ids::NodeId;

/// The way a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a pod's own address, or to a port of a node that nothing is mapped to.
    Direct,
    /// To an address that nobody on the client's own bridge has: no SYN leaves.
    Unowned,
    /// From a pod to another node's own port: the client's node hides the pod (pod to outside).
    PodToNode,
    /// Through a clusterIP, from a pod.
    ClusterIpFromPod,
    /// Through a clusterIP, from a pod that was chosen itself: hairpin.
    ClusterIpToItself,
    /// Through a clusterIP, from a node itself: kube-proxy masquerades what is not from a pod.
    ClusterIpFromNode,
    /// Through a node port with policy Cluster, from outside, from a node, or from a pod of the node whose port it is.
    NodePort,
    /// Through another node's node port, from a pod: hidden twice.
    NodePortFromPod,
    /// Through a node port with policy Local, which keeps the source address: from outside, from another node, or from a
    /// pod of the node whose port it is.
    NodePortKept,
    /// The same through another node's node port, from a pod: hidden by the client's node alone.
    NodePortKeptFromPod,
    /// From a container to another host's published port.
    PublishedFromContainer,
    /// From a node or from outside to a published port.
    PublishedFromNode,
    /// From outside through a load balancer to a node port: the balancer rewrites the destination first.
    NodePortBehindBalancer,
    /// The same with policy Local.
    NodePortKeptBehindBalancer,
    /// From outside through a load balancer to a published port.
    PublishedBehindBalancer,
    /// Nowhere: the client's own node, or a load balancer, drops what comes.
    Dropped,
    /// To a port published on the client's own host, from a container or over loopback: docker-proxy relays, nothing is
    /// rewritten (A20).
    PublishedOnOwnHost,
    /// From a container to a port that another container of its host publishes, without docker-proxy (A22).
    PublishedHairpin,
    /// The same from the container that publishes it, or from the host itself: masqueraded, too.
    PublishedHairpinHidden,
}

/// Translations on the way there; the way back undoes them. DNAT and SNAT each count one.
pub const fn translations(way: Way) -> u8 {
    match way {
        Way::Direct | Way::Unowned | Way::PublishedOnOwnHost | Way::Dropped => 0,
        Way::PodToNode | Way::ClusterIpFromPod | Way::NodePortKept | Way::PublishedFromNode | Way::PublishedHairpin => {
            1
        }
        Way::ClusterIpToItself
        | Way::ClusterIpFromNode
        | Way::NodePort
        | Way::NodePortKeptFromPod
        | Way::NodePortKeptBehindBalancer
        | Way::PublishedFromContainer
        | Way::PublishedHairpinHidden
        | Way::PublishedBehindBalancer => 2,
        Way::NodePortFromPod | Way::NodePortBehindBalancer => 3,
    }
}

/// The rule that rewrites an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// kube-proxy sends the packet to the chosen endpoint (C.2, C.4).
    ServiceDnat,
    /// kube-proxy masquerades, with a random port (C.2: `--random-fully`).
    ServiceMasquerade,
    /// The network plugin masquerades what a pod sends out of the pod network, with a random port.
    PodMasquerade,
    /// Docker sends the packet to the container behind a published port (A17).
    DockerDnat,
    /// Docker masquerades what a container sends off its bridge; the port stays (A17).
    DockerMasquerade,
    /// docker-proxy accepts the connection and makes another one to the container (A20).
    DockerProxy,
}

/// Which address of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// One address of a packet replaced by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// By which rule.
    pub rule: Rule,
    /// Which address.
    pub part: Part,
    /// What stood there.
    pub from: SocketAddr,
    /// What stands there now.
    pub to: SocketAddr,
}

/// A node on the way, with the addresses it can put into a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which node.
    pub node: NodeId,
    /// Its own address.
    pub address: IpAddr,
    /// The address of its bridge (cni0, docker0), which its own pods see it under.
    pub bridge: IpAddr,
}

/// Everything that decides about the addresses of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The way it takes.
    pub way: Way,
    /// The client's node.
    pub client: Stop,
    /// The client's own address, if it is a pod; else a process of the node.
    pub pod: Option<IpAddr>,
    /// The client's node stands outside.
    pub outside: bool,
    /// The client's port.
    pub client_port: u16,
    /// What the client dials.
    pub dialled: SocketAddr,
    /// The node whose node port is dialled.
    pub front: Option<Stop>,
    /// The server's node.
    pub server: Stop,
    /// Where the connection ends: address and port at the pod.
    pub target: SocketAddr,
    /// The ports that rules with random ports take: on the client's node, on the front, in docker-proxy.
    pub drawn: [u16; 3],
}

/// What one node on the way does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Addresses it rewrites, in order.
    pub rewrites: Vec<Rewrite>,
    /// Conntrack entries it makes.
    pub entries: u8,
}

/// The addresses of a first SYN from one end to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passages {
    /// The client's own end of its socket.
    pub source: SocketAddr,
    /// At the client's node.
    pub client: Passage,
    /// At the node whose node port is dialled.
    pub front: Passage,
    /// At the server's node.
    pub server: Passage,
}

/// A packet's two addresses.
struct Packet {
    source: SocketAddr,
    destination: SocketAddr,
}

impl Packet {
    fn rewrite(&mut self, passage: &mut Passage, rule: Rule, part: Part, to: SocketAddr) {
        let place = match part {
            Part::Source => &mut self.source,
            Part::Destination => &mut self.destination,
        };
        passage.rewrites.push(Rewrite { rule, part, from: *place, to });
        *place = to;
    }
}

/// Follows a connection's first SYN over its nodes.
pub fn passages(flow: &Flow) -> Passages {
    let source = SocketAddr::new(source_address(flow), flow.client_port);
    let mut packet = Packet { source, destination: flow.dialled };
    let client = at_client(flow, &mut packet);
    let front = flow.front.map(|front| at_front(flow, front, &mut packet)).unwrap_or_default();
    let server = at_server(flow, &mut packet);
    Passages { source, client, front, server }
}

/// The source address that the client's kernel chooses: a node reaches its own pods through its bridge.
fn source_address(flow: &Flow) -> IpAddr {
    let own_pod = flow.server.node == flow.client.node && flow.dialled == flow.target && flow.way == Way::Direct;
    let to_bridge = own_pod && flow.dialled.ip() != flow.client.address;
    if flow.dialled.ip().is_loopback() {
        return flow.dialled.ip();
    }
    flow.pod.unwrap_or(if to_bridge || flow.way == Way::Unowned { flow.client.bridge } else { flow.client.address })
}

fn at_client(flow: &Flow, packet: &mut Packet) -> Passage {
    let mut passage = Passage { rewrites: Vec::new(), entries: entries(flow)[0] };
    let port = flow.drawn[0];
    match flow.way {
        // What a load balancer rewrites, it rewrites outside.
        Way::Direct
        | Way::Unowned
        | Way::NodePort
        | Way::NodePortBehindBalancer
        | Way::NodePortKept
        | Way::NodePortKeptBehindBalancer
        | Way::PublishedFromNode
        | Way::PublishedBehindBalancer
        | Way::PublishedOnOwnHost
        | Way::PublishedHairpin
        | Way::PublishedHairpinHidden
        | Way::Dropped => {}
        Way::PodToNode | Way::NodePortFromPod | Way::NodePortKeptFromPod => {
            let hidden = SocketAddr::new(flow.client.address, port);
            packet.rewrite(&mut passage, Rule::PodMasquerade, Part::Source, hidden);
        }
        Way::ClusterIpFromPod => packet.rewrite(&mut passage, Rule::ServiceDnat, Part::Destination, flow.target),
        Way::ClusterIpToItself | Way::ClusterIpFromNode => {
            packet.rewrite(&mut passage, Rule::ServiceDnat, Part::Destination, flow.target);
            let hidden = SocketAddr::new(facing(flow.client, flow.server), port);
            packet.rewrite(&mut passage, Rule::ServiceMasquerade, Part::Source, hidden);
        }
        Way::PublishedFromContainer => {
            let hidden = SocketAddr::new(flow.client.address, packet.source.port());
            packet.rewrite(&mut passage, Rule::DockerMasquerade, Part::Source, hidden);
        }
    }
    passage
}

/// Outside there is no such table; what a pod sends to itself or asks ARP for in vain never leaves the pod.
fn entries(flow: &Flow) -> [u8; 3] {
    let stays_in_pod = flow.pod.is_some_and(|own| flow.way == Way::Unowned || flow.dialled.ip() == own);
    let front = flow.front.map(|front| front.node);
    conntrack::entries(flow.way, !flow.outside && !stays_in_pod, flow.client.node, front, flow.server.node)
}

fn at_front(flow: &Flow, front: Stop, packet: &mut Packet) -> Passage {
    let mut passage = Passage { rewrites: Vec::new(), entries: entries(flow)[1] };
    packet.rewrite(&mut passage, Rule::ServiceDnat, Part::Destination, flow.target);
    let kept = matches!(flow.way, Way::NodePortKept | Way::NodePortKeptFromPod | Way::NodePortKeptBehindBalancer);
    // What comes back to its own sender is masqueraded whatever the policy says (C.2).
    if !kept || packet.source.ip() == flow.target.ip() {
        let hidden = SocketAddr::new(facing(front, flow.server), flow.drawn[1]);
        packet.rewrite(&mut passage, Rule::ServiceMasquerade, Part::Source, hidden);
    }
    passage
}

fn at_server(flow: &Flow, packet: &mut Packet) -> Passage {
    let mut passage = Passage { rewrites: Vec::new(), entries: entries(flow)[2] };
    match flow.way {
        Way::PublishedFromContainer | Way::PublishedFromNode | Way::PublishedBehindBalancer => {
            packet.rewrite(&mut passage, Rule::DockerDnat, Part::Destination, flow.target);
        }
        Way::PublishedHairpin => packet.rewrite(&mut passage, Rule::DockerDnat, Part::Destination, flow.target),
        Way::PublishedHairpinHidden => {
            packet.rewrite(&mut passage, Rule::DockerDnat, Part::Destination, flow.target);
            let hidden = SocketAddr::new(flow.server.bridge, packet.source.port());
            packet.rewrite(&mut passage, Rule::DockerMasquerade, Part::Source, hidden);
        }
        Way::PublishedOnOwnHost => {
            let proxy = SocketAddr::new(flow.server.bridge, flow.drawn[2]);
            packet.rewrite(&mut passage, Rule::DockerProxy, Part::Source, proxy);
            packet.rewrite(&mut passage, Rule::DockerProxy, Part::Destination, flow.target);
        }
        Way::Direct
        | Way::Unowned
        | Way::PodToNode
        | Way::ClusterIpFromPod
        | Way::ClusterIpToItself
        | Way::ClusterIpFromNode
        | Way::NodePort
        | Way::NodePortBehindBalancer
        | Way::NodePortFromPod
        | Way::NodePortKept
        | Way::NodePortKeptFromPod
        | Way::NodePortKeptBehindBalancer
        | Way::Dropped => {}
    }
    passage
}

/// The address a node puts on what it sends towards another node or towards a pod of its own.
fn facing(node: Stop, server: Stop) -> IpAddr {
    if node.node == server.node { node.bridge } else { node.address }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kube(number: u8) -> Stop {
        let bridge = IpAddr::from([10, 244, number, 1]);
        Stop { node: NodeId(u32::from(number)), address: IpAddr::from([192, 168, 0, 10 + number]), bridge }
    }

    fn docker(number: u8) -> Stop {
        Stop { bridge: IpAddr::from([172, 17, 0, 1]), ..kube(10 + number) }
    }

    fn socket(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// What the server sees as source, and the entries of client's node, front and server's node.
    fn seen(flow: &Flow) -> (String, [u8; 3]) {
        let passages = passages(flow);
        let all = [&passages.client, &passages.front, &passages.server];
        let mut sources =
            all.iter().flat_map(|passage| &passage.rewrites).filter(|rewrite| rewrite.part == Part::Source);
        let source = sources.next_back().map_or(passages.source, |rewrite| rewrite.to);
        (source.to_string(), all.map(|passage| passage.entries))
    }

    /// From a pod on node 1 (or the node) with port 40000 to the pod 10.244.S.9:80 on node S.
    fn flow(way: Way, pod: Option<&str>, dialled: &str, server: u8) -> Flow {
        Flow {
            way,
            client: kube(1),
            pod: pod.map(|text| text.parse().unwrap()),
            outside: false,
            client_port: 40_000,
            dialled: socket(dialled),
            front: None,
            server: kube(server),
            target: SocketAddr::new(IpAddr::from([10, 244, server, 9]), 80),
            drawn: [1_111, 2_222, 3_333],
        }
    }

    const POD: Option<&str> = Some("10.244.1.5");

    #[test]
    fn pods_and_nodes_dial_pods_as_section_2_says() {
        let to = |pod, server: u8| seen(&flow(Way::Direct, pod, &format!("10.244.{server}.9:80"), server));
        assert_eq!(to(POD, 1), ("10.244.1.5:40000".into(), [1, 0, 0]));
        assert_eq!(to(POD, 2), ("10.244.1.5:40000".into(), [1, 0, 1]));
        assert_eq!(to(None, 1), ("10.244.1.1:40000".into(), [1, 0, 0]));
        assert_eq!(to(None, 2), ("192.168.0.11:40000".into(), [1, 0, 1]));
    }

    #[test]
    fn cluster_ips_hide_nodes_and_hairpins_but_no_pods() {
        let to = |way, pod, server| seen(&flow(way, pod, "10.96.1.1:80", server));
        assert_eq!(to(Way::ClusterIpFromPod, POD, 1), ("10.244.1.5:40000".into(), [1, 0, 0]));
        assert_eq!(to(Way::ClusterIpFromPod, POD, 2), ("10.244.1.5:40000".into(), [1, 0, 1]));
        assert_eq!(to(Way::ClusterIpToItself, Some("10.244.1.9"), 1), ("10.244.1.1:1111".into(), [1, 0, 0]));
        assert_eq!(to(Way::ClusterIpFromNode, None, 1), ("10.244.1.1:1111".into(), [1, 0, 0]));
        assert_eq!(to(Way::ClusterIpFromNode, None, 2), ("192.168.0.11:1111".into(), [1, 0, 1]));
    }

    #[test]
    fn node_ports_hide_the_client_and_pods_twice() {
        let to = |way, outside, pod, server| {
            let plain = flow(way, pod, "192.168.0.12:30080", server);
            seen(&Flow { outside, front: Some(kube(2)), ..plain })
        };
        assert_eq!(to(Way::NodePort, true, None, 2), ("10.244.2.1:2222".into(), [0, 1, 0]));
        assert_eq!(to(Way::NodePort, true, None, 3), ("192.168.0.12:2222".into(), [0, 1, 1]));
        assert_eq!(to(Way::NodePortFromPod, false, POD, 2), ("10.244.2.1:2222".into(), [1, 1, 0]));
        // Policy Local: the client's own address, or that of the node which hides a pod.
        assert_eq!(to(Way::NodePortKept, true, None, 2), ("192.168.0.11:40000".into(), [0, 1, 0]));
        assert_eq!(to(Way::NodePortKept, false, POD, 3), ("10.244.1.5:40000".into(), [1, 1, 1]));
        assert_eq!(to(Way::NodePortKept, false, Some("10.244.3.9"), 3), ("192.168.0.12:2222".into(), [1, 1, 1]));
        assert_eq!(to(Way::NodePortKeptFromPod, false, POD, 2), ("192.168.0.11:1111".into(), [1, 1, 0]));
    }

    #[test]
    fn docker_keeps_ports_and_relays_on_the_own_host() {
        let to = |way, outside, pod: Option<&str>, dialled: &str, server| {
            let target = socket("172.17.0.2:80");
            let plain = flow(way, pod, dialled, 1);
            seen(&Flow { outside, client: docker(1), server: docker(server), target, ..plain })
        };
        let container = Some("172.17.0.5");
        let published = "192.168.0.22:8080";
        assert_eq!(
            to(Way::PublishedFromContainer, false, container, published, 2),
            ("192.168.0.21:40000".into(), [1, 0, 1])
        );
        assert_eq!(to(Way::PublishedFromNode, false, None, published, 2), ("192.168.0.21:40000".into(), [1, 0, 1]));
        assert_eq!(to(Way::PublishedFromNode, true, None, published, 2), ("192.168.0.21:40000".into(), [0, 0, 1]));
        let own = "192.168.0.21:8080";
        assert_eq!(to(Way::PublishedOnOwnHost, false, container, own, 1), ("172.17.0.1:3333".into(), [1, 0, 1]));
        assert_eq!(to(Way::PublishedFromNode, false, None, own, 1), ("192.168.0.21:40000".into(), [1, 0, 0]));
        assert_eq!(
            to(Way::PublishedOnOwnHost, false, None, "127.0.0.1:8080", 1),
            ("172.17.0.1:3333".into(), [1, 0, 1])
        );
        assert_eq!(to(Way::PublishedHairpin, false, container, own, 1), ("172.17.0.5:40000".into(), [1, 0, 0]));
        assert_eq!(to(Way::PublishedHairpinHidden, false, container, own, 1), ("172.17.0.1:40000".into(), [1, 0, 0]));
        assert_eq!(to(Way::Unowned, false, container, "172.17.0.9:80", 1), ("172.17.0.5:40000".into(), [0, 0, 0]));
        assert_eq!(to(Way::Unowned, false, None, "172.17.0.9:80", 1), ("172.17.0.1:40000".into(), [1, 0, 0]));
        assert_eq!(to(Way::Direct, false, Some("172.17.0.2"), "172.17.0.2:80", 1), ("172.17.0.2:40000".into(), [0; 3]));
    }

    #[test]
    fn the_count_of_translations_is_the_number_of_rewrites() {
        for way in [
            Way::Direct,
            Way::Unowned,
            Way::PodToNode,
            Way::ClusterIpFromPod,
            Way::ClusterIpToItself,
            Way::ClusterIpFromNode,
            Way::NodePort,
            Way::NodePortFromPod,
            Way::NodePortKept,
            Way::NodePortKeptFromPod,
            Way::PublishedFromContainer,
            Way::PublishedFromNode,
            Way::PublishedHairpin,
            Way::PublishedHairpinHidden,
        ] {
            let fronted =
                [Way::NodePort, Way::NodePortFromPod, Way::NodePortKept, Way::NodePortKeptFromPod].contains(&way);
            let front = fronted.then(|| kube(2));
            let passages = passages(&Flow { front, ..flow(way, POD, "192.168.0.12:30080", 3) });
            let all = [passages.client, passages.front, passages.server];
            let rewrites: usize = all.iter().map(|passage| passage.rewrites.len()).sum();
            assert_eq!(rewrites, usize::from(translations(way)), "{way:?}");
        }
    }
}
