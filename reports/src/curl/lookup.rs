//! How a name becomes addresses: the cluster's DNS with a pod's search list (B15, B16), or a client's own list.
//! Names take no time here: DNS is no traffic of its own.

use std::net::IpAddr;

use serde::Serialize;
use sim_core::model::ids::{ServiceId, ServicePortId};

use super::places::Places;

/// Domains with fewer dots than this are tried with the search list first (B15).
const NDOTS: usize = 5;
/// The cluster's domain.
const CLUSTER: &str = "cluster.local";

/// One question to the cluster's DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    /// The full name.
    pub name: String,
    /// The address, or nothing: NXDOMAIN.
    pub answer: Option<IpAddr>,
}

/// A name on its way to addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Lookup {
    /// A pod asks the cluster's DNS.
    ClusterDns {
        /// Its questions in order; the last one is answered, or none is.
        queries: Vec<Query>,
    },
    /// Outside of pods nobody knows the cluster's names.
    Unknown {
        /// The name.
        name: String,
    },
    /// The client holds addresses and asks nobody.
    OwnList {
        /// How it came to know them: `static`, `registry` or `podIP`.
        discovery: String,
    },
}

/// The Service of a name as a pod of `namespace` asks for it: the questions, and who is meant.
pub(super) fn in_cluster(name: &str, namespace: &str, places: &Places) -> (Vec<Query>, Option<ServiceId>) {
    let search = [format!("{namespace}.svc.{CLUSTER}"), format!("svc.{CLUSTER}"), CLUSTER.to_owned()];
    let full = name.trim_end_matches('.').to_owned();
    let searched = search.iter().map(|domain| format!("{name}.{domain}"));
    let names: Vec<String> = match (name.ends_with('.'), name.matches('.').count() < NDOTS) {
        (true, _) => vec![full],
        (false, true) => searched.chain([full.clone()]).collect(),
        (false, false) => std::iter::once(full.clone()).chain(searched).collect(),
    };
    let mut queries = Vec::new();
    for name in names {
        let service = service_called(&name, places);
        let answer = service.and_then(|service| places.cluster_ips.get(&service).copied());
        queries.push(Query { name, answer });
        if service.is_some() {
            return (queries, service);
        }
    }
    (queries, None)
}

/// The Service whose full name in the cluster's DNS this is.
fn service_called(full: &str, places: &Places) -> Option<ServiceId> {
    let short = full.strip_suffix(&format!(".svc.{CLUSTER}"))?;
    let (name, namespace) = short.split_once('.')?;
    let services = places.header().services.iter();
    let found = services.zip(0_u32..).find(|(service, _)| service.name == name && service.namespace == namespace);
    found.map(|(_, number)| ServiceId(number))
}

/// The ports of a Service with their numbers.
pub(super) fn ports_of(service: ServiceId, places: &Places) -> Vec<(u16, ServicePortId)> {
    let ports = places.header().service_ports.iter().zip(0_u32..);
    ports.filter(|(port, _)| port.service == service.0).map(|(port, id)| (port.port, ServicePortId(id))).collect()
}

#[cfg(test)]
mod tests {
    use sim_core::kernel::time::SimTime;

    use super::*;
    use crate::testing::{Builder, header};

    #[test]
    fn a_pods_search_list_is_tried_in_order() {
        let places = Builder::cluster().feed(Places::new(&header(), SimTime::ZERO));
        let ask = |name: &str, namespace: &str| {
            let (queries, found) = in_cluster(name, namespace, &places);
            (queries.len(), found, queries.last().unwrap().name.clone())
        };
        let full = "my-nginx.default.svc.cluster.local".to_owned();
        assert_eq!(ask("my-nginx", "default"), (1, Some(ServiceId(0)), full.clone()));
        assert_eq!(ask("my-nginx.default", "default"), (2, Some(ServiceId(0)), full.clone()));
        assert_eq!(ask("my-nginx.default.svc", "team-a"), (3, Some(ServiceId(0)), full.clone()));
        assert_eq!(ask("my-nginx.default.svc.cluster.local", "team-a"), (4, Some(ServiceId(0)), full.clone()));
        assert_eq!(ask("my-nginx.default.svc.cluster.local.", "team-a"), (1, Some(ServiceId(0)), full));
        assert_eq!(ask("my-nginx", "team-a"), (4, None, "my-nginx".to_owned()));
    }
}
