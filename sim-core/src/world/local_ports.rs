//! The local ports of clients: a table for each client, address and port that it dials, and the ports in TIME_WAIT.

use std::net::IpAddr;

use super::World;
use super::address_map::AddressMap;
use crate::dataplane::ephemeral_ports::EphemeralPorts;
use crate::dataplane::time_wait::{TimeWaits, Waiting};
use crate::kernel::draws::EntityKey;
use crate::kernel::queue::EventClass;
use crate::kernel::time::SimTime;

/// All tables of local ports.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalPorts {
    tables: Vec<EphemeralPorts>,
    waits: TimeWaits,
}

impl LocalPorts {
    /// How many ports are used, and heap memory in bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        let used = self.tables.iter().map(|table| table.used() as usize).sum();
        let sets: usize = self.tables.iter().map(EphemeralPorts::heap_bytes).sum();
        // Which client and destination each table belongs to stands in lists that grow by a quarter.
        let keys = self.tables.len() * AddressMap::<u32>::BYTES_PER_ENTRY * 9 / 8;
        (used, self.tables.capacity() * size_of::<EphemeralPorts>() + sets + keys + self.waits.heap_bytes())
    }
}

impl World {
    /// The table of a client for an address and port that it dials, made on first use.
    pub(super) fn port_table(&mut self, client: u32, (address, port): (IpAddr, u16)) -> u32 {
        let state = &self.clients[client as usize];
        let owner = state.owner as usize;
        if let Some(table) = self.clients[owner].ports.get((address, port)) {
            return *table;
        }
        let range = self.model.transport.ip_local_port_range;
        let node = &self.model.topology.node(state.node).name;
        let key = key_of_table(node, state.address, (address, port));
        let tables = &mut self.local_ports.tables;
        if tables.len() == tables.capacity() {
            tables.reserve_exact(tables.len() / 4 + 8);
        }
        tables.push(EphemeralPorts::new(range, key, &mut self.draws));
        let table = u32::try_from(tables.len() - 1).expect("destinations number below 2^32");
        self.clients[owner].ports.insert((address, port), table);
        table
    }

    /// Takes a port of a table; `None` when all are used.
    pub(super) fn take_local_port(&mut self, table: u32) -> Option<u16> {
        self.end_time_waits();
        self.local_ports.tables[table as usize].allocate(&mut self.draws)
    }

    /// The port that would be taken next.
    pub(super) fn next_local_port(&mut self, table: u32) -> Option<u16> {
        self.end_time_waits();
        self.local_ports.tables[table as usize].next_free(&mut self.draws)
    }

    /// Gives a port back at once.
    pub(super) fn release_local_port(&mut self, table: u32, port: u16) {
        self.local_ports.tables[table as usize].release(port);
    }

    /// A port stays in TIME_WAIT before it is given back.
    pub(super) fn wait_with_local_port(&mut self, table: u32, port: u16) {
        let until = self.agenda.now().saturating_add(self.model.transport.time_wait);
        self.local_ports.waits.push(Waiting { until, table, port });
    }

    /// Gives ports back whose TIME_WAIT has ended before this event.
    fn end_time_waits(&mut self) {
        let LocalPorts { tables, waits, .. } = &mut self.local_ports;
        let agenda = &self.agenda;
        while let Some(Waiting { table, port, .. }) = waits.pop(|until| agenda.has_passed(until, EventClass::Transport))
        {
            tables[table as usize].release(port);
        }
    }

    /// Whether a port is still in TIME_WAIT after `time`.
    pub(super) fn waits_beyond(&self, time: SimTime) -> bool {
        self.local_ports.waits.last().is_some_and(|last| last > time)
    }
}

/// The name of a table's draws, `NODE/SOURCE>DESTINATION:PORT`. In a large cluster nearly every connection makes a table,
/// so no text is made of it.
fn key_of_table(node: &str, source: IpAddr, (address, port): (IpAddr, u16)) -> EntityKey {
    let key = then_address(EntityKey::of(node).then("/"), source);
    then_address(key.then(">"), address).then(":").then_number(port)
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
            assert_eq!(key_of_table("node-7", source.parse().unwrap(), (address.parse().unwrap(), 8080)), name);
        }
    }
}
