//! A container's startup, liveness and readiness probes.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::{ContainerPort, Probe, Probes};

use super::types::{ContainerObject, IntOrString, ProbeObject};
use crate::diagnostics::codes::{INCOMPLETE_OBJECT, PARTLY_MODELLED};
use crate::diagnostics::{Place, Sink};
use crate::nearest::did_you_mean;

/// The probes, and the ports that they ask by number with their places.
pub(super) fn read(
    object: &ContainerObject,
    ports: &[ContainerPort],
    place: &Place,
    sink: &mut Sink,
) -> (Probes, Vec<(u16, Place)>) {
    let mut places = Vec::new();
    let mut one = |given: Option<&ProbeObject>, key: &str, restarts: bool| {
        let (object, at) = (given?, place.at(key));
        let (port, asked) = port(object, ports, &at, sink);
        places.extend(port.filter(|port| *port > 0).map(|port| (port, asked)));
        let probe = probe(object, port);
        if restarts && probe.success_threshold != 1 {
            let message = format!("a {key} succeeds at once: `successThreshold` must be 1");
            sink.report(INCOMPLETE_OBJECT, &at.at("successThreshold"), message);
        }
        Some(probe)
    };
    let probes = Probes {
        startup: one(object.startup_probe.as_ref(), "startupProbe", true),
        liveness: one(object.liveness_probe.as_ref(), "livenessProbe", true),
        readiness: one(object.readiness_probe.as_ref(), "readinessProbe", false),
    };
    (probes, places)
}

/// Defaults of probes (D15); zero stands for the default, as in the API.
fn probe(object: &ProbeObject, port: Option<u16>) -> Probe {
    let seconds = |value: Option<u32>, default: u32| {
        SimDuration::from_secs(u64::from(value.filter(|seconds| *seconds > 0).unwrap_or(default)))
    };
    let times = |value: Option<u32>, default: u32| value.filter(|times| *times > 0).unwrap_or(default);
    Probe {
        port,
        connects: object.tcp_socket.is_some(),
        initial_delay: seconds(object.initial_delay_seconds, 0),
        period: seconds(object.period_seconds, 10),
        timeout: seconds(object.timeout_seconds, 1),
        success_threshold: times(object.success_threshold, 1),
        failure_threshold: times(object.failure_threshold, 3),
        grace: object.termination_grace_period_seconds.map(|grace| SimDuration::from_secs(u64::from(grace))),
    }
}

/// The port that a probe asks, by number or by the name of one of the container's own; 0 for one that there is not.
fn port(object: &ProbeObject, ports: &[ContainerPort], place: &Place, sink: &mut Sink) -> (Option<u16>, Place) {
    let asked = [("httpGet", &object.http_get), ("tcpSocket", &object.tcp_socket), ("grpc", &object.grpc)];
    let Some((key, Some(given))) = asked.into_iter().find(|(_, given)| given.is_some()) else {
        return (None, place.clone());
    };
    let at = place.at(key).at("port");
    let number = match &given.port {
        None => {
            sink.report(INCOMPLETE_OBJECT, &place.at(key), "a probe of a port says which one");
            None
        }
        Some(IntOrString::Int(number)) => super::super::port(*number, "port", &at, sink),
        Some(IntOrString::Text(name)) => {
            let named = ports.iter().find(|port| port.name == *name).map(|port| port.port);
            // A number between quotes is a number, too.
            let found = named.or_else(|| name.parse().ok());
            if found.is_none() {
                let names = ports.iter().map(|port| port.name.as_str()).filter(|name| !name.is_empty());
                let help = did_you_mean(name, names);
                let message = format!("the container has no port called `{name}`, so this probe never succeeds");
                sink.help(PARTLY_MODELLED, &at, message, &help);
            }
            Some(found.unwrap_or(0))
        }
    };
    (number, at)
}
