//! The two address models and the allocators they are made of. Knows nodes and ports, no time and no traffic.

pub mod allocators;
pub mod default_pools;
pub mod flat_pod_ip;
pub mod outside;
pub mod port_mapping;
