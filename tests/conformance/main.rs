//! What Linux, Kubernetes and Docker do, case by case: outcomes by cause and time, queues, ports, control loops.
//! Each test names its fact; the scenario stands beside what must come of it.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail loudly and look at few record kinds"
)]

mod control;
mod lab;
mod names;
mod transport;
