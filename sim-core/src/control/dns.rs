//! What a pod's resolver asks the cluster's DNS: the names that it tries in turn and how many queries an answer costs.
//! Knows no time, no cache and no network.

/// A name with fewer dots than this is tried below the search list first (B15: `ndots:5`).
const DOTS: usize = 5;

/// The zone of the cluster (kubeadm's `dnsDomain`).
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// The full name of a Service.
pub fn service_name(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc.{CLUSTER_DOMAIN}")
}

/// The full names that a pod of `namespace` tries for `name`, in order (B15: its search list, then the name itself).
/// A name that ends with a dot is full already.
pub fn tried(name: &str, namespace: &str) -> Vec<String> {
    if let Some(full) = name.strip_suffix('.') {
        return vec![full.to_owned()];
    }
    let search =
        [format!("{namespace}.svc.{CLUSTER_DOMAIN}"), format!("svc.{CLUSTER_DOMAIN}"), CLUSTER_DOMAIN.to_owned()];
    let below = search.iter().map(|suffix| format!("{name}.{suffix}"));
    if name.matches('.').count() < DOTS {
        below.chain([name.to_owned()]).collect()
    } else {
        [name.to_owned()].into_iter().chain(below).collect()
    }
}

/// Queries, one after the other, until a pod of `namespace` that asks for `name` hears of the Service whose full name
/// is `meant`; `None` when none of the names that it tries is that one. The names before it do not exist.
pub fn queries(name: &str, namespace: &str, meant: &str) -> Option<u32> {
    let place = tried(name, namespace).iter().position(|full| full == meant)?;
    u32::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_name_costs_more_queries() {
        let meant = service_name("web", "shop");
        let costs = ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc.cluster.local."]
            .map(|name| queries(name, "shop", &meant));
        assert_eq!(costs, [Some(1), Some(2), Some(3), Some(4), Some(1)]);
    }

    #[test]
    fn a_plain_name_is_one_of_the_own_namespace() {
        let meant = service_name("web", "shop");
        assert_eq!(queries("web", "blog", &meant), None);
        assert_eq!(queries("web.shop", "blog", &meant), Some(2));
    }

    #[test]
    fn five_dots_are_tried_as_they_stand() {
        assert_eq!(tried("a.b.c.d.e.f", "shop")[0], "a.b.c.d.e.f");
        assert_eq!(tried("a.b.c.d.e", "shop")[0], "a.b.c.d.e.shop.svc.cluster.local");
    }
}
