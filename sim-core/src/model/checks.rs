//! What makes [`ModelParts`] no model: numbers that point at nothing, lengths and counts that make no sense.
//! Knows nothing of files and of how a run goes.

use super::application::{Origin, Source, Target, Workload};
use super::call::{Call, MOST_ATTEMPTS, PlannedCall, Step, WHOLE_PPM};
use super::front_proxy::FrontProxies;
use super::ids::NodeId;
use super::parameters::{Side, Victim};
use super::settings::{Discovery, Front, Rescheduler};
use super::{Begin, LARGEST_MESSAGE, ModelError, ModelParts};
use crate::actions::Change;
use crate::faults::{Effect, Impairment};
use crate::kernel::time::SimDuration;
use crate::topology::NodeRole;

/// All problems of the parts.
pub(super) fn problems(parts: &ModelParts) -> Vec<ModelError> {
    let mut problems = Vec::new();
    check_bounds(parts, &mut problems);
    check_times(parts, &mut problems);
    check_workloads(parts, &mut problems);
    check_services(parts, &mut problems);
    check_sources(parts, &mut problems);
    check_faults(parts, &mut problems);
    check_calls(parts, &mut problems);
    check_actions(parts, &mut problems);
    problems
}

fn complain(problems: &mut Vec<ModelError>, message: String) {
    problems.push(ModelError { message });
}

fn check_times(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    if parts.duration.is_zero() {
        complain(problems, "the duration is zero".to_owned());
    }
    let outside = parts.warm_up.as_nanos().saturating_add(parts.drain.as_nanos());
    if outside >= parts.duration.as_nanos() {
        complain(problems, "warm-up and drain leave nothing of the duration".to_owned());
    }
    let cluster = &parts.cluster;
    let periods = [
        ("nodeMonitorPeriod", cluster.node_monitor_period),
        ("nodeMonitorRunTime", cluster.node_monitor_run_time),
        ("nodeLeaseRenewInterval", cluster.node_lease_renew_interval),
        ("taintQueueInterval", cluster.taint_queue_interval),
        ("plegRelistPeriod", cluster.pleg_relist_period),
        ("loopbackLatency", parts.transport.loopback_latency),
        ("queryTime", parts.dns.query_time),
    ];
    if parts.dns.attempts == 0 || parts.dns.timeout.is_zero() {
        complain(problems, "a lookup needs at least one attempt and a timeout above zero".to_owned());
    }
    for (name, _) in periods.iter().filter(|(_, period)| period.is_zero()) {
        complain(problems, format!("{name} is zero"));
    }
    if let Some(registry) = parts.discovery.registry()
        && (registry.interval.is_zero() || registry.failures == 0)
    {
        complain(problems, "a registry needs an interval above zero and at least one failure".to_owned());
    }
    if let Some(registry) = parts.discovery.registry() {
        let gossip = &registry.gossip;
        if gossip.probe_interval.is_zero() || !(1..=100).contains(&gossip.suspicion_mult) {
            complain(
                problems,
                "a registry's gossip needs a probeInterval above zero and a suspicionMult of 1 to 100".to_owned(),
            );
        }
        if !(1..=100).contains(&gossip.suspicion_max_timeout_mult) {
            complain(problems, "a registry's gossip needs a suspicionMaxTimeoutMult of 1 to 100".to_owned());
        }
    }
    if parts.cluster.ipvs.conn_reuse_mode > 1 {
        complain(problems, "conn_reuse_mode must be 0 or 1".to_owned());
    }
    if let Rescheduler::Heartbeat { period, grace } = &parts.rescheduler
        && (period.is_zero() || grace < period)
    {
        complain(problems, "a rescheduler's grace must be at least its heartbeat period".to_owned());
    }
    check_docker_side(parts, problems);
}

/// Front proxies and orchestrators.
fn check_docker_side(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    if let Discovery::FrontProxy(FrontProxies { settings, .. }) = &parts.discovery {
        if settings.proxy_connect_timeout.is_zero() {
            complain(problems, "proxy_connect_timeout must be above zero".to_owned());
        }
        if settings.proxy_read_timeout.is_zero() {
            complain(problems, "proxy_read_timeout must be above zero".to_owned());
        }
    }
    if let Rescheduler::Swarm(swarm) = &parts.rescheduler {
        if swarm.heartbeat_epsilon >= swarm.dispatcher_heartbeat {
            complain(problems, "heartbeatEpsilon must be below dispatcherHeartbeat".to_owned());
        }
        if !(1..=1_000).contains(&swarm.grace_period_multiplier) {
            complain(problems, "gracePeriodMultiplier must be from 1 to 1000".to_owned());
        }
    }
    if let Rescheduler::Nomad(nomad) = &parts.rescheduler {
        if nomad.min_heartbeat_ttl.is_zero() {
            complain(problems, "min_heartbeat_ttl must be above zero".to_owned());
        }
        if nomad.max_heartbeats_per_second == 0 {
            complain(problems, "max_heartbeats_per_second must be above zero".to_owned());
        }
    }
}

/// The longest length a model may hold, so that sums of times never overflow.
const LONGEST: SimDuration = SimDuration::from_secs(366 * 86_400);

/// The clocks of front proxies and orchestrators.
fn docker_side_lengths(parts: &ModelParts) -> Vec<(&'static str, SimDuration)> {
    let mut lengths = Vec::new();
    if let Discovery::FrontProxy(proxies) = &parts.discovery {
        lengths.extend([
            ("proxy_connect_timeout", proxies.settings.proxy_connect_timeout),
            ("proxy_read_timeout", proxies.settings.proxy_read_timeout),
            ("fail_timeout", proxies.settings.fail_timeout),
        ]);
    }
    if let Rescheduler::Swarm(swarm) = &parts.rescheduler {
        lengths.extend([("dispatcherHeartbeat", swarm.dispatcher_heartbeat), ("restartDelay", swarm.restart_delay)]);
    }
    if let Rescheduler::Nomad(nomad) = &parts.rescheduler {
        let lost_after = nomad.lost_after.unwrap_or(SimDuration::ZERO);
        lengths.extend([
            ("min_heartbeat_ttl", nomad.min_heartbeat_ttl),
            ("heartbeat_grace", nomad.heartbeat_grace),
            ("lost_after", lost_after),
        ]);
    }
    lengths
}

fn check_bounds(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    let (cluster, docker, transport) = (&parts.cluster, &parts.docker, &parts.transport);
    let mut lengths = vec![
        ("duration", parts.duration),
        ("warmUp", parts.warm_up),
        ("drain", parts.drain),
        ("nodeLeaseRenewInterval", cluster.node_lease_renew_interval),
        ("nodeMonitorPeriod", cluster.node_monitor_period),
        ("nodeMonitorRunTime", cluster.node_monitor_run_time),
        ("nodeMonitorGracePeriod", cluster.node_monitor_grace_period),
        ("nodeEvictionInterval", cluster.node_eviction_interval),
        ("secondaryNodeEvictionInterval", cluster.secondary_node_eviction_interval),
        ("taintQueueInterval", cluster.taint_queue_interval),
        ("controllerLatency", cluster.controller_latency),
        ("schedulerLatency", cluster.scheduler_latency),
        ("watchLatencyMax", cluster.watch_latency.1),
        ("plegRelistPeriod", cluster.pleg_relist_period),
        ("crashBackOffMax", cluster.crash_back_off_max),
        ("minSyncPeriod", cluster.proxy_min_sync_period),
        ("syncDelay", cluster.proxy_sync_delay),
        ("tcpTimeout", cluster.ipvs.tcp_timeout),
        ("restartBackOffMax", docker.restart_back_off_max),
        ("loopbackLatency", transport.loopback_latency),
        ("timeWait", transport.time_wait),
        ("nf_conntrack_udp_timeout", transport.nf_conntrack_udp_timeout),
        ("nf_conntrack_udp_timeout_stream", transport.nf_conntrack_udp_timeout_stream),
        ("ttl", parts.dns.ttl),
        ("queryTime", parts.dns.query_time),
        ("a lookup's timeout", parts.dns.timeout),
    ];
    if let Some(registry) = parts.discovery.registry() {
        lengths.push(("probeInterval", registry.gossip.probe_interval));
        let whole = SimDuration::from_nanos(registry.interval.as_nanos().saturating_mul(u64::from(registry.failures)));
        lengths.extend([("failures", whole), ("timeout", registry.timeout), ("propagation", registry.propagation)]);
    }
    if let Rescheduler::Heartbeat { period, grace } = parts.rescheduler {
        lengths.extend([("period", period), ("grace", grace)]);
    }
    lengths.extend(docker_side_lengths(parts));
    lengths.extend(parts.workloads.iter().map(|workload| ("startup", workload.behaviour.startup)));
    lengths.extend(
        parts.workloads.iter().filter_map(|workload| Some(("tolerationSeconds", workload.unreachable_toleration?))),
    );
    lengths.extend(parts.workloads.iter().flat_map(|workload| {
        let Workload { updates, termination, behaviour, .. } = workload;
        let timeout = behaviour.shutdown.timeout.unwrap_or(SimDuration::ZERO);
        [
            ("minReadySeconds", updates.min_ready),
            ("terminationGracePeriodSeconds", termination.grace),
            ("preStopSleep", termination.pre_stop),
            ("shutdown", timeout),
        ]
    }));
    lengths.extend(parts.topology.links().iter().map(|link| ("latency", link.latency)));
    for (name, _) in lengths.iter().filter(|(_, length)| *length > LONGEST) {
        complain(problems, format!("{name} is longer than a year"));
    }
    if cluster.node_lease_renew_jitter_percent > 100 {
        complain(problems, "nodeLeaseRenewJitterPercent is above 100".to_owned());
    }
}

fn check_workloads(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for workload in &parts.workloads {
        if workload.containers.is_empty() {
            complain(problems, format!("{} has no container", workload.reference()));
        }
        if workload.behaviour.concurrency == Some(0) {
            complain(problems, format!("{} has a concurrency of zero", workload.reference()));
        }
        for node in &workload.placement {
            check_node(parts, *node, &workload.reference(), problems);
        }
    }
}

fn check_node(parts: &ModelParts, node: NodeId, user: &str, problems: &mut Vec<ModelError>) {
    if node.index() >= parts.topology.nodes().len() {
        complain(problems, format!("{user} names node number {}, which does not exist", node.0));
    }
}

fn check_services(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for port in &parts.service_ports {
        if port.service.index() >= parts.services.len() {
            complain(problems, format!("port {} belongs to a Service that does not exist", port.port));
        }
        if port.backends.iter().any(|(workload, _)| workload.index() >= parts.workloads.len()) {
            complain(problems, format!("Service port {} selects a workload that does not exist", port.port));
        }
    }
    for service in &parts.services {
        let balancing = &service.balancing;
        if !balancing.is_left_open() && balancing.build().is_none() {
            let message = format!("Service {} names the unknown algorithm {}", service.name, balancing.algorithm);
            complain(problems, message);
        }
        for (workload, weight) in &balancing.weights {
            if workload.index() >= parts.workloads.len() || *weight > crate::balancing::MAX_WEIGHT {
                complain(problems, format!("Service {} has a weight that fits nothing", service.name));
            }
        }
    }
}

fn check_sources(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for source in &parts.sources {
        let from = match source.from {
            Origin::Workload(workload) | Origin::Pod { workload, .. } => workload.index() < parts.workloads.len(),
            Origin::Workloads { first, count } => first.index() + count as usize <= parts.workloads.len(),
            Origin::Node(node) | Origin::Zone(node) | Origin::External(node) => {
                node.index() < parts.topology.nodes().len()
            }
        };
        if !from {
            complain(problems, format!("traffic {} starts at something that does not exist", source.name));
        }
        check_front(source, problems);
        if source.start >= source.stop {
            complain(problems, format!("traffic {} stops before it starts", source.name));
        }
    }
}

fn check_front(source: &Source, problems: &mut Vec<ModelError>) {
    let Front::LoadBalancer(front) = &source.front else { return };
    if !matches!(source.from, Origin::External(_)) || !matches!(source.call.to, Target::Service(_)) {
        complain(problems, format!("traffic {} has a load balancer but does not come from outside", source.name));
    }
    let counts = front.unhealthy_threshold.min(front.healthy_threshold);
    if front.interval.is_zero() || front.timeout > front.interval || counts == 0 {
        complain(problems, format!("traffic {} has a load balancer whose checks never end or overlap", source.name));
    }
    if front.interval.max(front.deregistration_delay) > LONGEST {
        complain(problems, format!("traffic {} has a load balancer that waits for longer than a year", source.name));
    }
}

fn check_calls(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for source in &parts.sources {
        check_call(parts, &source.call, &format!("traffic {}", source.name), problems);
    }
    for workload in &parts.workloads {
        if workload.behaviour.error_ppm > WHOLE_PPM {
            complain(problems, format!("{} fails more than all requests", workload.reference()));
        }
        check_steps(parts, &workload.calls, &workload.reference(), problems);
    }
}

fn check_steps(parts: &ModelParts, steps: &[Step], user: &str, problems: &mut Vec<ModelError>) {
    for step in steps {
        match step {
            Step::Call(planned) => check_planned(parts, planned, user, problems),
            Step::Sequence(steps) | Step::Parallel(steps) => check_steps(parts, steps, user, problems),
        }
    }
}

fn check_planned(parts: &ModelParts, planned: &PlannedCall, user: &str, problems: &mut Vec<ModelError>) {
    let user = format!("{user} call {}", planned.name);
    check_call(parts, &planned.call, &user, problems);
    if planned.repeat == 0 || planned.probability_ppm > WHOLE_PPM {
        complain(problems, format!("{user} has a repeat of zero or a probability above all"));
    }
}

fn check_call(parts: &ModelParts, call: &Call, user: &str, problems: &mut Vec<ModelError>) {
    let exists = match call.to {
        Target::Service(port) => port.index() < parts.service_ports.len(),
        Target::Services { first, count } => count > 0 && first.index() + count as usize <= parts.service_ports.len(),
        Target::Pod { workload, .. } => workload.index() < parts.workloads.len(),
        Target::Address { .. } => true,
    };
    if !exists {
        complain(problems, format!("{user} ends at something that does not exist"));
    }
    if call.request_bytes.max(call.response_bytes) > LARGEST_MESSAGE {
        complain(problems, format!("{user} sends messages above 1 TiB"));
    }
    if call.most_attempts() > MOST_ATTEMPTS || call.retries.is_some_and(|retries| retries.attempts == 0) {
        complain(problems, format!("{user} makes no attempt or more than {MOST_ATTEMPTS}"));
    }
    let connections = &call.connections;
    if connections.streams == 0 || connections.per_host == Some(0) || connections.max_requests == Some(0) {
        complain(problems, format!("{user} has connections that take no request"));
    }
    if call.lookup.is_some_and(|lookup| lookup.queries == 0) {
        complain(problems, format!("{user} looks a name up without a query"));
    }
    let ejection = call.outlier_ejection;
    if ejection.is_some_and(|it| it.consecutive_failures == 0 || it.max_ejected_ppm > WHOLE_PPM) {
        complain(problems, format!("{user} ejects addresses without a failure, or more than all"));
    }
    let keepalive = connections.keepalive;
    if keepalive.is_some_and(|it| it.time.is_zero() || it.interval.is_zero() || it.probes == 0) {
        complain(problems, format!("{user} has keepalive probes without time or number"));
    }
    let retries = call.retries.map(|retries| retries.backoff);
    let ejected = ejection.map(|ejection| ejection.ejection_time);
    let lengths = [call.connect_timeout, call.timeout, call.deadline, call.hedge_after, retries, ejected];
    let kept = [connections.idle_timeout, connections.max_age, connections.user_timeout];
    let probes = [keepalive.map(|it| it.time), keepalive.map(|it| it.interval)];
    if lengths.into_iter().chain(kept).chain(probes).flatten().any(|length| length > LONGEST) {
        complain(problems, format!("{user} waits for longer than a year"));
    }
}

fn check_faults(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for fault in &parts.faults {
        let victim = fault.kind.begin.victim();
        let exists = victim.is_none_or(|victim| victim_exists(parts, victim)) && sides_exist(parts, &fault.kind.begin);
        if !exists {
            complain(problems, format!("fault {} hits something that does not exist or is no worker node", fault.name));
        }
    }
}

/// Whether the nodes of a partition are in the model.
fn sides_exist(parts: &ModelParts, effect: &Effect) -> bool {
    let Effect::Impair(Impairment::Partition { a, b, .. }) = effect else { return true };
    let exists = |node: &NodeId| node.index() < parts.topology.nodes().len();
    [a, b].into_iter().all(|side| match side {
        Side::ZoneOf(node) => exists(node),
        Side::Nodes(nodes) => nodes.iter().all(exists),
        Side::Rest => true,
    })
}

/// Whether a victim is in the model, and a worker if it is a node.
fn victim_exists(parts: &ModelParts, victim: Victim) -> bool {
    match victim {
        Victim::Node(node) | Victim::ZoneOf(node) => {
            parts.topology.nodes().get(node.index()).is_some_and(|node| node.role == NodeRole::Worker)
        }
        Victim::NodeHosting { workload, .. } | Victim::PodOf { workload, .. } => {
            workload.index() < parts.workloads.len()
        }
        Victim::Link(link) => link.index() < parts.topology.links().len(),
    }
}

fn check_actions(parts: &ModelParts, problems: &mut Vec<ModelError>) {
    for (index, action) in parts.actions.iter().enumerate() {
        let exists = match &action.kind.change {
            Change::Restart(workload) | Change::SetImage { workload, .. } | Change::Scale { workload, .. } => {
                workload.index() < parts.workloads.len()
            }
            Change::Cordon(victim) | Change::Uncordon(victim) | Change::Drain(victim) | Change::DeletePod(victim) => {
                victim_exists(parts, *victim)
            }
            Change::DeleteService(service) | Change::RecreateService(service) => service.index() < parts.services.len(),
        };
        if !exists {
            complain(problems, format!("action {} changes something that does not exist", action.name));
        }
        // An action that waits for itself, through however many others, never begins.
        let mut seen = index;
        for _ in 0..=parts.actions.len() {
            match parts.actions.get(seen).map(|action| action.begin) {
                Some(Begin::After { action, .. }) => seen = action,
                Some(Begin::At(_)) => break,
                None => return complain(problems, format!("action {} follows one that does not exist", action.name)),
            }
        }
        if parts.actions.get(seen).is_some_and(|last| matches!(last.begin, Begin::After { .. })) {
            complain(problems, format!("action {} waits for itself", action.name));
        }
    }
}
