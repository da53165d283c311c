//! The control planes: Kubernetes' controllers and kubelets, Docker's daemon, a registry, an orchestrator.
//! Each file decides one thing (when, which, in what order) from plain data; the world carries it out.

pub mod affinity;
pub mod dns;
pub mod endpoint_categories;
pub mod front_checks;
pub mod gossip;
pub mod heartbeat;
pub mod leases;
pub mod names;
pub mod node_lifecycle;
mod old_lists;
pub mod probes;
pub mod registry_checks;
pub mod restarts;
pub mod rollout;
pub mod scheduler;
pub mod taint_queue;
pub mod termination;
pub mod versions;
pub mod victims;
