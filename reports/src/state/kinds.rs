//! The kinds of objects that can be asked for, under the names that kubectl knows. Knows no object.

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Pods (containers under port mapping).
    Pods,
    /// Services.
    Services,
    /// The addresses behind each Service.
    Endpoints,
    /// Nodes.
    Nodes,
    /// What was told of objects, in the order of time.
    Events,
}

/// A kind of object and its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it lists.
    pub resource: Resource,
    /// `kind` of a manifest.
    pub name: &'static str,
    /// `pods`.
    pub plural: &'static str,
    /// `pod`.
    pub singular: &'static str,
    /// `po`.
    pub short: &'static str,
}

/// Every kind.
pub const KINDS: &[Kind] = &[
    Kind { resource: Resource::Pods, name: "Pod", plural: "pods", singular: "pod", short: "po" },
    Kind { resource: Resource::Services, name: "Service", plural: "services", singular: "service", short: "svc" },
    Kind { resource: Resource::Endpoints, name: "Endpoints", plural: "endpoints", singular: "endpoints", short: "ep" },
    Kind { resource: Resource::Nodes, name: "Node", plural: "nodes", singular: "node", short: "no" },
    Kind { resource: Resource::Events, name: "Event", plural: "events", singular: "event", short: "ev" },
];

impl Resource {
    /// The resource of a name or a short name that kubectl knows, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let named = |kind: &&Kind| [kind.plural, kind.singular, kind.short].contains(&name.as_str());
        KINDS.iter().find(named).map(|kind| kind.resource)
    }

    /// Its names.
    pub fn kind(self) -> &'static Kind {
        KINDS.iter().find(|kind| kind.resource == self).expect("every resource has its line in the table")
    }

    /// False for what stands outside every namespace.
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_names_and_no_two_share_one() {
        for kind in KINDS {
            for name in [kind.plural, kind.singular, kind.short, kind.name] {
                assert_eq!(Resource::from_name(name), Some(kind.resource), "{name}");
            }
            assert_eq!(kind.resource.kind(), kind);
        }
        assert_eq!(Resource::from_name("deployments"), None);
    }
}
