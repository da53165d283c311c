//! What Linux, Kubernetes and Docker do, case by case: outcomes by cause and time, queues, ports, control loops.
//! Each test names its fact; the scenario stands beside what must come of it.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::cast_precision_loss,
    reason = "tests fail loudly look at few record kinds and count below 2^53"
)]

mod addresses;
mod balancers;
#[path = "../support/cases.rs"]
mod cases;
mod connections;
mod control;
mod docker;
mod docker_networks;
mod evictions;
mod faults;
mod faults_control;
mod faults_random;
mod front;
mod front_proxy;
mod hung_container;
mod images;
mod ipvs;
mod lab;
#[path = "../support/manifests.rs"]
mod manifests;
mod names;
mod orchestrators;
mod probes;
mod proxies;
mod rollout;
mod schedulers;
mod services;
mod stateful;
mod termination;
mod traffic;
#[path = "../support/transfers.rs"]
mod transfers;
mod transport;
mod udp;
mod vectors;
mod windows;
