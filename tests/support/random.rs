//! Random small scenarios: a few applications, who asks them, what breaks when, and what somebody changes.

use std::fmt::Write as _;

use proptest::prelude::*;

/// Faults begin before this second and end before the next one.
const FAULTS_BEGIN_BY: u64 = 40;
const FAULTS_END_BY: u64 = 70;
/// Long enough after the last end for NotReady, the taint's 300 s and a restart's longest back-off.
pub(crate) const DURATION: u64 = 900;

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) replicas: u32,
    pub(crate) startup_ms: u64,
    pub(crate) service_us: u64,
    pub(crate) concurrency: Option<u32>,
    pub(crate) probe: bool,
    pub(crate) algorithm: Option<&'static str>,
}

#[derive(Clone, Debug)]
struct Traffic {
    to: prop::sample::Index,
    from: Option<prop::sample::Index>,
    arrivals: String,
    timeouts: bool,
}

#[derive(Clone, Debug)]
struct Failing {
    at_ms: u64,
    lasts_ms: Option<u64>,
    kind: &'static str,
    victim: prop::sample::Index,
    by_role: bool,
}

#[derive(Clone)]
pub(crate) struct Plan {
    seed: u64,
    nodes: u32,
    fabric: &'static str,
    loss: u32,
    apps: Vec<App>,
    traffic: Vec<Traffic>,
    faults: Vec<Failing>,
}

/// A failing case is shown as the file that it stands for.
impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}", self.yaml(DURATION))
    }
}

fn app() -> impl Strategy<Value = App> {
    // Of every input that an algorithm can read one or two.
    let algorithms = vec![
        "iptables-random",
        "nftables-random",
        "round-robin",
        "lc",
        "wrr",
        "sh",
        "least-request",
        "p2c-peak-ewma",
        "prequal",
        "maglev",
    ];
    let algorithm = prop::option::of(prop::sample::select(algorithms));
    (1..=3_u32, 0..4_000_u64, 1..20_000_u64, prop::option::of(1..4_u32), any::<bool>(), algorithm).prop_map(
        |(replicas, startup_ms, service_us, concurrency, probe, algorithm)| App {
            replicas,
            startup_ms,
            service_us,
            concurrency,
            probe,
            algorithm,
        },
    )
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let arrivals = prop_oneof![
        (1..15_u32).prop_map(|rate| format!("{{kind: poisson, rate: {rate}/s}}")),
        (1..15_u32).prop_map(|rate| format!("{{kind: constant, rate: {rate}/s}}")),
        (1..4_u32, 50..2_000_u32).prop_map(|(users, ms)| format!(
            "{{kind: closed-loop, users: {users}, think: {{kind: exponential, mean: {ms}ms}}}}"
        )),
    ];
    (any::<prop::sample::Index>(), any::<Option<prop::sample::Index>>(), arrivals, any::<bool>())
        .prop_map(|(to, from, arrivals, timeouts)| Traffic { to, from, arrivals, timeouts })
}

fn failing() -> impl Strategy<Value = Failing> {
    let kinds = vec!["node-crash", "node-restart", "pod-kill", "container-kill", "link-down"];
    let lasts = prop::option::of(1..(FAULTS_END_BY - FAULTS_BEGIN_BY) * 1_000);
    (0..FAULTS_BEGIN_BY * 1_000, lasts, prop::sample::select(kinds), any::<prop::sample::Index>(), any::<bool>())
        .prop_map(|(at_ms, lasts_ms, kind, victim, by_role)| Failing { at_ms, lasts_ms, kind, victim, by_role })
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let apps = prop::collection::vec(app(), 1..=3);
    let (traffic, faults) = (prop::collection::vec(traffic(), 1..=3), prop::collection::vec(failing(), 0..=4));
    let fabric = prop::sample::select(vec!["routed", "l2"]);
    (any::<u32>(), 1..=4_u32, fabric, prop_oneof![Just(0), 0..5_u32], apps, traffic, faults).prop_map(
        |(seed, nodes, fabric, loss, apps, traffic, faults)| Plan {
            seed: u64::from(seed),
            nodes,
            fabric,
            loss,
            apps,
            traffic,
            faults,
        },
    )
}

pub(crate) fn manifest(index: usize, app: &App) -> String {
    let App { replicas, probe, .. } = app;
    let probe = if *probe { "readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 3}, " } else { "" };
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{index}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: a{index}}}}}
  template:
    metadata: {{labels: {{app: a{index}}}}}
    spec: {{containers: [{{name: c, image: i, {probe}ports: [{{containerPort: 80}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{index}}}
spec: {{selector: {{app: a{index}}}, ports: [{{port: 80}}]}}
"
    )
}

impl Failing {
    /// `for` stands where the kind has an end; without it the kind's own length counts, or the rest of the run.
    fn yaml(&self, index: usize, plan: &Plan) -> String {
        let node = format!("node-{}", 1 + self.victim.index(plan.nodes as usize));
        let app = self.victim.index(plan.apps.len());
        let pod = format!("of: deployment/app-{app}, index: {}", self.victim.index(plan.apps[app].replicas as usize));
        let victim = match self.kind {
            "link-down" => format!("link: {node}--switch-1"),
            "pod-kill" | "container-kill" => format!("pod: {{{pod}}}"),
            _ if self.by_role => format!("node: {{{}}}", pod.replace("of:", "hosting:")),
            _ => format!("node: {node}"),
        };
        let lasts = self.lasts_ms.filter(|_| self.kind != "pod-kill").map(|ms| format!(", for: {ms}ms"));
        let (kind, at, lasts) = (self.kind, self.at_ms, lasts.unwrap_or_default());
        format!("    - {{name: fault-{index}, at: {at}ms, kind: {kind}, {victim}{lasts}}}\n")
    }
}

impl Plan {
    /// The same plan where every fault ends.
    pub(crate) fn healing(mut self) -> Self {
        for fault in &mut self.faults {
            fault.lasts_ms = Some(fault.lasts_ms.unwrap_or(5_000));
        }
        self
    }

    pub(crate) fn yaml(&self, seconds: u64) -> String {
        let Self { seed, nodes, fabric, loss, .. } = self;
        let mut text = format!(
            "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {{name: random}}\nspec:\n  seed: {seed}\n  \
             duration: {seconds}s\n  arms: [docker-static, docker-registry, docker-orchestrated, pod-ip-direct, \
             service]\n  topology: {{nodes: {{count: {nodes}}}, fabric: {fabric}, links: {{loss: {loss}%}}}}\n"
        );
        let (mut behaviour, mut services) = (String::new(), String::new());
        for (index, app) in self.apps.iter().enumerate() {
            let (startup, service) = (app.startup_ms, app.service_us);
            let limit = app.concurrency.map(|limit| format!(", concurrency: {limit}")).unwrap_or_default();
            let time = format!("{{kind: exponential, mean: {service}us}}");
            writeln!(behaviour, "    deployment/app-{index}: {{serviceTime: {time}, startup: {startup}ms{limit}}}")
                .unwrap();
            if let Some(algorithm) = app.algorithm {
                writeln!(services, "    app-{index}: {{algorithm: {algorithm}}}").unwrap();
            }
        }
        write!(text, "  behaviour:\n{behaviour}").unwrap();
        if !services.is_empty() {
            write!(text, "  services:\n{services}").unwrap();
        }
        text.push_str("  traffic:\n");
        for (index, traffic) in self.traffic.iter().enumerate() {
            let to = traffic.to.index(self.apps.len());
            let app = |from: prop::sample::Index| format!("deployment/app-{}", from.index(self.apps.len()));
            let from = traffic.from.map_or_else(|| "node/control-plane".to_owned(), app);
            let limits = if traffic.timeouts { ", connectTimeout: 1s, timeout: 3s" } else { "" };
            let arrivals = &traffic.arrivals;
            writeln!(text, "    - {{name: t{index}, from: {from}, to: 'service/app-{to}:80', stop: 120s, arrivals: {arrivals}{limits}}}")
                .unwrap();
        }
        if !self.faults.is_empty() {
            text.push_str("  faults:\n");
            let lines = self.faults.iter().enumerate().map(|(index, fault)| fault.yaml(index, self));
            text.extend(lines);
        }
        text.extend(self.apps.iter().enumerate().map(|(index, app)| manifest(index, app)));
        text
    }
}

/// Something that somebody changes.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    at_ms: u64,
    kind: &'static str,
    pick: prop::sample::Index,
    replicas: u32,
}

/// Kinds that leave every node and Service as it is.
const OF_WORKLOADS: [&str; 4] = ["rollout-restart", "set-image", "scale", "delete-pod"];

fn change(kinds: Vec<&'static str>) -> impl Strategy<Value = Change> {
    (0..60_000_u64, prop::sample::select(kinds), any::<prop::sample::Index>(), 0..6_u32)
        .prop_map(|(at_ms, kind, pick, replicas)| Change { at_ms, kind, pick, replicas })
}

/// A plan, and changes of all kinds.
pub(crate) fn changed() -> impl Strategy<Value = (Plan, Vec<Change>)> {
    let others = ["cordon", "uncordon", "drain", "delete-service", "recreate-service"];
    (plan(), prop::collection::vec(change([&OF_WORKLOADS[..], &others].concat()), 1..=5))
}

/// A plan whose faults end, and changes of workloads alone.
pub(crate) fn rolled() -> impl Strategy<Value = (Plan, Vec<Change>)> {
    (plan().prop_map(Plan::healing), prop::collection::vec(change(OF_WORKLOADS.to_vec()), 1..=5))
}

impl Plan {
    /// The plan with changes on top.
    pub(crate) fn yaml_with(&self, seconds: u64, changes: &[Change]) -> String {
        let mut actions = String::from("  actions:\n");
        for (index, Change { at_ms, kind, pick, replicas }) in changes.iter().enumerate() {
            let app = pick.index(self.apps.len());
            let what = match *kind {
                "scale" => format!("workload: deployment/app-{app}, replicas: {replicas}"),
                "rollout-restart" | "set-image" => format!("workload: deployment/app-{app}"),
                "delete-pod" => format!("pod: {{of: deployment/app-{app}, index: 0}}"),
                "delete-service" | "recreate-service" => format!("service: app-{app}"),
                _ => format!("node: node-{}", 1 + pick.index(self.nodes as usize)),
            };
            writeln!(actions, "    - {{name: change-{index}, at: {at_ms}ms, kind: {kind}, {what}}}").unwrap();
        }
        self.yaml(seconds).replacen("---\n", &format!("{actions}---\n"), 1)
    }

    /// How many pods each application should have at the end.
    pub(crate) fn wanted(&self, changes: &[Change]) -> Vec<u32> {
        let mut wanted: Vec<u32> = self.apps.iter().map(|app| app.replicas).collect();
        let mut scaled: Vec<&Change> = changes.iter().filter(|change| change.kind == "scale").collect();
        scaled.sort_by_key(|change| change.at_ms);
        for change in scaled {
            wanted[change.pick.index(self.apps.len())] = change.replicas;
        }
        wanted
    }
}
