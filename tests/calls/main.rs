//! Calls of calls: laws over random call graphs, and draws that stay where they are.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot be set up must fail, and a law speaks of some kinds of records only"
)]

#[path = "../support/cases.rs"]
mod cases;
mod draws;
#[path = "../support/engine.rs"]
mod engine;
mod graphs;
mod history;
mod laws;
#[path = "../support/manifests.rs"]
mod manifests;
#[path = "../support/steps.rs"]
mod steps;
#[path = "../support/laws.rs"]
mod support;
