//! UDP sockets of clients: which local port the datagrams of an attempt leave from, and for how long it is held.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::World;
use super::traffic::Exchange;
use crate::kernel::draws::below;
use crate::model::Model;
use crate::model::call::SocketUse;
use crate::model::ids::SourceId;
use crate::trace::fields::Client;

/// Whose socket it is: the client, the path and number of the request, the attempt, and the dialled address; the same
/// value for all that share it.
type SocketKey = (u32, u32, u64, u16, (IpAddr, u16));

/// All open sockets, and the ports that they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct UdpSockets {
    /// Some call of the model goes by UDP; the hot path of TCP asks this first.
    wanted: bool,
    open: BTreeMap<SocketKey, u16>,
    used: BTreeMap<Client, BTreeSet<u16>>,
}

impl UdpSockets {
    /// No socket yet.
    pub(super) fn new(model: &Model) -> Self {
        let wanted = model.graph().edges.iter().any(|edge| edge.call.datagrams.is_some());
        Self { wanted, ..Self::default() }
    }
}

impl World {
    /// How a path's requests use sockets; `None` is TCP.
    pub(super) fn socket_use(&self, source: u32) -> Option<SocketUse> {
        self.model.call_of(SourceId(source)).datagrams
    }

    /// True when a path's requests are datagrams.
    pub(super) fn sends_datagrams(&self, source: u32) -> bool {
        self.udp.sockets.wanted && self.socket_use(source).is_some()
    }

    fn socket_key(&self, of: (u32, u32, u64, u8), dialled: (IpAddr, u16)) -> SocketKey {
        let (client, source, number, attempt) = of;
        match self.socket_use(source) {
            Some(SocketUse::PerAttempt) => (client, source, number, u16::from(attempt), dialled),
            Some(SocketUse::PerRequest) => (client, source, number, 0, dialled),
            Some(SocketUse::Kept) | None => (client, u32::MAX, 0, 0, dialled),
        }
    }

    /// The local port of an attempt's socket, which is opened if there is none; `None` when no port is free. Linux takes
    /// a random one of the range for a UDP socket, and the next free one after it.
    pub(super) fn socket(&mut self, exchange: u32, dialled: (IpAddr, u16)) -> Option<u16> {
        let Exchange { source, number, attempt, client, .. } = self.exchanges[exchange];
        let key = self.socket_key((client, source, number, attempt), dialled);
        if let Some(port) = self.udp.sockets.open.get(&key) {
            return Some(*port);
        }
        let range = self.model.transport.ip_local_port_range;
        let entity = self.paths[source as usize].key.part("socket", number);
        let draw = self.draws.once(entity, "port", u64::from(attempt));
        let length = range.len();
        let first = u32::try_from(below(draw, u64::from(length))).expect("a place in a range of ports");
        let used = self.udp.sockets.used.entry(self.clients[client as usize].client).or_default();
        let places = (0..length).map(|step| (first + step) % length);
        let ports = places.filter_map(|place| u16::try_from(u32::from(range.first) + place).ok());
        let port = ports.into_iter().find(|port| !used.contains(port))?;
        used.insert(port);
        self.udp.sockets.open.insert(key, port);
        Some(port)
    }

    fn close_sockets(&mut self, keys: Vec<SocketKey>) {
        for key in keys {
            let Some(port) = self.udp.sockets.open.remove(&key) else { continue };
            let client = self.clients[key.0 as usize].client;
            if let Some(used) = self.udp.sockets.used.get_mut(&client) {
                used.remove(&port);
            }
        }
    }

    /// An attempt is over; its socket goes with it if it shared it with nobody.
    pub(super) fn close_socket_of_attempt(&mut self, of: (u32, u32, u64, u8), dialled: (IpAddr, u16)) {
        if self.socket_use(of.1) == Some(SocketUse::PerAttempt) {
            self.close_sockets(vec![self.socket_key(of, dialled)]);
        }
    }

    /// A request is over.
    #[inline]
    pub(super) fn close_sockets_of_request(&mut self, of: (u32, u32, u64)) {
        if !self.udp.sockets.open.is_empty() {
            self.close_if_per_request(of);
        }
    }

    #[cold]
    fn close_if_per_request(&mut self, (client, source, number): (u32, u32, u64)) {
        if self.socket_use(source) != Some(SocketUse::PerRequest) {
            return;
        }
        let first = (client, source, number, 0, (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let of_request = self.udp.sockets.open.range(first..).map(|(key, _)| *key);
        let keys = of_request.take_while(|key| (key.0, key.1, key.2) == (client, source, number)).collect();
        self.close_sockets(keys);
    }

    /// A client's processes are gone.
    pub(super) fn close_sockets_of_client(&mut self, client: u32) {
        let keys = self.udp.sockets.open.keys().filter(|key| key.0 == client).copied().collect();
        self.close_sockets(keys);
    }
}
