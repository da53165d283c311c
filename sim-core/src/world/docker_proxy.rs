//! docker-proxy: it accepts whatever reaches a published port that DNAT leaves alone, and makes a connection of its own
//! to the container (A20, A21). Knows nothing of DNAT and of hairpins.

use super::World;
use super::event::Timer;
use super::network::{Packet, TO_CLIENT};
use super::resting::End;
use super::server_tcp::Listener;
use super::traffic::{ClientState, Connection, ServerEnd};
use crate::dataplane::translation::Way;
use crate::model::application::Protocol;
use crate::model::ids::NodeId;
use crate::trace::RecordId;
use crate::trace::words::SegmentKind;
use crate::transport::syn;

impl World {
    /// The way from a client to a port of a Docker host (A17, A20, A22).
    pub(super) fn way_to_published(
        &self,
        client: &ClientState,
        host: NodeId,
        (address, port): (std::net::IpAddr, u16),
    ) -> Way {
        let proxy = self.model.docker.userland_proxy;
        match client.pod {
            Some(_) if client.node != host => Way::PublishedFromContainer,
            None if client.node != host || (proxy && !address.is_loopback()) => Way::PublishedFromNode,
            Some(_) | None if proxy => Way::PublishedOnOwnHost,
            None => Way::PublishedHairpinHidden,
            Some(own) => {
                let mapping = self.nodes[host.index()].docker.mapping(Protocol::Tcp, port);
                let itself = mapping.is_some_and(|mapping| mapping.pod == own);
                if itself { Way::PublishedHairpinHidden } else { Way::PublishedHairpin }
            }
        }
    }

    /// The socket of docker-proxy takes every SYN, whether the container listens or not.
    pub(super) fn proxy_takes_syn(&mut self, node: NodeId, packet: Packet) {
        let connection = packet.subject;
        let port = self.connections[connection].target_port;
        let out = self.daemon_out(node);
        let Some(mapping) = self.nodes[node.index()].docker.mapping(Protocol::Tcp, port).filter(|_| out.is_none())
        else {
            let released = self.released_ports.get(&(node, port)).copied();
            self.connections[connection].because = out.or(released).unwrap_or(0);
            return self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
        };
        self.answer_syn(mapping.pod, connection);
        if self.is_running(mapping.pod) {
            self.tell_server(connection);
        }
        self.send_syn_ack(connection);
    }

    /// docker-proxy accepts, and dials the container.
    #[cold]
    pub(super) fn proxy_accepts(&mut self, connection: u32) {
        self.connections[connection].server_end = ServerEnd::Relayed;
        self.connections[connection].server_attempt = 0;
        self.proxy_dials(connection);
    }

    /// A SYN of docker-proxy finds a container that listens, one that does not, or one whose accept queue is full.
    fn proxy_dials(&mut self, connection: u32) {
        let Connection { server_node, target_port, server_attempt, .. } = self.connections[connection];
        match self.behind_host_port(server_node, Protocol::Tcp, target_port) {
            Listener::Listens(pod) if self.is_accept_queue_full(pod) => {
                let linear = self.model.transport.tcp_syn_linear_timeouts;
                let wait = syn::syn_timeout(u32::from(server_attempt), linear);
                self.arm_server(connection, wait, Timer::ProxySyn { connection });
            }
            Listener::Listens(pod) => {
                self.connections[connection].pod = Some(pod);
                self.enter_accept_queue(pod, connection);
            }
            Listener::Refuses(because) | Listener::NoHost(because) | Listener::Silent(because) => {
                self.proxy_hangs_up(connection, because);
            }
        }
    }

    /// docker-proxy's SYN was dropped: another one, or its kernel gives up.
    pub(super) fn proxy_syn_timer(&mut self, connection: u32) {
        let waited = self.agenda.now().since(self.connections[connection].established);
        self.connections[connection].server_timer = None;
        if waited >= syn::syn_give_up_after(self.model.transport.tcp_syn_retries) {
            let pod = self.connections[connection].pod.expect("docker-proxy relays to a container");
            return self.proxy_hangs_up(connection, self.hang_record(pod));
        }
        let attempt = &mut self.connections[connection].server_attempt;
        *attempt = attempt.saturating_add(1);
        self.proxy_dials(connection);
    }

    /// The docker-proxies of a host die with their parent, the daemon (`PR_SET_PDEATHSIG`): what they relay is closed.
    pub(super) fn proxies_die(&mut self, node: NodeId, record: RecordId) {
        let is_relayed = |state: &Connection| state.way == Way::PublishedOnOwnHost;
        for connection in self.connections_at(End::ServerNode(node), is_relayed) {
            match self.connections[connection].server_end {
                ServerEnd::SynReceived | ServerEnd::Relayed => self.proxy_hangs_up(connection, record),
                ServerEnd::Queued | ServerEnd::Accepted => {
                    self.leave_server(connection);
                    self.close_server(connection);
                    self.connections[connection].because = record;
                    self.connections[connection].working = 0;
                    self.begin_fin(connection, ServerEnd::Farewell, SegmentKind::EarlyFin);
                }
                ServerEnd::None | ServerEnd::LastAck | ServerEnd::Farewell | ServerEnd::Closed => {}
            }
        }
    }

    /// docker-proxy closes the client's connection. It has not read what the client sent, so its kernel resets.
    fn proxy_hangs_up(&mut self, connection: u32, because: RecordId) {
        let node = self.connections[connection].server_node;
        self.connections[connection].because = because;
        self.connections[connection].working = 0;
        self.close_server(connection);
        self.send(node, connection, SegmentKind::Reset, 0, TO_CLIENT);
    }
}
