//! `podwire curl` against what real kernels, Docker and kube-proxy do to a connection's addresses
//! (linux-kernel section 2), and its output in golden files.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod process;
}

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sim_core::kernel::time::{SimDuration, SimTime};
use sim_core::model::application::{Origin, Target};
use sim_core::model::ids::{NodeId, SourceId};
use sim_core::model::probe::Probe;
use sim_core::trace::{Body, Level, Record};
use sim_core::world::World;
use support::process::{Ended, Folder, command, feed, podwire};

/// `client` and `near` on node-1, `far` and `trio` on node-2; `near` crashes from 30 s to 35 s; dockerd of node-1 is killed
/// at 40 s, and `near` removed at 41 s; node-2 dies at 60 s.
fn scenario() -> String {
    let mut text = "apiVersion: podwire/v1
kind: Scenario
metadata: {name: ends}
spec:
  seed: 1
  duration: 10m
  arms: [service, docker-static]
  topology: {nodes: {count: 3}, external: true}
  placement:
    deployment/near: [node-1]
    deployment/far: [node-2]
    deployment/trio: [node-2]
    deployment/client: [node-1]
  docker: {publish: {deployment/near: ['8080:80'], deployment/far: ['8080:80']}}
  faults:
    - {name: crash, at: 30s, for: 5s, kind: container-kill, pod: {of: deployment/near, index: 0}}
    - {name: no-daemon, at: 40s, kind: docker-daemon-kill, node: node-1}
    - {name: removal, at: 41s, kind: pod-kill, pod: {of: deployment/near, index: 0}}
    - {name: lost-node, at: 60s, kind: node-crash, node: node-2}
"
    .to_owned();
    for (name, replicas) in [("near", 1), ("far", 1), ("trio", 3), ("client", 1), ("none", 0)] {
        let labels = format!("{{app: {name}}}");
        let ports = if name == "client" { "" } else { ", ports: [{containerPort: 80}]" };
        writeln!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {labels}}}\n  template: {{metadata: {{labels: {labels}}}, spec: {{containers: \
             [{{name: c, image: i{ports}}}]}}}}"
        )
        .unwrap();
    }
    for (name, node_port) in [("near", 30_080), ("far", 30_081), ("trio", 30_082), ("none", 30_083)] {
        text.push_str(&service(name, name, node_port, "Cluster"));
    }
    text.push_str(&service("near-local", "near", 30_084, "Local"));
    text.push_str(&service("far-local", "far", 30_085, "Local"));
    text
}

fn service(name: &str, app: &str, node_port: u16, policy: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: NodePort, \
         externalTrafficPolicy: {policy}, selector: {{app: {app}}}, ports: [{{port: 80, nodePort: {node_port}}}]}}\n"
    )
}

/// Asks with the scenario on standard input.
fn curl(args: &[&str]) -> Ended {
    let all: Vec<&str> = ["curl", "-", "--quiet"].iter().chain(args).copied().collect();
    feed(&mut command(&all), &scenario())
}

/// `ARM FROM TARGET [AT]` as arguments.
fn typed(words: &str) -> Vec<String> {
    let words: Vec<&str> = words.split(' ').collect();
    let [arm, from, target, rest @ ..] = words.as_slice() else { panic!("{words:?}") };
    let at = rest.first().unwrap_or(&"1s");
    let more = rest.iter().skip(1);
    let args = ["--arm", arm, "--from", from, target, "--at", at];
    args.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn ask(words: &str, format: &str) -> String {
    let args = typed(words);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--format", format]);
    let ended = curl(&args);
    assert_eq!(ended.stderr, "", "{words}");
    ended.ok()
}

/// What the client gets, the address the server sees with `random`, `kept` or `proxy` for its port, the entries.
fn facts(words: &str) -> (String, String, String) {
    let json: Value = serde_json::from_str(&ask(words, "json")).unwrap();
    let port = |socket: &str| socket.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    let seen = json["serverSees"][0].as_str().map_or("-".to_owned(), |seen| {
        let own = port(json["clientSees"][0].as_str().unwrap());
        let hops = json["hops"].as_array().unwrap();
        let proxied = hops.iter().any(|hop| hop["rule"] == "docker-proxy");
        let word = match (port(seen) == own, proxied) {
            (true, _) => "kept",
            (false, true) => "proxy",
            (false, false) => "random",
        };
        assert!(own >= 32_768 && own % 2 == 0, "connect() takes even ports first: {own}");
        assert!(word != "random" || port(seen) >= 1_024);
        format!("{} {word}", seen.rsplit_once(':').unwrap().0)
    });
    let entries: Vec<String> =
        json["conntrack"].as_array().unwrap().iter().map(|node| node["entries"].to_string()).collect();
    let entries = if entries.is_empty() { "0".to_owned() } else { entries.join("+") };
    (json["outcome"].as_str().unwrap().to_owned(), seen, entries)
}

#[test]
fn addresses_are_those_of_section_2() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/kernel-addresses.yaml");
    let documents = scenarios::read_yaml(&std::fs::read_to_string(file).unwrap()).unwrap();
    let rows = documents[0]["rows"].as_array().unwrap();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        assert_eq!(facts(&word("curl")), (word("outcome"), word("server_sees"), word("entries")), "{}", word("name"));
    }
}

#[test]
fn a_private_address_of_another_host_can_mean_a_local_container() {
    // Port 81 of `trio` is not published: its first container is 172.17.0.3 on node-2, as the client is on node-1.
    let json: Value = serde_json::from_str(&ask("docker-static deployment/near deployment/trio#0:81", "json")).unwrap();
    assert!(json["clientSees"][1].as_str().unwrap().starts_with("172.17.0."), "{json}");
    assert!(json["wrongPod"].as_str().is_some_and(|pod| pod.starts_with("client-")), "{json}");
}

/// `front` of two networks, `other` and `api` of one of them, `vault` of a third; `api` stands on node-2.
fn networks() -> Folder {
    let folder = Folder::new();
    folder.write(
        "compose.yaml",
        "services:\n  api: {image: a, expose: ['80'], networks: [back]}\n  front: {image: f, networks: [outer, back]}\n  \
         other: {image: o, networks: [back]}\n  vault: {image: v, expose: ['80'], networks: [secret]}\n\
         networks: {outer: {}, back: {}, secret: {}}\n",
    );
    folder.write(
        "networks.yaml",
        "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {name: networks}\nspec:\n  duration: 10m\n  \
         include: [compose.yaml]\n  arms: [docker-static]\n  topology: {nodes: {count: 2}}\n  \
         placement: {deployment/api: [node-2]}\n",
    );
    folder
}

#[test]
fn networks_of_docker_are_isolated_and_equal_on_every_host() {
    let folder = networks();
    let file = folder.path("networks.yaml");
    let ask = |from: &str, to: &str| -> Value {
        let args =
            ["curl", &file, "--quiet", "--from", from, to, "--at", "1s", "--max-time", "200s", "--format", "json"];
        serde_json::from_str(&podwire(&args).ok()).unwrap()
    };
    let outcome = |from, to| ask(from, to)["outcome"].as_str().unwrap().to_owned();
    // back is 172.18.0.0/16, outer 172.19.0.0/16, secret 172.20.0.0/16: Docker drops what goes from one to another (A18),
    // and the client sends SYNs in vain for 131 s. The host itself may.
    let vault = ask("deployment/front", "172.20.0.2:80");
    assert_eq!(vault["outcome"], "ETIMEDOUT");
    assert_eq!(vault["took"].as_u64().unwrap() / 1_000_000_000, 131);
    assert_eq!(outcome("node/node-1", "172.20.0.2:80"), "ok");
    assert_eq!(outcome("deployment/other", "172.18.0.2:80"), "ok");
    // Nobody of node-1 has it.
    assert_eq!(outcome("deployment/other", "172.18.0.9:80"), "EHOSTUNREACH");
    // The address of `api` on node-2 is that of `front` on node-1: the wrong container answers.
    let wrong = ask("deployment/other", "deployment/api#0:81");
    assert_eq!(wrong["clientSees"][1], "172.18.0.2:81");
    assert!(wrong["wrongPod"].as_str().is_some_and(|pod| pod.starts_with("front-")), "{wrong}");
}

#[test]
fn failures_take_as_long_as_the_kernel_takes() {
    let took = |words: &str| {
        let json: Value = serde_json::from_str(&ask(words, "json")).unwrap();
        (json["outcome"].as_str().unwrap().to_owned(), json["took"].as_u64().unwrap() / 100_000_000)
    };
    let dead = "service deployment/client far:80 70s";
    assert_eq!(took(dead), ("ETIMEDOUT".into(), 1_310));
    assert_eq!(took(&format!("{dead} --connect-timeout 2s")), ("connect-timeout".into(), 20));
    assert_eq!(took(&format!("{dead} --max-time 10s")), ("request-timeout".into(), 100));
    assert_eq!(took("docker-static deployment/client 172.17.0.5:80"), ("EHOSTUNREACH".into(), 30));
    assert_eq!(took("docker-static external node/node-2:8081"), ("ECONNREFUSED".into(), 0));
}

/// The calls of one golden file with what they print.
fn page(calls: &[&str]) -> String {
    let mut page = String::new();
    for words in calls {
        let text = ask(words, "text");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{words}");
        writeln!(page, "### {words}\n\n{text}").unwrap();
    }
    page
}

#[test]
fn golden_pods_and_nodes() {
    insta::assert_snapshot!(page(&[
        "service deployment/client deployment/near#0:80",
        "service deployment/client deployment/far#0:80",
        "service node/node-1 deployment/near#0:80",
        "service node/node-1 deployment/far#0:80",
    ]));
}

#[test]
fn golden_cluster_ips() {
    insta::assert_snapshot!(page(&[
        "service deployment/client near:80",
        "service deployment/client trio.default.svc:80",
        "service deployment/near near:80",
        "service node/node-1 service/near:80",
        "service node/node-1 service/far:80",
        "service deployment/client trio:80 1s --set cluster.kubeProxy.mode=nftables",
    ]));
}

#[test]
fn golden_node_ports() {
    insta::assert_snapshot!(page(&[
        "service external node/node-1:30080",
        "service external node/node-1:30081",
        "service deployment/client node/node-2:30081",
    ]));
}

#[test]
fn golden_docker() {
    insta::assert_snapshot!(page(&[
        "docker-static deployment/client far:80",
        "docker-static external node/node-2:8080",
        "docker-static node/node-1 node/node-2:8080",
        "docker-static deployment/client node/node-1:8080",
        "docker-static external node/node-2:8081",
        "docker-static deployment/near deployment/trio#0:81",
    ]));
}

#[test]
fn golden_failures() {
    insta::assert_snapshot!(page(&[
        "service deployment/client far:80 70s",
        "service deployment/client far:80 70s --connect-timeout 2s",
        "service deployment/client none:80",
        "service external node/node-3:30083",
        "service node/node-1 near:80",
        "service external deployment/near#0:80",
        "service deployment/client 10.244.2.99:80",
        "docker-static external node/node-1:8080 32s",
        "docker-static deployment/client 172.17.0.5:80",
        "docker-static node/node-3 node/node-2:8080 70s --set topology.fabric=l2",
    ]));
}

#[test]
fn golden_json() {
    insta::assert_snapshot!(ask("service deployment/client trio:80", "json"));
}

#[test]
fn ends_that_do_not_exist_are_usage_mistakes() {
    for (words, named) in [
        ("service deployment/cleint near:80", "did you mean `deployment/client`?"),
        ("service deployment/client naer:80", "did you mean `near`?"),
        ("service deployment/client node/nod-1:80", "did you mean `node-1`?"),
        ("service deployment/client pod/web-0:80", "there is no pod `web-0`"),
        ("service deployment/client#1 near:80", "has 1 pod at 1s"),
        ("service client near:80", "write deployment/NAME"),
        ("service deployment/client near:http", "is no port"),
        ("service deployment/client 127.0.0.1:80", "the client itself"),
        ("service deployment/client near:80 10m", "the run ends at 10m0s"),
        ("service deployment/client near:80 soon", "--at soon"),
        ("service deployment/far near:80 70s", "does not run at 1m10s"),
        ("docker-static deployment/near far:80 32s", "does not run at 32s"),
        ("service node/node-2 service/near:80 70s", "is down at 1m10s"),
        ("servise deployment/client near:80", "docker-static"),
    ] {
        let args = typed(words);
        let ended = curl(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{words}: {}", ended.stderr);
    }
}

#[test]
fn a_port_of_udp_cannot_be_shown() {
    let stale = "scenarios/library/udp-stale-conntrack.yaml";
    let ended = podwire(&["curl", stale, "--quiet", "--from", "deployment/curl", "resolver:53", "--at", "1s"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("port 53 is a port of UDP"), "{}", ended.stderr);
}

#[test]
fn outside_needs_a_node_outside() {
    let tutorial = "scenarios/library/nginx-tutorial.yaml";
    let args = ["curl", tutorial, "--quiet", "--from", "external", "service/my-nginx:80", "--at", "1s"];
    let ended = podwire(&args);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("topology.external=true"), "{}", ended.stderr);
    let folder = Folder::new();
    folder.write("ends.yaml", &scenario());
    let file = folder.path("ends.yaml");
    let args = ["curl", &file, "--quiet", "--from", "external", "service/near:80", "--at", "1s"];
    assert!(podwire(&args).ok().contains("client sees  203.0.113.10:"));
}

fn records(model: &sim_core::model::Model, level: Level) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    World::new(std::sync::Arc::new(model.clone()), level).run_until(SimTime::from_nanos(20_000_000_000), &mut records);
    records
}

/// Arrivals with size and demand, and the backends that connections were sent to, of all sources but `probe`.
#[allow(clippy::wildcard_enum_match_arm, reason = "two kinds tell what was drawn")]
fn of_others(records: &[Record], probe: SourceId) -> Vec<String> {
    let told = records.iter().filter_map(|record| match record.body {
        Body::RequestArrived { source, .. } if source != probe => Some(format!("{} {:?}", record.time, record.body)),
        Body::ConnectionOpened { source, number, pod, .. } if source != probe => Some(format!("{number} {pod:?}")),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_probe_moves_no_draw_of_others_and_others_leave_no_records_of_its_kinds() {
    let path = std::path::Path::new("scenarios/library/nginx-node-death.yaml");
    let scenario = podwire::session::load_file(path, &scenarios::Overrides::default()).unwrap().scenario.unwrap();
    for arm in &scenario.arms {
        let (probe, second) = (SourceId(1), SimDuration::from_secs(1));
        let with = arm.model.with_probe(&Probe {
            from: Origin::Node(NodeId(2)),
            to: Target::Address { address: "192.168.0.11".parse().unwrap(), port: 22 },
            at: second,
            request_bytes: 200,
            response_bytes: 200,
            connect_timeout: None,
            timeout: second,
        });
        let (plain, with) = (records(&arm.model, Level::Segment), records(&with.unwrap(), Level::Segment));
        assert!(of_others(&plain, probe).len() > 5_000, "{}", arm.name);
        assert!(of_others(&plain, probe) == of_others(&with, probe), "{}", arm.name);
        let of_kinds = |records: &[Record]| records.iter().filter(|record| record.body.code() >= 50).count();
        assert_eq!(of_kinds(&plain), 0);
        assert!(of_kinds(&with) > 0);
    }
}
