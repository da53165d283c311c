//! How replaceable parts describe themselves: a `Spec` names a part, its parameters and how to build it.
//! A registry is a slice of specs; scenario files, documentation and errors ask it instead of listing names.

use std::sync::Arc;

use crate::kernel::time::SimDuration;
use crate::model::ids::{LinkId, NodeId, ServiceId, WorkloadId};
use crate::model::units::{PlannedArrival, Rate};
use crate::workload::distribution::Distribution;

/// What a parameter's value looks like in a scenario file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A Go duration such as `10s` or `1m30s`.
    Duration,
    /// Arrivals per time such as `200/s`.
    Rate,
    /// Arrivals per time, or `0/s`.
    RateOrZero,
    /// One of these names.
    Choice {
        /// The names.
        names: &'static [&'static str],
    },
    /// A list of `{at, rate}`, by time.
    Steps,
    /// A CSV file of arrivals.
    ArrivalFile,
    /// A whole number, at least the given minimum.
    Count {
        /// The least value allowed.
        min: u64,
    },
    /// A whole number within bounds.
    Within {
        /// The least value allowed.
        min: u64,
        /// The greatest.
        max: u64,
        /// What it is when it is not given.
        default: u64,
    },
    /// A distribution of durations: `{kind: ..., ...}` from the registry of distributions.
    Distribution,
    /// A node, by name or by role.
    Node,
    /// A pod, by name or by role.
    Pod,
    /// A link, by name.
    Link,
    /// A zone, by name.
    Zone,
    /// A workload, by reference.
    Workload,
    /// A Service, by name.
    Service,
    /// Any text.
    Text,
    /// What something is multiplied by, such as `2.5`, to three decimals.
    Factor,
    /// A share such as `5%`.
    Percent,
    /// A list of nodes, by name.
    Nodes,
}

/// A parameter of a replaceable part.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its key in a scenario file.
    pub name: &'static str,
    /// What it sets, with unit.
    pub summary: &'static str,
    /// The form of its value.
    pub kind: ParameterKind,
    /// False when the part has a default for it.
    pub required: bool,
}

/// The victim of a fault, by name or by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// This node.
    Node(NodeId),
    /// The node that hosts the `index`-th live pod of a workload (in order of creation) when the fault begins.
    NodeHosting {
        /// The workload.
        workload: WorkloadId,
        /// Which of its pods, from 0.
        index: u32,
    },
    /// The `index`-th live pod of a workload (in order of creation) when the fault begins.
    PodOf {
        /// The workload.
        workload: WorkloadId,
        /// Which of its pods, from 0.
        index: u32,
    },
    /// This link.
    Link(LinkId),
    /// Every worker in the zone of this one.
    ZoneOf(NodeId),
}

/// One side of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// Every node in the zone of this one.
    ZoneOf(NodeId),
    /// These nodes.
    Nodes(Arc<[NodeId]>),
    /// Every node that is not on the other side.
    Rest,
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A length of time.
    Duration(SimDuration),
    /// A rate.
    Rate(Rate),
    /// A name from a choice.
    Choice(&'static str),
    /// Rates from given times on, by time.
    Steps(Arc<[(SimDuration, Rate)]>),
    /// Planned arrivals, by time.
    Arrivals(Arc<[PlannedArrival]>),
    /// A whole number.
    Count(u64),
    /// A distribution of durations.
    Distribution(Distribution),
    /// A victim.
    Victim(Victim),
    /// A workload.
    Workload(WorkloadId),
    /// A Service.
    Service(ServiceId),
    /// A text.
    Text(String),
    /// A factor, in thousandths.
    Factor(u64),
    /// A share, in millionths.
    Percent(u32),
    /// Nodes.
    Nodes(Arc<[NodeId]>),
}

/// Values by parameter name, already checked against a spec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    values: Vec<(&'static str, Argument)>,
}

impl Arguments {
    /// Sets a parameter; the last value wins.
    pub fn set(&mut self, name: &'static str, value: Argument) {
        self.values.retain(|(known, _)| *known != name);
        self.values.push((name, value));
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<Argument> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    /// A duration, if it was given.
    pub fn duration(&self, name: &str) -> Option<SimDuration> {
        let Argument::Duration(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A rate, if it was given.
    pub fn rate(&self, name: &str) -> Option<Rate> {
        let Argument::Rate(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A name from a choice, if it was given.
    pub fn choice(&self, name: &str) -> Option<&'static str> {
        let Argument::Choice(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// Steps of a rate, if they were given.
    pub fn steps(&self, name: &str) -> Option<Arc<[(SimDuration, Rate)]>> {
        let Argument::Steps(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// Planned arrivals, if they were given.
    pub fn arrivals(&self, name: &str) -> Option<Arc<[PlannedArrival]>> {
        let Argument::Arrivals(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A whole number, if it was given.
    pub fn count(&self, name: &str) -> Option<u64> {
        let Argument::Count(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A distribution, if it was given.
    pub fn distribution(&self, name: &str) -> Option<Distribution> {
        let Argument::Distribution(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A victim, if it was given.
    pub fn victim(&self, name: &str) -> Option<Victim> {
        let Argument::Victim(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A workload, if it was given.
    pub fn workload(&self, name: &str) -> Option<WorkloadId> {
        let Argument::Workload(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A Service, if it was given.
    pub fn service(&self, name: &str) -> Option<ServiceId> {
        let Argument::Service(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A text, if it was given.
    pub fn text(&self, name: &str) -> Option<String> {
        let Argument::Text(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A factor in thousandths, if it was given.
    pub fn factor(&self, name: &str) -> Option<u64> {
        let Argument::Factor(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// A share in millionths, if it was given.
    pub fn percent(&self, name: &str) -> Option<u32> {
        let Argument::Percent(value) = self.get(name)? else { return None };
        Some(value)
    }

    /// Nodes, if they were given.
    pub fn nodes(&self, name: &str) -> Option<Arc<[NodeId]>> {
        let Argument::Nodes(value) = self.get(name)? else { return None };
        Some(value)
    }
}

/// A replaceable part of type `T`, as registries list it.
pub struct Spec<T: 'static> {
    /// The name in scenario files.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// Where its rule comes from.
    pub source: &'static str,
    /// Its parameters; the caller checks values against them.
    pub parameters: &'static [Parameter],
    /// Builds it. `None` when a required argument is missing.
    pub build: fn(&Arguments) -> Option<T>,
}

impl<T> Spec<T> {
    /// What the parameters mean that were given: help for values that do not fit.
    pub fn meaning(&self, given: &Arguments) -> String {
        let given = self.parameters.iter().filter(|parameter| given.get(parameter.name).is_some());
        let lines: Vec<String> = given.map(|parameter| format!("{}: {}", parameter.name, parameter.summary)).collect();
        lines.join("; ")
    }
}

/// The spec of this name in a registry.
pub fn find<T>(registry: &'static [Spec<T>], name: &str) -> Option<&'static Spec<T>> {
    registry.iter().find(|spec| spec.name == name)
}
