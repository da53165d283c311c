//! A sentence for a record: of the control plane what the story of a run says too, of requests and connections its own.

use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use crate::report::human_duration;
use crate::timeline::words::what;
use crate::trace_io::Names;

/// What a record says, without a full stop; empty for segments, which no chain runs through.
#[allow(clippy::wildcard_enum_match_arm)] // `what` is the complete list of all other kinds
pub fn sentence(body: &Body, names: &Names) -> String {
    match *body {
        Body::RequestArrived { source, number, client, .. } => {
            format!("request {number} of {} arrives at {}", names.source(source), names.client(client))
        }
        Body::RequestEnded { source, outcome, pod, .. } => {
            let at = pod.map_or_else(String::new, |pod| format!(" at {}", names.pod(pod)));
            format!("{}{at}: {}", names.source(source), outcome_words(outcome))
        }
        Body::RequestRetried { attempt, outcome, .. } => {
            format!("attempt {} fails ({}) and another one follows", u32::from(attempt) + 1, outcome.word())
        }
        Body::RequestHedged { .. } => "a second attempt starts beside the first one".to_owned(),
        Body::ConnectionOpened { client_port, address, port, pod, via, .. } => {
            let behind = match (pod, via) {
                (Some(pod), None) => format!("behind which is {}", names.pod(pod)),
                (Some(pod), Some(node)) => format!("behind which is {} through {}", names.pod(pod), names.node(node)),
                (None, Some(node)) => format!("and {} chooses who stands behind it", names.node(node)),
                (None, None) => "and whoever has that address leads it on".to_owned(),
            };
            format!("port {client_port} dials {address}:{port}, {behind}")
        }
        Body::ConnectionReused { pod, .. } => {
            let pod = pod.map_or_else(String::new, |pod| format!(" to {}", names.pod(pod)));
            format!("it goes over a connection{pod} that was already there")
        }
        Body::ConnectionAccepted { pod, .. } => format!("{} accepts the connection", names.pod(pod)),
        Body::ResponseSent { pod, .. } => format!("{} has written the response", names.pod(pod)),
        Body::ConnectionClosed { .. } => "the client is done with the connection".to_owned(),
        Body::NameResolved { addresses, .. } => format!("the name has {addresses} addresses"),
        Body::ConntrackPeak { node, entries } => format!("{} tracks {entries} entries", names.node(node)),
        _ => of_cluster(body, names).unwrap_or_else(|| {
            let words = what(body, names);
            if words.is_empty() { body.kind().to_owned() } else { words }
        }),
    }
}

/// What the story of a run says by the kind of its line, and by a name alone.
#[allow(clippy::wildcard_enum_match_arm)] // `sentence` has words for all other kinds
fn of_cluster(body: &Body, names: &Names) -> Option<String> {
    Some(match *body {
        Body::PodReady { pod } => format!("{} counts as ready", names.pod(pod)),
        Body::PodNotReady { pod } => format!("{} counts as not ready", names.pod(pod)),
        Body::PodGone { pod } => format!("{} is gone", names.pod(pod)),
        Body::PodCreated { pod, workload, .. } => {
            format!("{} is made for {}", names.pod(pod), names.workload(workload))
        }
        Body::PodScheduled { pod, node } => format!("{} is placed on {}", names.pod(pod), names.node(node)),
        Body::ContainerStarted { pod, .. } => format!("{} listens", names.pod(pod)),
        Body::StopSignal { pod } => format!("{} is asked to stop (SIGTERM)", names.pod(pod)),
        Body::LinkDown { link } => format!("link {} is down", names.link(link)),
        Body::LinkUp { link } => format!("link {} is up", names.link(link)),
        Body::ServiceDeleted { service } => format!("Service {} is deleted", names.service(service)),
        Body::ServiceCreated { service, cluster_ip } => format!("Service {} has {cluster_ip}", names.service(service)),
        Body::NodeTainted { node } => format!("{} gets the taint unreachable:NoExecute", names.node(node)),
        Body::ConntrackFull { node, entries } => {
            format!("{} has its conntrack table full with {entries} entries", names.node(node))
        }
        _ => return None,
    })
}

/// How a request ended, for somebody who has not met the word.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "the whole response arrived",
        Outcome::ConnectionRefused => "connection refused (ECONNREFUSED)",
        Outcome::HostUnreachable => "no route to host (EHOSTUNREACH)",
        Outcome::NetworkUnreachable => "network is unreachable (ENETUNREACH)",
        Outcome::TimedOut => "the kernel gave up retransmitting (ETIMEDOUT)",
        Outcome::ConnectionReset => "connection reset by peer (ECONNRESET)",
        Outcome::AddressNotAvailable => "no local port was free (EADDRNOTAVAIL)",
        Outcome::EndOfFile => "the server closed before the response was complete (eof)",
        Outcome::ConnectTimeout => "the client gave up waiting for the connection (connect-timeout)",
        Outcome::RequestTimeout => "the client gave up waiting for the response (request-timeout)",
        Outcome::DnsError => "the name could not be resolved (dns-error)",
        Outcome::NoClient => "no client was alive to make the request (no-client)",
        Outcome::WrongService => "another application answered (wrong-service)",
        Outcome::NoAddress => "the client knew no address to dial (no-address)",
        Outcome::ServerError => "the server answered with an error (5xx)",
        Outcome::CircuitOpen => "every address that the client knows was ejected (circuit-open)",
    }
}

/// `after 2.00 s`, or nothing for no time at all.
pub(crate) fn after(ns: u64) -> String {
    if ns == 0 { String::new() } else { format!(" after {}", human_duration(ns)) }
}
