//! What a probe's first SYN meets on its way, told as records: the choice of a backend, rewritten addresses, conntrack.
//! The decisions are those of `dataplane::translation`; other sources leave no such records.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::World;
use super::node_rules::Approach;
use super::traffic::Connection;
use crate::addressing::port_mapping::Mapping;
use crate::control::versions::Backend;
use crate::dataplane::translation::{Flow, Part, Passage, Passages, Rewrite, Rule, Stop, Way, passages};
use crate::kernel::draws::below;
use crate::model::application::{Protocol, Target};
use crate::model::balancing_choice::algorithm_of;
use crate::model::ids::{NodeId, SourceId};
use crate::model::settings::{AddressModelKind, PortRange};
use crate::trace::words::{AddressPart, ChoiceRule, TranslationRule};
use crate::trace::{Body, RecordId};

impl World {
    /// The client's node has opened a connection and passes its first SYN on.
    #[inline]
    pub(super) fn tell_dial(&mut self, connection: u32) {
        if self.is_probe(connection) {
            self.tell_probes_dial(connection);
        }
    }

    #[cold]
    fn tell_probes_dial(&mut self, connection: u32) {
        let Passages { source: own, client, .. } = self.passages(connection);
        let Connection { source, number, client_node: node, record, way, .. } = self.connections[connection];
        let source = SourceId(source);
        let (address, port) = (own.ip(), own.port());
        let socket = || Body::SocketOpened { source, number, node, address, port };
        self.journal.write_segment(self.agenda.now(), record, 0, socket);
        match way {
            Way::ClusterIpFromPod | Way::ClusterIpToItself | Way::ClusterIpFromNode => {
                let approach = self.approach_from_inside(self.connections[connection].client, None);
                self.tell_service_choice(node, connection, approach);
            }
            Way::Direct
            | Way::Unowned
            | Way::PublishedFromContainer
            | Way::PublishedFromNode
            | Way::PublishedBehindBalancer
            | Way::PublishedOnOwnHost
            | Way::PublishedHairpin
            | Way::PublishedHairpinHidden => self.tell_list_choice(connection),
            Way::PodToNode
            | Way::NodePort
            | Way::NodePortBehindBalancer
            | Way::NodePortFromPod
            | Way::NodePortKept
            | Way::NodePortKeptBehindBalancer
            | Way::NodePortKeptFromPod
            | Way::Dropped => {}
        }
        self.tell_passage(node, connection, &client);
    }

    /// The node whose node port was dialled has chosen a pod and passes the first SYN on.
    pub(super) fn tell_front(&mut self, node: NodeId, connection: u32) {
        if self.is_probe(connection) {
            let approach = self.approach_to_front(node, connection);
            self.tell_service_choice(node, connection, approach);
            let front = self.passages(connection).front;
            self.tell_passage(node, connection, &front);
        }
    }

    /// The first SYN has reached the pod's node and a process that listens.
    #[inline]
    pub(super) fn tell_server(&mut self, connection: u32) {
        if self.is_probe(connection) {
            self.tell_probes_server(connection);
        }
    }

    #[cold]
    fn tell_probes_server(&mut self, connection: u32) {
        let server = self.passages(connection).server;
        self.tell_passage(self.connections[connection].server_node, connection, &server);
    }

    #[inline]
    fn is_probe(&self, connection: u32) -> bool {
        self.model.is_probe(SourceId(self.connections[connection].source))
    }

    /// A node's kube-proxy chose among the endpoints that its rules hold now.
    fn tell_service_choice(&mut self, node: NodeId, connection: u32, approach: Approach) {
        let Connection { source, number, .. } = self.connections[connection];
        let Some(port) = self.dialled_service_port(source, number) else { return };
        let version = self.proxy_mark(node);
        let snapshot = self.endpoints.at(port, version);
        let (mut list, because) = (Arc::clone(snapshot.usable()), snapshot.record);
        let mut rule = match algorithm_of(&self.model, port) {
            _ if self.is_balanced_by_ipvs(port) => ChoiceRule::Ipvs,
            "iptables-random" => ChoiceRule::IptablesStatistic,
            "nftables-random" => ChoiceRule::NftablesNumgen,
            _ => ChoiceRule::Algorithm,
        };
        if !self.model.service(self.model.service_port(port).service).traffic.is_plain() {
            let (offered, recalled) = self.offered(node, port, approach);
            list = offered;
            rule = if recalled { ChoiceRule::Affinity } else { rule };
        }
        let Connection { target, target_port, .. } = self.connections[connection];
        self.tell_choice(node, connection, &list, (target, target_port), rule, because);
    }

    /// The client chose from the addresses it knows.
    fn tell_list_choice(&mut self, connection: u32) {
        let Connection { source, client, client_node, target, target_port, .. } = self.connections[connection];
        if matches!(self.model.call_of(SourceId(source)).to, Target::Address { .. }) {
            return;
        }
        let state = &self.clients[client as usize];
        let (list, because) = (Arc::clone(&state.list), state.list_record);
        self.tell_choice(client_node, connection, &list, (target, target_port), ChoiceRule::ClientList, because);
    }

    fn tell_choice(
        &mut self,
        node: NodeId,
        connection: u32,
        list: &[Backend],
        chosen: (IpAddr, u16),
        rule: ChoiceRule,
        because: RecordId,
    ) {
        let Connection { source, number, record, .. } = self.connections[connection];
        let (source, now) = (SourceId(source), self.agenda.now());
        for (place, Backend { pod, address, port }) in (0_u32..).zip(list.iter().copied()) {
            let offered = || Body::BackendOffered { source, number, node, place, pod, address, port };
            self.journal.write_segment(now, record, because, offered);
        }
        let place = list.iter().position(|backend| (backend.address, backend.port) == chosen);
        let (Some(place), candidates) = (place.map(count), count(list.len())) else { return };
        let body = || Body::BackendChosen { source, number, node, rule, place, candidates };
        self.journal.write_segment(now, record, because, body);
    }

    fn tell_passage(&mut self, node: NodeId, connection: u32, passage: &Passage) {
        let Connection { source, number, record, .. } = self.connections[connection];
        let (source, now) = (SourceId(source), self.agenda.now());
        for Rewrite { rule, part, from, to } in passage.rewrites.iter().copied() {
            let body = || Body::AddressTranslated {
                source,
                number,
                node,
                rule: word_of(rule),
                part: match part {
                    Part::Source => AddressPart::Source,
                    Part::Destination => AddressPart::Destination,
                },
                from: from.ip(),
                from_port: from.port(),
                to: to.ip(),
                to_port: to.port(),
            };
            self.journal.write_segment(now, record, 0, body);
        }
        let entries = passage.entries;
        if entries > 0 {
            let body = || Body::ConntrackEntered { source, number, node, entries };
            self.journal.write_segment(now, record, 0, body);
        }
    }

    /// The addresses of a connection's first SYN on its whole way, as far as it is known where it ends.
    pub(super) fn passages(&mut self, connection: u32) -> Passages {
        let drawn = self.drawn_ports(connection);
        let state = &self.connections[connection];
        let client = &self.clients[state.client as usize];
        let target = match self.model.address_model {
            AddressModelKind::PortMapping => self.behind_mapping(state),
            AddressModelKind::FlatPodIp => SocketAddr::new(state.target, state.target_port),
        };
        let mut server = self.stop(state.server_node);
        if let (AddressModelKind::PortMapping, Some((_, subnet))) =
            (self.model.address_model, self.model.docker.holding(target.ip()))
        {
            // The gateway of the network that the container is in.
            server.bridge = subnet.nth(1);
        }
        let flow = Flow {
            way: state.way,
            client: self.stop(state.client_node),
            pod: client.pod.map(|_| client.address),
            outside: self.clients[state.client as usize].is_outside,
            client_port: state.local_port,
            dialled: SocketAddr::from(self.dialled_by(connection)),
            front: state.via.map(|via| self.stop(via)),
            server,
            target,
            drawn,
        };
        passages(&flow)
    }

    /// Random ports, drawn for each connection whether they are used or not.
    fn drawn_ports(&mut self, connection: u32) -> [u16; 3] {
        let Connection { source, number, .. } = self.connections[connection];
        let key = self.paths[source as usize].key.part("masquerade", number);
        let ephemeral = self.model.transport.ip_local_port_range;
        let masquerade = self.model.transport.masquerade_ports;
        let port = |index, range: PortRange| {
            let offset = below(self.draws.once(key, "port", index), u64::from(range.len()));
            range.first + u16::try_from(offset).expect("an offset within a range of ports")
        };
        [port(0, masquerade), port(1, masquerade), port(2, ephemeral) & !1]
    }

    /// What the host port leads to that a connection was sent to.
    pub(super) fn published_mapping(&self, state: &Connection) -> Option<Mapping> {
        let protocol = if state.datagrams { Protocol::Udp } else { Protocol::Tcp };
        let published = matches!(
            state.way,
            Way::PublishedFromContainer
                | Way::PublishedFromNode
                | Way::PublishedBehindBalancer
                | Way::PublishedOnOwnHost
                | Way::PublishedHairpin
                | Way::PublishedHairpinHidden
        );
        let mapping = self.nodes[state.server_node.index()].docker.mapping(protocol, state.target_port);
        mapping.filter(|_| published)
    }

    /// The container behind the host port that a connection was sent to.
    fn behind_mapping(&self, state: &Connection) -> SocketAddr {
        let container = self.published_mapping(state).and_then(|mapping| {
            let address = self.pods[mapping.pod.index()].address?;
            Some(SocketAddr::new(address, mapping.container_port))
        });
        container.unwrap_or(SocketAddr::new(state.target, state.target_port))
    }

    fn stop(&self, node: NodeId) -> Stop {
        let address = self.model.topology.node(node).address;
        Stop { node, address, bridge: self.bridge(node).unwrap_or(address) }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("backends number below 2^32")
}

fn word_of(rule: Rule) -> TranslationRule {
    match rule {
        Rule::ServiceDnat => TranslationRule::ServiceDnat,
        Rule::ServiceMasquerade => TranslationRule::ServiceMasquerade,
        Rule::PodMasquerade => TranslationRule::PodMasquerade,
        Rule::DockerDnat => TranslationRule::DockerDnat,
        Rule::DockerMasquerade => TranslationRule::DockerMasquerade,
        Rule::DockerProxy => TranslationRule::DockerProxy,
    }
}
