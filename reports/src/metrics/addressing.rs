//! What addressing cost: ports on hosts, translations, what clients must know and relearn.

use std::collections::BTreeMap;

use serde::Serialize;
use sim_core::trace::{Body, Record};

/// What addressing cost in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Addressing {
    /// The largest number of host ports that led to containers at one time, over all hosts.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub host_ports: u64,
    /// How often a container did not start because its host port was taken.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub port_conflicts: u64,
    /// Address translations (each DNAT and each SNAT counts one) summed over the measured connections.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub translations: u64,
    /// The largest number of addresses that one client had to know for one source.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub addresses_per_client: u64,
    /// How often a client was given addresses, or followed the registry, after the start.
    #[serde(serialize_with = "crate::numbers::integer")]
    pub reconfigurations: u64,
    /// The most conntrack entries that one node held at one time, where its table has a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conntrack_entries: Option<u32>,
}

/// The same while a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressingTally {
    /// What is known so far.
    pub(crate) so_far: Addressing,
    published: BTreeMap<(u32, u16), u32>,
}

impl AddressingTally {
    /// Takes a control-plane record.
    pub(crate) fn control(&mut self, record: &Record) {
        if let Body::PortPublished { node, host_port, pod, .. } = record.body {
            self.published.insert((node.0, host_port), pod.0);
            self.so_far.host_ports = self.so_far.host_ports.max(self.published.len() as u64);
        } else if let Body::PortReleased { node, host_port, .. } = record.body {
            self.published.remove(&(node.0, host_port));
        } else if let Body::PortConflict { .. } = record.body {
            self.so_far.port_conflicts += 1;
        } else if let Body::ClientConfigured { addresses, .. } = record.body {
            self.so_far.addresses_per_client = self.so_far.addresses_per_client.max(u64::from(addresses));
            self.so_far.reconfigurations += u64::from(record.time.as_nanos() > 0);
        }
    }

    /// What a host's port leads to now.
    pub(crate) fn published(&self, node: u32, port: u16) -> Option<u32> {
        self.published.get(&(node, port)).copied()
    }
}
