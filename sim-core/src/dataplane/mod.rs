//! What a node does to a packet: local ports of clients, address translation. Returns decisions only;
//! knows no routes and no time.

pub mod conntrack;
pub mod ephemeral_ports;
pub mod icmp_limit;
pub mod service_rules;
pub mod translation;
pub mod udp_conntrack;
