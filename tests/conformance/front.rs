//! A load balancer before traffic from outside: when it takes targets out and in, where connections go meanwhile.

use std::net::IpAddr;

use sim_core::kernel::draws::{Draws, EntityKey, below};
use sim_core::kernel::time::SimTime;
use sim_core::model::ids::PodId;
use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, Record};

use crate::lab::{count, run, times};

const OUTSIDE: &str = "
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec:
  type: NodePort
  selector: {run: my-nginx}
  ports: [{port: 80}]
";

/// Two servers behind a load balancer with checks every 10 s, of 5 s; out after two, in after three.
fn spec(more: &str, faults: &str) -> String {
    format!(
        "  duration: 5m
  topology: {{nodes: {{count: 3}}}}
  placement: {{deployment/my-nginx: [node-1, node-2], deployment/curl: [node-3]}}
  traffic:
    - name: visitors
      from: external
      to: service/outside:80
      front: {{kind: load-balancer, interval: 10s, timeout: 5s, healthyThreshold: 3, deregistrationDelay: 20s}}
      {more}
  faults: [{faults}]
{OUTSIDE}"
    )
}

const PATIENT_FOR_A_SECOND: &str =
    "arrivals: {kind: constant, rate: 20/s}\n      connectTimeout: 1s\n      timeout: 2s";
const CRASH: &str = "{name: crash, at: 60s, for: 100s, kind: node-crash, node: node-2}";

/// The first check of `node`'s port at or after `seconds`, in nanoseconds, and the phase by which it stands there.
fn check_after(seconds: u64, node: &str, port: u16) -> u64 {
    const INTERVAL: u64 = 10_000_000_000;
    let key = EntityKey::of("traffic").part("visitors", 0).with(EntityKey::of("node").part(node, 0));
    let phase = below(Draws::new(1).once(key.part("port", u64::from(port)), "front-check-phase", 0), INTERVAL);
    let from = seconds * 1_000_000_000;
    phase + (from - phase).div_ceil(INTERVAL) * INTERVAL
}

/// Times and ports of the records that take a target out, or in.
fn turns(records: &[Record]) -> Vec<(bool, u64, u16)> {
    let turn = |record: &Record| match record.body {
        Body::TargetUnhealthy { port, .. } => Some((false, record.time.as_nanos(), port)),
        Body::TargetHealthy { port, .. } => Some((true, record.time.as_nanos(), port)),
        _ => None,
    };
    records.iter().filter_map(turn).collect()
}

/// Arrival, end and outcome of each request, in the order of their ends.
fn requests(records: &[Record]) -> Vec<(u64, u64, Outcome, Option<PodId>)> {
    let mut arrived = std::collections::BTreeMap::new();
    let mut ended = Vec::new();
    for record in records {
        match record.body {
            Body::RequestArrived { number, .. } => {
                arrived.insert(number, record.time.as_nanos());
            }
            Body::RequestEnded { number, outcome, pod, .. } => {
                ended.push((arrived[&number], record.time.as_nanos(), outcome, pod));
            }
            _ => {}
        }
    }
    ended
}

#[test]
fn requests_fail_until_the_check_that_takes_the_dead_node_out() {
    let records = run("docker-static", &spec(PATIENT_FOR_A_SECOND, CRASH));
    // The second failed check decides, 5 s after its start; the container listens again 1 s after the boot at 160 s.
    let out = check_after(60, "node-2", 32_768) + 15_000_000_000;
    let back = check_after(161, "node-2", 32_768) + 20_000_000_000;
    assert_eq!(turns(&records), [(false, out, 32_768), (true, back, 32_768)]);
    let failed: Vec<u64> = requests(&records).into_iter().filter(|it| it.2 != Outcome::Ok).map(|it| it.0).collect();
    let (first, last) = (failed[0], *failed.last().unwrap());
    assert!((60_000_000_000..61_000_000_000).contains(&first), "{first}");
    assert!(last < out && last > out - 1_000_000_000, "{last} {out}");
    // About half of the 20 requests per second meet the dead target.
    let expected = (out - 60_000_000_000) / 100_000_000;
    assert!(failed.len() as u64 * 3 > expected * 2 && failed.len() as u64 * 2 < expected * 3, "{}", failed.len());
    // Every client of it knows one address, and the balancer rewrites it once, docker's NAT again.
    let opened = |record: &Record| match record.body {
        Body::ConnectionOpened { address, port, translations, .. } => Some((address, port, translations)),
        _ => None,
    };
    let dialled: std::collections::BTreeSet<(IpAddr, u16, u8)> = records.iter().filter_map(opened).collect();
    assert!(dialled.len() == 1 && dialled.iter().all(|it| (it.1, it.2) == (80, 2)), "{dialled:?}");
    // The fault stands behind it.
    let unhealthy = records.iter().find(|record| record.body.kind() == "target-unhealthy").unwrap();
    let down = records.iter().find(|record| record.body.kind() == "node-down").unwrap();
    assert_eq!(unhealthy.cause, down.id);
}

#[test]
fn a_node_port_answers_as_long_as_its_node_lives() {
    let records = run("service", &spec(PATIENT_FOR_A_SECOND, CRASH));
    let port = records.iter().find_map(|record| match record.body {
        Body::NodePortAllocated { node_port, .. } => Some(node_port),
        _ => None,
    });
    let port = port.unwrap();
    let out = check_after(60, "node-2", port) + 15_000_000_000;
    let back = check_after(160, "node-2", port) + 20_000_000_000;
    assert_eq!(turns(&records), [(false, out, port), (true, back, port)]);
    // Nodes without a pod stay in; the dead pod fails half of what they forward until their rules lose it.
    let lost = times(&records, "node-not-ready")[0] * 1_000_000;
    let window = |from: u64, to: u64| {
        let all: Vec<Outcome> =
            requests(&records).iter().filter(|it| it.0 >= from && it.0 < to).map(|it| it.2).collect();
        let failed = all.iter().filter(|outcome| **outcome != Outcome::Ok).count();
        failed as f64 / all.len() as f64
    };
    let second = 1_000_000_000;
    let before = window(60 * second, out);
    assert!((0.5..0.8).contains(&before), "2/3: {before}");
    if lost > out + 5 * second {
        let after = window(out, lost);
        assert!((0.3..0.7).contains(&after), "1/2: {after}");
    }
    assert!(window(out.max(lost) + 2 * second, 159 * second) == 0.0);
    let opened = records.iter().filter_map(|record| match record.body {
        Body::ConnectionOpened { translations, .. } => Some(translations),
        _ => None,
    });
    assert!(opened.into_iter().all(|translations| translations == 3));
}

#[test]
fn with_no_healthy_target_left_all_of_them_are_tried() {
    let both = format!("{CRASH}, {{name: other, at: 60s, kind: node-crash, node: node-1}}");
    let records = run("docker-static", &spec(PATIENT_FOR_A_SECOND, &both));
    let out: Vec<u64> = turns(&records).into_iter().filter(|it| !it.0).map(|it| it.1).collect();
    let back = turns(&records).into_iter().find(|it| it.0).unwrap().1;
    assert_eq!((out.len(), back), (2, check_after(161, "node-2", 32_768) + 20_000_000_000));
    // Nobody is told that there is no address, and half of the requests reach the first host that is up again,
    // before its checks say so; after that, all do.
    let late = requests(&records);
    let since = |from: u64, to: u64| late.iter().filter(move |it| it.0 >= from && it.0 < to);
    let second = 1_000_000_000;
    assert!(since(100 * second, 158 * second).all(|it| it.2 == Outcome::ConnectTimeout));
    let early: Vec<bool> = since(162 * second, back).map(|it| it.2 == Outcome::Ok).collect();
    assert!(early.contains(&true) && early.contains(&false));
    assert!(since(back, 290 * second).all(|it| it.2 == Outcome::Ok));
}

#[test]
fn kept_connections_outlive_their_target_for_the_deregistration_delay() {
    let kept = "arrivals: {kind: constant, rate: 20/s}\n      connections: {pool: 50}";
    let cut = "{name: cut, at: 60s, for: 25s, kind: link-down, link: node-2--switch-1}";
    let slow = "\n  behaviour: {deployment/my-nginx: {serviceTime: {kind: constant, value: 200ms}}}\n  traffic:";
    let records = run("docker-static", &spec(kept, cut).replace("\n  traffic:", slow));
    let &[(false, out, _), (true, back, _)] = turns(&records).as_slice() else { panic!("{:?}", turns(&records)) };
    assert_eq!(out, check_after(60, "node-2", 32_768) + 15_000_000_000);
    let closed = out + 20_000_000_000;
    let reset =
        |record: &&Record| matches!(record.body, Body::ConnectionClosed { outcome: Outcome::ConnectionReset, .. });
    let resets: Vec<&Record> = records.iter().filter(reset).collect();
    let unhealthy = records.iter().find(|record| record.body.kind() == "target-unhealthy").unwrap();
    assert!(!resets.is_empty());
    assert!(resets.iter().all(|it| it.time == SimTime::from_nanos(closed) && it.because == unhealthy.id));
    // node-2 serves again when the link is whole, over the kept connections alone, until they are closed.
    let by_second = |from: u64, to: u64| {
        let served = requests(&records);
        served.iter().filter(|it| it.2 == Outcome::Ok && it.3 == Some(PodId(1)) && it.1 >= from && it.1 < to).count()
    };
    let second = 1_000_000_000;
    assert!(by_second(86 * second, closed) > 0);
    assert_eq!(by_second(closed + 1, back), 0);
}

#[test]
fn a_target_that_comes_back_elsewhere_is_gone_unless_a_registry_tells() {
    let kill = "{name: kill, at: 60s, kind: container-kill, pod: {of: deployment/my-nginx, index: 1}}";
    let records = run("docker-static", &spec(PATIENT_FOR_A_SECOND, kill));
    // Refused at once, so the second failed check decides without a timeout.
    assert_eq!(turns(&records), [(false, check_after(60, "node-2", 32_768) + 10_000_000_000, 32_768)]);
    let records = run("docker-registry", &spec(PATIENT_FOR_A_SECOND, kill));
    // The registry tells of port 32769 within a second, and one good check is enough for a new target.
    let told = records
        .iter()
        .find(|record| matches!(record.body, Body::ClientConfigured { .. }) && record.time.as_nanos() > 60_000_000_000);
    let told = told.unwrap().time.as_nanos();
    let new = turns(&records).into_iter().find(|it| it.0).unwrap();
    assert_eq!(new, (true, check_after(told.div_ceil(1_000_000_000), "node-2", 32_769), 32_769));
    assert_eq!(count(&records, "target-healthy"), 1);
}

#[test]
fn a_front_moves_no_draw_of_another_source() {
    let other = "arrivals: {kind: poisson, rate: 5/s}
    - {name: curl, from: deployment/curl, to: 'service/my-nginx:80', arrivals: {kind: poisson, rate: 20/s}}";
    for arm in ["docker-static", "docker-registry", "service"] {
        let balanced = spec(other, "");
        let front = balanced.lines().find(|line| line.contains("front:")).unwrap();
        let of_curl = |text: &str| -> Vec<(SimTime, Body)> {
            let records = run(arm, text);
            let seen = records.iter().filter(|record| match record.body {
                Body::RequestArrived { source, .. }
                | Body::ConnectionOpened { source, .. }
                | Body::RequestEnded { source, .. } => source.0 == 1,
                _ => false,
            });
            seen.map(|record| (record.time, record.body)).collect()
        };
        let plain = of_curl(&balanced.replace(front, "      front: node-port"));
        assert!(plain.len() > 10_000 && plain == of_curl(&balanced), "{arm}");
    }
}

#[test]
fn a_hung_node_answers_no_check_of_policy_local() {
    // kube-proxy answers it, and stands still with the other processes (C.9); a plain check only asks for a connection.
    let hang = "{name: hang, at: 60s, for: 60s, kind: node-hang, node: node-2}";
    let plain = spec(PATIENT_FOR_A_SECOND, hang);
    assert_eq!(turns(&run("service", &plain)), []);
    let local = plain.replace("type: NodePort", "type: NodePort\n  externalTrafficPolicy: Local");
    let records = run("service", &local);
    let out: Vec<u64> =
        turns(&records).into_iter().filter(|(healthy, at, _)| !healthy && *at > 0).map(|(_, at, _)| at).collect();
    // Two checks of 10 s, the second one silent for its 5 s.
    assert!(out.len() == 1 && (75_000_000_000..85_000_000_000).contains(&out[0]), "{out:?}");
}
