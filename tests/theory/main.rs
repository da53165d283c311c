//! Is it right? Distributions and means of whole runs against theory, over fixed lists of seeds.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail loudly, print their figures, count below 2^53 and look at few record kinds"
)]

mod arrivals;
mod attempts;
mod balancing_hash;
mod balls;
mod birthday;
mod calls;
mod detection;
mod lab;
mod latencies;
mod links;
#[path = "../support/manifests.rs"]
mod manifests;
mod mm1;
mod node_death;
mod ports;
mod queues;
mod retries;
mod slow_start;
mod supermarket;
#[path = "../support/transfers.rs"]
mod transfers;
mod twin;
mod uniform;
