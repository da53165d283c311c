//! The header's line of a JSONL trace.

use serde::{Deserialize, Serialize};
use sim_core::kernel::time::SimDuration;
use sim_core::trace::TraceHeader;
use sim_core::trace::header::{
    EdgeName, NodeName, ServiceName, ServicePortName, SourceName, TRACE_FORMAT, WorkloadName,
};

use super::error::TraceError;

/// A header as JSON; integers that may pass 2^53 stand as texts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderLine {
    format: u64,
    level: String,
    podwire: String,
    scenario: String,
    arm: String,
    model: String,
    discovery: String,
    seed: Integer,
    duration: Integer,
    warm_up: Integer,
    drain: Integer,
    nodes: Vec<Node>,
    links: Vec<String>,
    workloads: Vec<Workload>,
    services: Vec<Service>,
    service_ports: Vec<ServicePort>,
    sources: Vec<Source>,
    edges: Vec<CallEdge>,
    faults: Vec<String>,
    effective_scenario: String,
}

/// An integer, as text above 2^53.
#[derive(Clone, Copy)]
struct Integer(u64);

impl Serialize for Integer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::numbers::integer(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        crate::numbers::from_json(&value).map(Self).ok_or_else(|| serde::de::Error::custom("no integer of 64 bits"))
    }
}

macro_rules! mirrors {
    ($($name:ident = $original:ident { $($field:ident: $type:ty,)* })*) => {$(
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct $name { $($field: $type,)* }

        impl From<&$original> for $name {
            fn from(original: &$original) -> Self {
                Self { $($field: original.$field.clone(),)* }
            }
        }

        impl From<$name> for $original {
            fn from(line: $name) -> Self {
                Self { $($field: line.$field,)* }
            }
        }
    )*};
}

mirrors! {
    Node = NodeName { name: String, zone: String, role: String, }
    Workload = WorkloadName {
        name: String,
        namespace: String,
        kind: String,
        template_hash: String,
        labels: Vec<String>,
        containers: u32,
        replicas: u32,
    }
    Service = ServiceName { name: String, namespace: String, kind: String, selector: Vec<String>, }
    ServicePort = ServicePortName { service: u32, port: u16, workloads: Vec<u32>, }
    Source = SourceName { name: String, service_port: Option<u32>, parent: Option<u32>, edge: u32, }
    CallEdge = EdgeName {
        name: String,
        caller: Option<u32>,
        service_port: Option<u32>,
        workload: Option<u32>,
        fails_caller: u32,
    }
}

fn mirror<'a, T: 'a, U: From<&'a T>>(list: &'a [T]) -> Vec<U> {
    list.iter().map(U::from).collect()
}

fn restore<T, U: From<T>>(list: Vec<T>) -> Vec<U> {
    list.into_iter().map(U::from).collect()
}

/// The header's line, without its end; `level` is a trace's level, or says that it is something else.
pub(super) fn to_line(header: &TraceHeader, level: &str) -> Result<String, TraceError> {
    let line = HeaderLine {
        format: u64::from(TRACE_FORMAT),
        level: level.to_owned(),
        podwire: header.version.clone(),
        scenario: header.scenario.clone(),
        arm: header.arm.clone(),
        model: header.model.clone(),
        discovery: header.discovery.clone(),
        seed: Integer(header.seed),
        duration: Integer(header.duration.as_nanos()),
        warm_up: Integer(header.warm_up.as_nanos()),
        drain: Integer(header.drain.as_nanos()),
        nodes: mirror(&header.nodes),
        links: header.links.clone(),
        workloads: mirror(&header.workloads),
        services: mirror(&header.services),
        service_ports: mirror(&header.service_ports),
        sources: mirror(&header.sources),
        edges: mirror(&header.edges),
        faults: header.faults.clone(),
        effective_scenario: header.effective_scenario.clone(),
    };
    serde_json::to_string(&line).map_err(|error| TraceError::Header(error.to_string()))
}

/// The header of a first line, and what it says of the level.
pub(super) fn from_line(line: &str) -> Result<(TraceHeader, String), TraceError> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|_| TraceError::NotATrace)?;
    let Some(found) = value.get("format").and_then(serde_json::Value::as_u64) else {
        return Err(TraceError::NotATrace);
    };
    if found != u64::from(TRACE_FORMAT) {
        return Err(TraceError::OtherFormat { found });
    }
    let line: HeaderLine = serde_json::from_value(value).map_err(|error| TraceError::Header(error.to_string()))?;
    let header = TraceHeader {
        version: line.podwire,
        scenario: line.scenario,
        effective_scenario: line.effective_scenario,
        arm: line.arm,
        model: line.model,
        discovery: line.discovery,
        seed: line.seed.0,
        duration: SimDuration::from_nanos(line.duration.0),
        warm_up: SimDuration::from_nanos(line.warm_up.0),
        drain: SimDuration::from_nanos(line.drain.0),
        nodes: restore(line.nodes),
        links: line.links,
        workloads: restore(line.workloads),
        services: restore(line.services),
        service_ports: restore(line.service_ports),
        sources: restore(line.sources),
        edges: restore(line.edges),
        faults: line.faults,
    };
    Ok((header, line.level))
}
