//! What a node does to a packet: local ports of clients, address translation. Returns decisions only;
//! knows no routes.

pub mod conntrack;
mod ephemeral_ports;
pub mod icmp_limit;
pub mod ipvs;
pub mod ipvs_persistence;
pub mod numbers;
pub mod port_tables;
pub mod rule_costs;
pub mod service_rules;
mod time_wait;
pub mod translation;
pub mod udp_conntrack;
mod used_ports;
