//! Targets that are names: which Service a pod's resolver ends at, and what the lookup costs.

use sim_core::control::dns;
use sim_core::model::application::{Origin, Protocol, ServiceKind, Target};
use sim_core::model::call::Lookup;

use super::{Lowering, Tables, networks, traffic};
use crate::arms::DiscoveryKind;
use crate::diagnostics::Place;
use crate::diagnostics::codes::{NOT_MODELLED, PARTLY_MODELLED, UNKNOWN_SERVICE};
use crate::nearest::did_you_mean;

/// Where requests go, the lookup before that when they go to a name, and the protocol of the port.
pub(super) type Destination = (Target, Option<Lookup>, Protocol);

/// Where requests that start at `from` go.
pub(super) fn destination(
    ctx: &mut Lowering<'_>,
    tables: &Tables,
    text: &str,
    from: Option<Origin>,
    wanted: Option<Protocol>,
    place: &Place,
) -> Option<Destination> {
    let Some(name) = text.strip_prefix("dns/") else {
        let (target, protocol) = traffic::target(ctx, tables, text, wanted, place)?;
        // Docker's names are all that clients of such an arm have.
        let by_name = ctx.plan.discovery == DiscoveryKind::EmbeddedDns
            && matches!((from, target), (Some(Origin::Workload(_)), Target::Service(_)));
        if by_name {
            networks::check(ctx, tables, target, from, place);
        }
        return Some((target, by_name.then_some(Lookup { queries: 1 }), protocol));
    };
    let Origin::Workload(workload) = from? else {
        let help = "start the requests in a workload, or dial service/NAME:PORT";
        ctx.sink.help(NOT_MODELLED, place, "only pods ask the cluster's DNS", help);
        return None;
    };
    let (name, port) = name.rsplit_once(':').map_or((name, None), |(name, port)| (name, Some(port)));
    let namespace = tables.workloads[workload.index()].namespace.as_str();
    let (service, queries) = resolve(ctx, name, namespace, place)?;
    let port = traffic::service_port(ctx, tables, service, (port, wanted), place, true)?;
    let definition = &tables.service_ports[port.index()];
    if tables.services[service].kind == ServiceKind::Headless {
        let moved = definition.backends.iter().find(|(_, target)| *target != definition.port);
        if let Some((_, target)) = moved {
            let message = format!(
                "no proxy stands before a headless Service, so clients are taken to dial port {target} of its pods, not {}",
                definition.port
            );
            ctx.sink.report(PARTLY_MODELLED, place, message);
        }
    }
    if ctx.plan.discovery == DiscoveryKind::EmbeddedDns {
        networks::check(ctx, tables, Target::Service(port), from, place);
    }
    Some((Target::Service(port), Some(Lookup { queries }), definition.protocol))
}

/// The Service that a resolver in `namespace` ends at, and after how many queries.
fn resolve(ctx: &mut Lowering<'_>, name: &str, namespace: &str, place: &Place) -> Option<(usize, u32)> {
    // Whatever the resolver appends, the first label is the Service's.
    let first = name.split('.').next().unwrap_or_default();
    let known = ctx.directory.services(first).iter().filter_map(|index| {
        let service = &ctx.draft.services[*index];
        let queries = dns::queries(name, namespace, &dns::service_name(&service.name, &service.namespace))?;
        Some((*index, queries))
    });
    let found = known.min_by_key(|(_, queries)| *queries);
    if found.is_none() && !ctx.sink.incomplete {
        let message = format!("no Service is called `{name}` in the eyes of a pod of namespace `{namespace}`");
        let elsewhere = ctx.directory.services(first).first().map(|index| &ctx.draft.services[*index]);
        let help = match elsewhere {
            Some(service) => format!("write dns/{}.{}", service.name, service.namespace),
            None => did_you_mean(first, ctx.draft.services.iter().map(|service| service.name.as_str())),
        };
        ctx.sink.help(UNKNOWN_SERVICE, place, message, &help);
    }
    found
}
