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
    /// Deployments.
    Deployments,
    /// `StatefulSet`s.
    StatefulSets,
    /// `DaemonSet`s.
    DaemonSets,
    /// `ReplicationController`s.
    ReplicationControllers,
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
    /// Its API group; empty for the core's.
    pub group: &'static str,
}

/// A kind of the core's group.
const fn core(resource: Resource, name: &'static str, [plural, singular, short]: [&'static str; 3]) -> Kind {
    Kind { resource, name, plural, singular, short, group: "" }
}

/// A kind of the group `apps`.
const fn apps(resource: Resource, name: &'static str, [plural, singular, short]: [&'static str; 3]) -> Kind {
    Kind { resource, name, plural, singular, short, group: "apps" }
}

/// Every kind.
pub const KINDS: &[Kind] = &[
    core(Resource::Pods, "Pod", ["pods", "pod", "po"]),
    core(Resource::Services, "Service", ["services", "service", "svc"]),
    core(Resource::Endpoints, "Endpoints", ["endpoints", "endpoints", "ep"]),
    core(Resource::Nodes, "Node", ["nodes", "node", "no"]),
    core(Resource::Events, "Event", ["events", "event", "ev"]),
    apps(Resource::Deployments, "Deployment", ["deployments", "deployment", "deploy"]),
    apps(Resource::StatefulSets, "StatefulSet", ["statefulsets", "statefulset", "sts"]),
    apps(Resource::DaemonSets, "DaemonSet", ["daemonsets", "daemonset", "ds"]),
    core(
        Resource::ReplicationControllers,
        "ReplicationController",
        ["replicationcontrollers", "replicationcontroller", "rc"],
    ),
];

impl Resource {
    /// The resource of a name or a short name that kubectl knows, in any case, perhaps with its group as in
    /// `deployments.apps`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let (name, group) = name.split_once('.').map_or((name.as_str(), None), |(name, group)| (name, Some(group)));
        let named = |kind: &&Kind| {
            [kind.plural, kind.singular, kind.short].contains(&name) && group.is_none_or(|group| group == kind.group)
        };
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
        assert_eq!(Resource::from_name("Deployments.apps"), Some(Resource::Deployments));
        assert_eq!(Resource::from_name("pods.apps"), None);
        assert_eq!(Resource::from_name("replicasets"), None);
    }
}
