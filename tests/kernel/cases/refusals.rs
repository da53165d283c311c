//! Somebody says no, or nobody takes the connection: closed ports, Services without endpoints, full accept queues.

use std::time::Duration;

use super::{assert_agrees, compare_connections, deployment, scenario, seconds, secs, service};
use crate::lab::{Ask, Lab, Policies, Seen};
use crate::plan::{Case, Request};

/// A killed process whose endpoint still stands in the rules: RST, through the clusterIP as well.
pub(super) fn closed_port() -> String {
    let spec = "
  duration: 5m
  topology: {nodes: {count: 2}, external: true}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
  cluster: {plegRelistPeriod: 60s}
  faults: [{name: loop, at: 1s, for: 60s, kind: container-kill, pod: {of: deployment/web, index: 0}}]
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let at = Duration::from_millis(1_100);
    let plan = case.plan(at);
    assert_eq!(plan.services[0].endpoints.len(), 1, "the endpoint still stands");
    assert!(plan.pods.iter().any(|pod| !pod.running), "the process is dead");
    let lab = Lab::new("closed", &plan, Policies::default());
    let rows = [
        "deployment/client web:80",
        "deployment/client deployment/web#0:80",
        "deployment/client node/node-1:80",
        "external node/node-1:80",
    ];
    compare_connections(&case, &plan, &lab, at, &rows)
}

/// REJECT of the client's own node: at once for a client that does not block, a second later for one that does.
pub(super) fn no_endpoints() -> String {
    let source = |name: &str| {
        format!(
            "    - {{name: {name}, from: deployment/client, to: 'service/web:80', connect: {name},\n       arrivals: {{kind: \
             constant, rate: 1/s}}, start: 1s, stop: 2500ms}}\n"
        )
    };
    let spec = format!(
        "
  duration: 1m
  topology: {{nodes: {{count: 2}}}}
  placement: {{deployment/client: [node-2]}}
  traffic:\n{}{}",
        source("nonblocking"),
        source("blocking")
    );
    let manifests = [deployment("web", 0, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", &spec, &manifests), "service");
    let at = seconds(1);
    let plan = case.plan(at);
    let lab = Lab::new("reject", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", at).dialled;
    let mut figures = Vec::new();
    for told in case.requests() {
        let ask = Ask { blocking: told.source == "blocking", ..Ask::ONCE };
        let seen = lab.ask("deployment/client#0", to, ask).remove(0);
        assert_eq!(seen.outcome, told.outcome.word(), "{}", told.source);
        assert_agrees(&told.source, seen.connect, told.took);
        figures.push(format!("{} {} after {}", told.source, seen.outcome, secs(seen.connect)));
    }
    assert_eq!(figures.len(), 2);
    figures.join(", ")
}

/// One worker that takes 1.5 s for each client, a backlog of 1, five clients: one is served, two wait, two are dropped and
/// come again with later SYNs. They begin 100 ms apart: SYNs that the kernel's timers send in one go (32 ms wide after
/// 2 s) all find the place that is free, because it is taken by the handshake's end only.
pub(super) fn backlog() -> String {
    let spec = "
  duration: 1m
  topology: {nodes: {count: 2}}
  placement: {deployment/web: [node-1], deployment/client: [node-2]}
  behaviour: {deployment/web: {serviceTime: {kind: constant, value: 1500ms}, concurrency: 1, backlog: 1}}
  traffic:
    - {name: t, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 10/s}, start: 2s, stop: 2550ms}
";
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let plan = case.plan(seconds(1));
    let lab = Lab::new("backlog", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(1)).dialled;
    let seen = lab.ask("deployment/client#0", to, Ask::each(5, Duration::from_millis(100)));
    let told = case.requests();
    assert_eq!((seen.len(), told.len()), (5, 5));
    let of_seen = |what: fn(&Seen) -> Duration| sorted(seen.iter().map(what));
    let of_told = |what: fn(&Request) -> Duration| sorted(told.iter().map(what));
    let connects = (of_seen(|seen| seen.connect), of_told(|told| told.connected.expect("all get in")));
    let answers = (of_seen(|seen| seen.total), of_told(|told| told.took));
    for (seen, told) in connects.0.iter().zip(&connects.1).chain(answers.0.iter().zip(&answers.1)) {
        let both = format!(
            "five clients\nkernel  {} / {}\npodwire {} / {}\n",
            list(&connects.0),
            list(&answers.0),
            list(&connects.1),
            list(&answers.1)
        );
        assert_agrees(&both, *seen, *told);
    }
    format!("connected after {}; answered after {}", list(&connects.0), list(&answers.0))
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times
}

fn list(times: &[Duration]) -> String {
    times.iter().map(|time| secs(*time)).collect::<Vec<_>>().join(", ")
}
