//! Random call graphs: services that call later ones in order and at once, every call with its own patience, retries,
//! hedging and connections, and faults that strike while they do.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::manifests::application;

/// Requests arrive until then.
const STOP_SECONDS: u64 = 15;
/// Faults have ended by then.
const FAULTS_END_MS: u64 = 20_000;
/// Long after everything is quiet, somebody asks every service.
pub(crate) const PROBE_SECONDS: u64 = 600;
/// And some time later the run ends.
const DURATION_SECONDS: u64 = 680;
/// Most attempts at calls that one request may cause.
const MOST_WORK: u64 = 60;
/// Callers up to this place may try again: with the source, as many as may stand above each other.
const RETRYING: usize = 4;

/// A call's options, and how often it may be made.
#[derive(Clone, Debug)]
struct Ask {
    target: prop::sample::Index,
    patience: String,
    again: String,
    kept: String,
    planned: String,
    attempts: u64,
    repeat: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Call(Box<Ask>),
    List(Vec<Step>),
}

#[derive(Clone, Debug)]
struct Service {
    replicas: u32,
    behaviour: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Failing {
    at_ms: u64,
    lasts_ms: u64,
    kind: &'static str,
    victim: prop::sample::Index,
}

#[derive(Clone)]
pub(crate) struct Plan {
    seed: u64,
    nodes: u32,
    topology: String,
    services: Vec<Service>,
    sources: Vec<(Ask, prop::sample::Index, u32)>,
    faults: Vec<Failing>,
}

/// A failing case is shown as the file that it stands for.
impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}", self.yaml())
    }
}

/// How long a client waits for what; nothing can hang.
fn patience() -> impl Strategy<Value = String> {
    let deadline = prop::option::of(1..4_000_u64);
    let user_timeout = prop::option::weighted(0.2, 100..3_000_u64);
    (50..2_000_u64, 20..1_500_u64, deadline, user_timeout, any::<bool>()).prop_map(
        |(timeout, connect, deadline, user_timeout, blocking)| {
            let deadline = deadline.map_or(String::new(), |ms| format!(", deadline: {ms}ms"));
            let user = user_timeout.map_or(String::new(), |ms| format!(", tcpUserTimeout: {ms}ms"));
            let connect_way = if blocking { ", connect: blocking" } else { "" };
            format!(", timeout: {timeout}ms, connectTimeout: {connect}ms{deadline}{user}{connect_way}")
        },
    )
}

/// Retries, hedging and ejection, with the most attempts that they make.
fn again() -> impl Strategy<Value = (String, u64)> {
    let words = prop::sample::subsequence(vec!["connect", "reset", "timeout", "5xx"], 0..=4);
    let budget = prop::option::of(1..60_u32);
    let retries = prop::option::of((1..=4_u64, words, 1..100_u32, budget));
    let hedge = prop::option::weighted(0.3, 1..40_u32);
    let ejection = prop::option::of((1..4_u32, 100..5_000_u32, 0..=100_u32));
    (retries, hedge, ejection).prop_map(|(retries, hedge, ejection)| {
        let mut text = String::new();
        let mut most = 1;
        if let Some((attempts, words, backoff, budget)) = retries {
            most = attempts;
            let budget = budget.map_or(String::new(), |percent| format!(", budget: {percent}%"));
            write!(
                text,
                ", retries: {{attempts: {attempts}, retryOn: [{}], backoff: {backoff}ms{budget}}}",
                words.join(", ")
            )
            .unwrap();
        }
        if let Some(after) = hedge {
            most += 1;
            write!(text, ", hedgeAfter: {after}ms").unwrap();
        }
        if let Some((failures, time, most)) = ejection {
            write!(
                text,
                ", outlierEjection: {{consecutiveFailures: {failures}, ejectionTime: {time}ms, maxEjected: {most}%}}"
            )
            .unwrap();
        }
        (text, most)
    })
}

/// Connections that are kept, or none.
fn kept() -> impl Strategy<Value = String> {
    let limits = (
        prop::option::of(1..3_u32),
        prop::option::of(5..3_000_u32),
        prop::option::of(5..3_000_u32),
        prop::option::of(1..6_u32),
    );
    let keepalive = prop::option::weighted(0.2, (1..4_u32, 1..3_u32, 1..3_u32));
    let pool = prop::option::weighted(0.7, (1..4_u32, limits, prop_oneof![Just(1_u32), 2..5_u32]));
    (pool, keepalive).prop_map(|(pool, keepalive)| {
        let mut text = String::new();
        if let Some((pool, (per_host, idle, age, requests), streams)) = pool {
            write!(text, ", connections: {{pool: {pool}, streams: {streams}").unwrap();
            let numbers = [("perHost", per_host, ""), ("idleTimeout", idle, "ms"), ("maxAge", age, "ms")];
            for (key, value, unit) in numbers.into_iter().chain([("maxRequests", requests, "")]) {
                if let Some(value) = value {
                    write!(text, ", {key}: {value}{unit}").unwrap();
                }
            }
            text.push('}');
        }
        if let Some((time, interval, probes)) = keepalive {
            write!(text, ", tcpKeepalive: {{time: {time}s, interval: {interval}s, probes: {probes}}}").unwrap();
        }
        text
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let planned = (prop::option::of(10..90_u32), prop_oneof![3 => Just(1_u64), 1 => 2..4_u64], any::<bool>());
    (any::<prop::sample::Index>(), patience(), again(), kept(), planned).prop_map(
        |(target, patience, (again, attempts), kept, (probability, repeat, ignore))| {
            let probability = probability.map_or(String::new(), |percent| format!(", probability: {percent}%"));
            let ignore = if ignore { ", onFailure: ignore" } else { "" };
            let planned = format!("{probability}, repeat: {repeat}{ignore}");
            Ask { target, patience, again, kept, planned, attempts, repeat }
        },
    )
}

/// Calls nested up to three deep.
fn step() -> impl Strategy<Value = Step> {
    let leaf = ask().prop_map(|ask| Step::Call(Box::new(ask)));
    leaf.prop_recursive(3, 6, 3, |inner| prop::collection::vec(inner, 1..=3).prop_map(Step::List))
}

fn service() -> impl Strategy<Value = Service> {
    let time = prop_oneof![
        Just("{kind: constant, value: 0s}".to_owned()),
        (1..8_u32).prop_map(|ms| format!("{{kind: exponential, mean: {ms}ms}}")),
    ];
    let errors = prop_oneof![3 => Just(0_u32), 1 => 5..60_u32];
    let limits = (prop::option::of(1..4_u32), prop::option::of(0..3_u32), any::<bool>());
    (1..=3_u32, time, errors, limits, prop::collection::vec(step(), 0..=2)).prop_map(
        |(replicas, time, errors, (concurrency, backlog, asynchronous), steps)| {
            let concurrency = concurrency.map_or(String::new(), |most| format!(", concurrency: {most}"));
            let backlog = backlog.map_or(String::new(), |most| format!(", backlog: {most}"));
            let worker = if asynchronous { "async" } else { "sync" };
            let behaviour =
                format!("serviceTime: {time}, errorRate: {errors}%, worker: {worker}{concurrency}{backlog}");
            Service { replicas, behaviour, steps }
        },
    )
}

fn failing() -> impl Strategy<Value = Failing> {
    let kinds = vec!["node-crash", "pod-kill", "container-kill", "container-kill", "link-down"];
    (1_000..STOP_SECONDS * 1_000, 1..5_000_u64, prop::sample::select(kinds), any::<prop::sample::Index>())
        .prop_map(|(at_ms, lasts_ms, kind, victim)| Failing { at_ms, lasts_ms, kind, victim })
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let services = prop::collection::vec(service(), 2..=8);
    let sources = prop::collection::vec((ask(), any::<prop::sample::Index>(), 2..15_u32), 1..=2);
    let faults = prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(failing(), 1..=3)];
    let fabric = prop::sample::select(vec!["routed", "l2"]);
    let loss = prop_oneof![3 => Just(0_u32), 1 => 1..4_u32];
    (any::<u32>(), 1..=4_u32, fabric, loss, services, sources, faults).prop_map(
        |(seed, nodes, fabric, loss, services, sources, faults)| {
            let topology = format!("fabric: {fabric}, links: {{loss: {loss}%}}");
            Plan { seed: u64::from(seed), nodes, topology, services, sources, faults }
        },
    )
}

/// Writes the plans of services from the last one back, leaving out what would make one request cause too much work.
struct Writer {
    /// Attempts at calls that one request of a service causes, itself included.
    work: Vec<u64>,
}

impl Writer {
    fn step(&mut self, caller: usize, step: &Step) -> Option<String> {
        match step {
            Step::List(steps) => {
                let inside: Vec<String> = steps.iter().filter_map(|step| self.step(caller, step)).collect();
                (!inside.is_empty()).then(|| format!("[{}]", inside.join(", ")))
            }
            Step::Call(ask) => {
                let later = self.work.len() - caller - 1;
                if later == 0 {
                    return None;
                }
                let target = caller + 1 + ask.target.index(later);
                let (again, attempts) = if caller < RETRYING { (ask.again.as_str(), ask.attempts) } else { ("", 1) };
                let work = ask.repeat * attempts * self.work[target];
                if self.work[caller] + work > MOST_WORK {
                    return None;
                }
                self.work[caller] += work;
                let Ask { patience, kept, planned, .. } = &**ask;
                Some(format!("{{to: 'service/app-{target}:80'{patience}{again}{kept}{planned}}}"))
            }
        }
    }
}

impl Plan {
    /// True when clients under this arm find every service again once all faults have ended, and no client's kernel
    /// gives up a connection whose other end has not heard of its request: a worker waits for that one for ever.
    pub(crate) fn heals_under(&self, arm: &str) -> bool {
        let has = |kind: &str| self.faults.iter().any(|fault| fault.kind == kind);
        let follows = match arm {
            "service" => true,
            "docker-registry" | "docker-orchestrated" => !has("pod-kill"),
            _ => self.faults.is_empty(),
        };
        let lossy = !self.topology.contains("loss: 0%") || has("link-down");
        let text = self.yaml();
        let gives_up = text.contains("tcpUserTimeout") || text.contains("tcpKeepalive");
        // A machine that boots while its link is cut keeps its old endpoints.
        follows && !(lossy && (gives_up || has("node-crash")))
    }

    pub(crate) fn yaml(&self) -> String {
        let Self { seed, nodes, topology, services, .. } = self;
        let mut writer = Writer { work: vec![1; services.len()] };
        let mut lines = Vec::new();
        for (index, service) in services.iter().enumerate().rev() {
            let steps: Vec<String> = service.steps.iter().filter_map(|step| writer.step(index, step)).collect();
            let calls = if steps.is_empty() { String::new() } else { format!(", calls: [{}]", steps.join(", ")) };
            lines.push(format!("    deployment/app-{index}: {{{}{calls}}}\n", service.behaviour));
        }
        let mut text = format!(
            "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: random}}\nspec:\n  seed: {seed}\n  \
             duration: {DURATION_SECONDS}s\n  arms: [docker-static, docker-registry, docker-orchestrated, \
             pod-ip-direct, service]\n  topology: {{nodes: {{count: {nodes}}}, {topology}}}\n  \
             limits: {{events: 20000000}}\n  behaviour:\n"
        );
        text.extend(lines);
        text.push_str("  traffic:\n");
        for (index, (ask, to, rate)) in self.sources.iter().enumerate() {
            let to = to.index(services.len().min(3));
            let from = if index == 0 { "deployment/client" } else { "node/control-plane" };
            let arrivals = if rate % 3 == 0 {
                format!("{{kind: closed-loop, users: {rate}, think: {{kind: exponential, mean: 500ms}}}}")
            } else {
                format!("{{kind: poisson, rate: {rate}/s}}")
            };
            let Ask { patience, again, kept, .. } = ask;
            writeln!(
                text,
                "    - {{name: t{index}, from: {from}, to: 'service/app-{to}:80', stop: {STOP_SECONDS}s, arrivals: {arrivals}{patience}{again}{kept}}}"
            )
            .unwrap();
        }
        for index in 0..services.len() {
            writeln!(
                text,
                "    - {{name: probe-{index}, from: node/control-plane, to: 'service/app-{index}:80', start: {PROBE_SECONDS}s, stop: {}s, arrivals: {{kind: constant, rate: 1/s}}, timeout: 60s}}",
                PROBE_SECONDS + 2
            )
            .unwrap();
        }
        self.write_faults(&mut text);
        let applications = services.iter().enumerate();
        text.extend(applications.map(|(index, service)| application(&format!("app-{index}"), service.replicas)));
        text + &application("client", 2)
    }

    fn write_faults(&self, text: &mut String) {
        if !self.faults.is_empty() {
            text.push_str("  faults:\n");
        }
        for (index, Failing { at_ms, lasts_ms, kind, victim }) in self.faults.iter().enumerate() {
            let node = format!("node-{}", 1 + victim.index(self.nodes as usize));
            let app = victim.index(self.services.len());
            let place = victim.index(self.services[app].replicas as usize);
            let victim = match *kind {
                "link-down" => format!("link: {node}--switch-1"),
                "node-crash" => format!("node: {node}"),
                _ => format!("pod: {{of: deployment/app-{app}, index: {place}}}"),
            };
            assert!(at_ms + lasts_ms <= FAULTS_END_MS);
            let lasts = if *kind == "pod-kill" { String::new() } else { format!(", for: {lasts_ms}ms") };
            writeln!(text, "    - {{name: fault-{index}, at: {at_ms}ms, kind: {kind}, {victim}{lasts}}}").unwrap();
        }
    }
}
