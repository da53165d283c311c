//! Local ports that run out, connections that outlive the rules that made them, and those that break (linux-kernel
//! sections 4 and 5).

use std::thread::sleep;
use std::time::Duration;

use sim_core::trace::words::Outcome;

use super::{assert_agrees, deployment, scenario, seconds, secs, service};
use crate::lab::{Ask, Lab, Policies};
use crate::plan::Case;

/// A hundred ports for one destination: even ones first, then odd ones, then EADDRNOTAVAIL until TIME_WAIT ends.
pub(super) fn ports_run_out() -> String {
    let spec = "
  duration: 80s
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
  transport: {ip_local_port_range: 40000-40099}
  traffic:
    - {name: burst, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 100/s}, start: 1s, stop: 2015ms}
    - {name: later, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 2/s}, start: 3s, stop: 70s}
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let plan = case.plan(seconds(1));
    let lab = Lab::new("ports", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(0)).dialled;
    let begun = std::time::Instant::now();
    let seen = lab.ask("deployment/client#0", to, Ask::in_turn(101));
    let told: Vec<_> = case.requests().into_iter().filter(|told| told.source == "burst").collect();
    assert_eq!((seen.len(), told.len()), (101, 101));
    for (number, (seen, told)) in seen.iter().zip(&told).enumerate() {
        assert_eq!(seen.outcome, told.outcome.word(), "connection {number}");
        let parity = (seen.local.map(|own| own.port() % 2), told.port.map(|port| port % 2));
        assert!(told.outcome != Outcome::Ok || parity.0 == parity.1, "connection {number}: {parity:?}");
    }
    assert_eq!(seen[100].outcome, "EADDRNOTAVAIL");
    sleep(seconds(57).saturating_sub(begun.elapsed()));
    // Each ends at once, so the time of the first that gets a port is known to half a second.
    let free = loop {
        let seen = lab.ask("deployment/client#0", to, Ask::ONCE).remove(0);
        if seen.outcome != "EADDRNOTAVAIL" {
            assert_eq!(seen.outcome, "ok");
            break begun.elapsed();
        }
        assert!(begun.elapsed() < seconds(80), "no port comes back");
        sleep(Duration::from_millis(250));
    };
    let first = told[0].arrived;
    let later = case.requests().into_iter().find(|told| told.source == "later" && told.outcome == Outcome::Ok);
    let simulated = later.expect("a port comes back").arrived.saturating_sub(first);
    for time in [free, simulated] {
        assert!((seconds(60)..=Duration::from_millis(62_500)).contains(&time), "{free:?} {simulated:?}");
    }
    format!("100 connections, even ports first; a port comes back after {}, podwire {}", secs(free), secs(simulated))
}

/// A pod leaves the endpoints while its processes go on: its connection stays, new ones go to another pod.
pub(super) fn established_goes_on() -> String {
    let spec = "
  duration: 20s
  topology: {nodes: {count: 2}}
  placement: {pod/web: [node-1], pod/spare: [node-1], deployment/client: [node-2]}
  actions: [{name: gone, at: 5s, kind: delete-pod, pod: web}]
  traffic:
    - {name: kept, from: deployment/client, to: 'service/web:80', connections: {pool: 1},
       arrivals: {kind: closed-loop, users: 1, think: {kind: constant, value: 50ms}}}
    - {name: fresh, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 2/s}}
";
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\nspec: \
             {{terminationGracePeriodSeconds: 90, containers: [{{name: c, image: i, ports: [{{containerPort: 80}}], \
             lifecycle: {{preStop: {{sleep: {{seconds: 60}}}}}}}}]}}\n"
        )
    };
    let manifests = [pod("web"), pod("spare"), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let (mut before, after) = (case.plan(seconds(4)), case.plan(seconds(7)));
    assert_eq!((before.services[0].endpoints.len(), after.services[0].endpoints.len()), (2, 1));
    // So that the kept connection is one to the pod that leaves.
    before.services[0].endpoints.retain(|endpoint| !after.services[0].endpoints.contains(endpoint));
    assert!(after.pods.iter().any(|pod| pod.name.starts_with("pod/web") && pod.running));
    let lab = Lab::new("kept", &before, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(1)).dialled;
    let fresh = || lab.ask("deployment/client#0", to, Ask::ONCE).remove(0).outcome;
    let kept = lab.talk("deployment/client#0", to, 80, Duration::from_millis(50));
    sleep(seconds(1));
    assert_eq!(fresh(), "ok");
    lab.install(&after, Policies::default());
    sleep(Duration::from_millis(500));
    assert_eq!(fresh(), "ok");
    let kept = kept.wait(seconds(30));
    assert_eq!(kept.lines().filter(|line| line.starts_with("ok ")).count(), 80, "{kept}");
    let requests = case.requests();
    assert!(requests.iter().filter(|told| told.took < seconds(60)).all(|told| told.outcome.word() == "ok"));
    let web = after.pods.iter().find(|pod| pod.name.starts_with("pod/web")).map(|pod| pod.id);
    let to_web = requests.iter().filter(|told| told.source == "fresh" && told.arrived > seconds(7) && told.pod == web);
    assert_eq!(to_web.count(), 0);
    "80 of 80 lines come back over the kept connection, fresh ones go to the other pod".to_owned()
}

/// Links are cut under an established connection: data is sent again until `tcp_retries2` ends it.
pub(super) fn data_into_silence() -> String {
    let spec = "
  duration: 1m
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
  transport: {tcp_retries2: 5}
  faults: [{name: cut, at: 2500ms, kind: link-down, link: node-1--switch-1}]
  traffic:
    - {name: t, from: deployment/client, to: 'service/web:80', connections: {pool: 1}, arrivals: {kind: constant, rate: 1/s},
       start: 1s, stop: 3500ms}
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let plan = case.plan(seconds(1));
    let lab = Lab::new("data", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(1)).dialled;
    let talk = lab.talk("deployment/client#0", to, 2, seconds(1));
    sleep(Duration::from_millis(500));
    lab.cut(&plan, "node-1");
    let lines = talk.wait(seconds(60));
    let told = case.requests();
    assert_eq!((lines.lines().count(), told.len()), (2, 2));
    for (line, told) in lines.lines().zip(&told) {
        assert_eq!(line.split(' ').next(), Some(told.outcome.word()));
    }
    let micros = lines.trim().rsplit(' ').next().and_then(|word| word.parse().ok());
    let took = Duration::from_micros(micros.expect("each line ends with its time"));
    assert_agrees("data into silence", took, told[1].took);
    format!("{} after {}, podwire {}", told[1].outcome.word(), secs(took), secs(told[1].took))
}

/// The server is killed with one client accepted and one waiting: FIN for the first, RST for the second, and RST for who
/// comes later.
pub(super) fn killed_server() -> String {
    let spec = "
  duration: 30s
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
  behaviour: {deployment/web: {serviceTime: {kind: constant, value: 10s}, concurrency: 1, backlog: 5}}
  cluster: {plegRelistPeriod: 60s}
  faults: [{name: loop, at: 3500ms, for: 20s, kind: container-kill, pod: {of: deployment/web, index: 0}}]
  traffic:
    - {name: t, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 1/s}, start: 1s, stop: 4500ms}
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let plan = case.plan(seconds(1));
    let mut lab = Lab::new("killed", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(1)).dialled;
    let clients = lab.start("deployment/client#0", to, Ask::each(3, seconds(1)));
    sleep(Duration::from_millis(1_500));
    lab.kill("deployment/web#0");
    let seen = crate::lab::seen(&clients.wait(seconds(30)));
    let seen: Vec<&str> = seen.iter().map(|seen| seen.outcome.as_str()).collect();
    let told = case.requests();
    let told: Vec<&str> = told.iter().map(|told| told.outcome.word()).collect();
    assert_eq!(seen, told, "kernel and podwire");
    format!("accepted {}, waiting {}, later {}", seen[0], seen[1], seen[2])
}
