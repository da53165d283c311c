//! The local ports of clients: a table for each client, address and port that it dials.

use std::net::IpAddr;

use super::World;
use super::traffic::ClientState;
use crate::dataplane::numbers::Numbers;
use crate::dataplane::port_tables::PortTables;
use crate::kernel::draws::EntityKey;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimTime;
use crate::model::settings::PortRange;

/// All tables of local ports.
#[derive(Clone, Debug)]
pub(super) struct LocalPorts {
    tables: PortTables,
    /// Numbers of what is dialled.
    destinations: Numbers<(IpAddr, u16)>,
}

impl LocalPorts {
    /// No table yet; all will give out ports of this range.
    pub(super) fn new(range: PortRange) -> Self {
        Self { tables: PortTables::new(range), destinations: Numbers::default() }
    }

    /// Heap memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.tables.heap_bytes() + self.destinations.heap_bytes()
    }
}

impl World {
    /// The table of a client for an address and port that it dials, made on first use.
    pub(super) fn port_table(&mut self, client: u32, dialled: (IpAddr, u16)) -> u32 {
        let owner = self.clients[client as usize].owner;
        let destination = self.destination(dialled);
        self.local_ports.tables.table(owner, destination)
    }

    /// The number of an address and port that somebody dials.
    pub(super) fn destination(&mut self, dialled: (IpAddr, u16)) -> u32 {
        let destinations = &mut self.local_ports.destinations;
        destinations.get(dialled).unwrap_or_else(|| destinations.add(dialled))
    }

    /// The address and port of a destination.
    pub(super) fn dialled_at(&self, destination: u32) -> (IpAddr, u16) {
        self.local_ports.destinations.key(destination)
    }

    /// What a connection's client dialled.
    pub(super) fn destination_of(&self, connection: u32) -> u32 {
        self.local_ports.tables.parties(self.connections[connection].port_table).1
    }

    /// The address and port that a connection's client dialled.
    pub(super) fn dialled_by(&self, connection: u32) -> (IpAddr, u16) {
        self.dialled_at(self.destination_of(connection))
    }

    /// Takes a port of a table; `None` when all are used.
    pub(super) fn take_local_port(&mut self, table: u32) -> Option<u16> {
        let World { local_ports: LocalPorts { tables, destinations }, clients, draws, agenda, .. } = self;
        let parties = tables.parties(table);
        let is_over = |until| agenda.has_passed(until, EventClass::Transport);
        tables.allocate(table, is_over, draws, || key_of_parties(clients, destinations, parties))
    }

    /// The port that would be taken next.
    pub(super) fn next_local_port(&mut self, table: u32) -> Option<u16> {
        let World { local_ports: LocalPorts { tables, destinations }, clients, draws, agenda, .. } = self;
        let parties = tables.parties(table);
        let is_over = |until| agenda.has_passed(until, EventClass::Transport);
        tables.next_free(table, is_over, draws, || key_of_parties(clients, destinations, parties))
    }

    /// How many ports are used, those in TIME_WAIT included.
    pub(super) fn used_local_ports(&self) -> usize {
        self.local_ports.tables.used(|until| self.agenda.has_passed(until, EventClass::Transport))
    }

    /// Gives a port back at once.
    pub(super) fn release_local_port(&mut self, table: u32, port: u16) {
        self.local_ports.tables.release(table, port);
    }

    /// A port stays in TIME_WAIT from an instant on, before it is given back.
    pub(super) fn wait_with_local_port(&mut self, table: u32, port: u16, since: SimTime) {
        let until = since.saturating_add(self.model.transport.time_wait);
        self.local_ports.tables.release_after(table, port, until);
    }

    /// Whether a port is still in TIME_WAIT after `time`.
    pub(super) fn waits_beyond(&self, time: SimTime) -> bool {
        self.local_ports.tables.last_wait() > time
    }
}

/// The beginning of the names of the draws of a client's tables: `NODE/SOURCE>`.
pub(super) fn key_of_ports(node: &str, source: IpAddr) -> EntityKey {
    then_address(EntityKey::of(node).then("/"), source).then(">")
}

fn key_of_parties(
    clients: &[ClientState],
    destinations: &Numbers<(IpAddr, u16)>,
    (owner, destination): (u32, u32),
) -> EntityKey {
    key_of_table(clients[owner as usize].ports_key, destinations.key(destination))
}

/// The name of a table's draws, `NODE/SOURCE>DESTINATION:PORT`. In a large cluster nearly every connection makes a table,
/// so no text is made of it.
fn key_of_table(ports_key: EntityKey, (address, port): (IpAddr, u16)) -> EntityKey {
    then_address(ports_key, address).then(":").then_number(port)
}

fn then_address(key: EntityKey, address: IpAddr) -> EntityKey {
    let IpAddr::V4(address) = address else { return key.then(&address.to_string()) };
    let [first, others @ ..] = address.octets().map(u16::from);
    others.into_iter().fold(key.then_number(first), |key, octet| key.then(".").then_number(octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_by_node_source_and_destination() {
        for (source, address) in
            [("10.0.0.1", "255.9.80.100"), ("fd00::1", "fd00:0:0:7::"), ("0.0.0.0", "::ffff:1.2.3.4")]
        {
            let name = EntityKey::of(&format!("node-7/{source}>{address}:8080"));
            let ports_key = key_of_ports("node-7", source.parse().unwrap());
            assert_eq!(key_of_table(ports_key, (address.parse().unwrap(), 8080)), name);
        }
    }
}
