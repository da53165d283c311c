//! Nothing comes back: how long the kernel waits, and what it says then (linux-kernel section 3).

use std::thread::sleep;

use super::{assert_agrees, deployment, scenario, seconds, secs, service};
use crate::lab::{Ask, Lab, Policies};
use crate::plan::{Case, Request};

/// A server on node-1, a client on node-2, one request at 2 s; more of the `spec`.
fn one_request(topology: &str, more: &str) -> Case {
    let spec = format!(
        "
  duration: 5m
  topology: {{nodes: {{count: 2}}{topology}}}
  placement: {{deployment/web: [node-1], deployment/client: [node-2]}}
  traffic:
    - {{name: t, from: deployment/client, to: 'service/web:80', arrivals: {{kind: constant, rate: 1/s}}, start: 1s, stop: 2500ms}}
{more}"
    );
    let manifests = [deployment("web", 1, Some(80)), deployment("client", 1, None), service("web", "")];
    Case::new(&scenario("service", &spec, &manifests), "service")
}

const DEAD: &str = "  faults: [{name: dead, at: 1s, kind: node-crash, node: node-1}]\n";

fn only(case: &Case) -> Request {
    let mut requests = case.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.remove(0)
}

/// Asks a node that has died through the clusterIP, as clients do that block or not, all at the same time.
fn compare(title: &str, case: &Case, blocking: &[bool]) -> String {
    let told = only(case);
    let at = std::time::Duration::from_millis(1_500);
    let plan = case.plan(at);
    let lab = Lab::new(title, &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", at).dialled;
    let ask = |blocking: &bool| lab.start("deployment/client#0", to, Ask { blocking: *blocking, ..Ask::ONCE });
    let clients: Vec<_> = blocking.iter().map(ask).collect();
    let mut took = Vec::new();
    for client in clients {
        let seen = crate::lab::seen(&client.wait(crate::lab::LIFE)).remove(0);
        took.push((seen.outcome, seen.connect));
    }
    for (outcome, connect) in &took {
        assert_eq!(outcome, told.outcome.word(), "{took:?}");
        assert_agrees(&format!("{title} {took:?}"), *connect, told.took);
    }
    let took: Vec<String> = took.iter().map(|(_, connect)| secs(*connect)).collect();
    format!("{} after {}, podwire {}", told.outcome.word(), took.join(" and "), secs(told.took))
}

pub(super) fn silence_to_the_end() -> String {
    compare("silence", &one_request("", DEAD), &[false, true])
}

pub(super) fn few_retries() -> String {
    let settings = ["tcp_syn_retries: 1", "tcp_syn_retries: 2", "tcp_syn_retries: 2, tcp_syn_linear_timeouts: 0"];
    let figures = settings.map(|setting| {
        let case = one_request("", &format!("{DEAD}  transport: {{{setting}}}\n"));
        format!("{setting}: {}", compare("retries", &case, &[false, true]))
    });
    figures.join("; ")
}

/// The links are cut for 9.5 s from 1 s on: the request that begins at 2 s gets through with the SYN after 11 s.
pub(super) fn links_that_come_back() -> String {
    let fault = "  faults: [{name: cut, at: 1s, for: 9500ms, kind: link-down, link: node-1--switch-1}]\n";
    let case = one_request("", fault);
    let told = only(&case);
    let plan = case.plan(seconds(0));
    let lab = Lab::new("back", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(0)).dialled;
    lab.cut(&plan, "node-1");
    let client = lab.start("deployment/client#0", to, Ask::ONCE);
    sleep(std::time::Duration::from_millis(8_500));
    lab.mend(&plan, "node-1");
    let seen = crate::lab::seen(&client.wait(crate::lab::LIFE)).remove(0);
    assert_eq!(seen.outcome, told.outcome.word());
    let connected = told.connected.expect("it gets through");
    assert_agrees("the SYN after 11 s", seen.connect, connected);
    format!("connected after {}, podwire {}", secs(seen.connect), secs(connected))
}

/// One client alone: of several that wait for the same ARP some get no ICMP, and wait for the next round.
pub(super) fn dead_neighbour() -> String {
    compare("neighbour", &one_request(", fabric: l2", DEAD), &[false])
}

/// The pod is gone while the client's node still has its endpoint: its own node's ARP fails, and ICMP tells the client.
pub(super) fn stale_endpoint() -> String {
    let spec = "
  duration: 1m
  topology: {nodes: {count: 2}}
  placement: {pod/web: [node-1], deployment/client: [node-2]}
  cluster: {kubeProxy: {syncDelay: 1m}}
  faults: [{name: gone, at: 1s, kind: pod-kill, pod: web}]
  traffic:
    - {name: t, from: deployment/client, to: 'service/web:80', arrivals: {kind: constant, rate: 1/s}, start: 1s, stop: 2500ms}
";
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec: {containers: [{name: c, image: \
               i, ports: [{containerPort: 80}]}]}\n";
    let manifests = [pod.to_owned(), deployment("client", 1, None), service("web", "")];
    let case = Case::new(&scenario("service", spec, &manifests), "service");
    let told = only(&case);
    let plan = case.plan(seconds(0));
    let lab = Lab::new("stale", &plan, Policies::default());
    let to = case.curl("deployment/client", "web:80", seconds(0)).dialled;
    lab.unplug("pod/web#0");
    // A bridge without ports loses its carrier within a second, which makes ARP begin anew.
    sleep(seconds(2));
    let seen = lab.ask("deployment/client#0", to, Ask::ONCE).remove(0);
    assert_eq!(seen.outcome, told.outcome.word());
    assert_agrees("a stale endpoint", seen.connect, told.took);
    format!("{} after {}, podwire {}", seen.outcome, secs(seen.connect), secs(told.took))
}
