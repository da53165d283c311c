//! Which endpoints of a Service the kube-proxy of one node uses: `CategorizeEndpoints` of Kubernetes v1.36 (C.7).
//! Knows no rules and no packets; the cases of Kubernetes' own table are in `tests/vectors`.

/// One endpoint as an EndpointSlice has it, seen from one node (B17).
#[allow(clippy::struct_excessive_bools, reason = "each is one condition of its own in the API")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// It takes new connections: serving and not terminating, or published without regard to that.
    pub ready: bool,
    /// Its pod's Ready condition.
    pub serving: bool,
    /// Its pod is marked for deletion.
    pub terminating: bool,
    /// Its pod runs on the node that looks.
    pub local: bool,
    /// Zones whose nodes should prefer it.
    pub zone_hints: &'a [&'a str],
    /// Nodes that should prefer it.
    pub node_hints: &'a [&'a str],
}

/// The node that looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its zone; empty when it has none.
    pub zone: &'a str,
    /// It heeds hints that name nodes (`PreferSameTrafficDistribution`, on since 1.34).
    pub heeds_node_hints: bool,
}

/// What a Service wants of its endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// It has a node port, an address of a load balancer or external addresses.
    pub accessible_from_outside: bool,
}

impl Policies {
    /// Some traffic goes to endpoints of the whole cluster.
    pub const fn uses_cluster(self) -> bool {
        !self.internal_local || self.accessible_from_outside
    }

    /// Some traffic stays on the node.
    pub const fn uses_local(self) -> bool {
        self.internal_local || (self.external_local && self.accessible_from_outside)
    }
}

/// Endpoints by use, as places in the list that was looked at, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories {
    /// For traffic that may go anywhere.
    pub cluster: Vec<usize>,
    /// For traffic that stays on the node.
    pub local: Vec<usize>,
    /// All that are reached from this node.
    pub all: Vec<usize>,
    /// Some node has an endpoint: what finds none here is dropped, not rejected.
    pub any: bool,
}

/// How close an endpoint must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closeness {
    Anywhere,
    SameZone,
    SameNode,
}

/// Sorts a Service's endpoints by their use on one node.
pub fn categorise_endpoints(endpoints: &[Endpoint<'_>], policies: Policies, viewer: Viewer<'_>) -> Categories {
    let places =
        |wanted: &dyn Fn(&Endpoint<'_>) -> bool| (0..endpoints.len()).filter(|it| wanted(&endpoints[*it])).collect();
    let mut found = Categories::default();
    let mut closeness = Closeness::Anywhere;
    if policies.uses_cluster() {
        closeness = closeness_wanted(endpoints, viewer);
        found.cluster = places(&|it| it.ready && is_close(it, closeness, viewer));
        if found.cluster.is_empty() {
            found.cluster = places(&is_leaving);
        }
        found.any = !found.cluster.is_empty();
    }
    if !policies.uses_local() {
        found.all.clone_from(&found.cluster);
        return found;
    }
    found.any |= endpoints.iter().any(|it| it.ready || is_leaving(it));
    found.local = places(&|it| it.local && it.ready);
    let falls_back = found.local.is_empty();
    if falls_back {
        found.local = places(&|it| it.local && is_leaving(it));
    }
    found.all = if !policies.uses_cluster() {
        found.local.clone()
    } else if closeness == Closeness::Anywhere && (!falls_back || found.local.is_empty()) {
        // Every ready endpoint is among those of the cluster already.
        found.cluster.clone()
    } else {
        (0..endpoints.len()).filter(|it| found.cluster.contains(it) || found.local.contains(it)).collect()
    };
    found
}

/// An endpoint that is used when no ready one is left (KEP-1669).
fn is_leaving(endpoint: &Endpoint<'_>) -> bool {
    endpoint.serving && endpoint.terminating && !endpoint.ready
}

/// Hints count when every ready endpoint has one and one of them means this node or its zone.
fn closeness_wanted(endpoints: &[Endpoint<'_>], viewer: Viewer<'_>) -> Closeness {
    let ready = || endpoints.iter().filter(|it| it.ready);
    let means = |closeness| ready().any(|it| is_close(it, closeness, viewer));
    if viewer.heeds_node_hints && ready().all(|it| !it.node_hints.is_empty()) && means(Closeness::SameNode) {
        Closeness::SameNode
    } else if ready().all(|it| !it.zone_hints.is_empty()) && means(Closeness::SameZone) {
        Closeness::SameZone
    } else {
        Closeness::Anywhere
    }
}

fn is_close(endpoint: &Endpoint<'_>, closeness: Closeness, viewer: Viewer<'_>) -> bool {
    match closeness {
        Closeness::Anywhere => true,
        Closeness::SameZone => endpoint.zone_hints.contains(&viewer.zone),
        Closeness::SameNode => endpoint.node_hints.contains(&viewer.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Endpoint<'_> =
        Endpoint { ready: true, serving: true, terminating: false, local: false, zone_hints: &[], node_hints: &[] };

    #[test]
    fn one_ready_endpoint_anywhere_ends_the_fallback_of_the_cluster_but_not_of_the_node() {
        let leaving = Endpoint { ready: false, terminating: true, local: true, ..READY };
        let policies = Policies { external_local: true, accessible_from_outside: true, ..Policies::default() };
        let found = categorise_endpoints(&[leaving, READY], policies, Viewer::default());
        assert_eq!((found.cluster, found.local, found.all), (vec![1], vec![0], vec![0, 1]));
        let found = categorise_endpoints(&[leaving], policies, Viewer::default());
        assert_eq!((found.cluster, found.local, found.any), (vec![0], vec![0], true));
    }

    #[test]
    fn hints_that_name_another_zone_alone_are_no_hints() {
        let far = Endpoint { zone_hints: &["b"], ..READY };
        let here = |zone| Viewer { zone, ..Viewer::default() };
        let used = |zone| categorise_endpoints(&[far, far], Policies::default(), here(zone)).cluster.len();
        assert_eq!((used("a"), used("b")), (2, 2));
        let mixed = [far, Endpoint { zone_hints: &["a"], ..READY }];
        assert_eq!(categorise_endpoints(&mixed, Policies::default(), here("a")).cluster, [1]);
    }
}
