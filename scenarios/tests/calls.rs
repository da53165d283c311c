//! Mistakes in calls, retries and connections: each has its code, its place and its help.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;

use common::{good, load_with, said};
use scenarios::{Loaded, Overrides};
use sim_core::model::ids::SourceId;

const APPLICATIONS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: stock}
spec: {selector: {matchLabels: {app: stock}}, template: {metadata: {labels: {app: stock}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: stock}
spec: {selector: {app: stock}, ports: [{port: 80}]}
";

const CALLS: &str = "\
apiVersion: podwire/v1
kind: Scenario
metadata: {name: calls}
spec:
  duration: 2m
  include: [shop.yaml]
  arms: [docker-static, service]
  behaviour:
    deployment/web:
      calls:
        - {to: 'service/cart:80', repeat: 2, timeout: 1s, onFailure: ignore}
        - - service/stock:80
          - [{to: 'service/cart:80', probability: 30%}, {name: last, to: 'service/stock:80'}]
    deployment/cart:
      errorRate: 1%
      worker: async
      calls: [{to: 'service/stock:80', retries: {attempts: 3, retryOn: [5xx, reset], backoff: 10ms, budget: 20%}}]
  traffic:
    - name: asks
      from: node/node-3
      to: service/web:80
      arrivals: {kind: poisson, rate: 10/s}
      retries: {attempts: 2, retryOn: [connect]}
      connections: {pool: 10, maxAge: 1m, streams: 4}
      outlierEjection: {consecutiveFailures: 3, maxEjected: 50%}
";

fn load(text: &str) -> Loaded {
    load_with(text, &[("shop.yaml", APPLICATIONS)], &Overrides::default())
}

/// The scenario with one text in place of another, which must be in it.
fn mutated(from: &str, to: &str) -> Loaded {
    assert!(CALLS.contains(from), "{from}");
    load(&CALLS.replacen(from, to, 1))
}

/// What is said first, and its help.
fn first(loaded: &Loaded) -> (String, String) {
    let item = &loaded.diagnostics[0];
    (item.message.clone(), item.help.clone().unwrap_or_default())
}

#[test]
fn every_way_of_calls_is_a_path_of_its_own() {
    assert_eq!(said(&load(CALLS)), Vec::<String>::new());
    let model = &good(CALLS, &[("shop.yaml", APPLICATIONS)]).arms[0].model;
    let graph = model.graph();
    let paths = (0..).take(graph.paths.len()).map(|path| graph.path_name(SourceId(path)));
    let expected = [
        "asks",
        "asks / web > cart:80",
        "asks / web > stock:80",
        "asks / web > cart:80 #2",
        "asks / web > last",
        "asks / web > cart:80 / cart > stock:80",
        "asks / web > cart:80 #2 / cart > stock:80",
    ];
    assert!(paths.eq(expected));
}

/// Each mistake with its code and place, and a part of its message or help.
fn check(cases: &[(&str, &str, &[&str], &str)]) {
    for (from, to, expected, part) in cases {
        let loaded = mutated(from, to);
        assert_eq!(said(&loaded), *expected, "{to}");
        let (message, help) = first(&loaded);
        assert!(message.contains(part) || help.contains(part), "{to}: {message}; {help}");
        assert!(loaded.scenario.is_none(), "{to}");
    }
}

#[test]
fn mistakes_in_calls() {
    let cart = "to: 'service/cart:80', repeat";
    let two = "[{to: 'service/cart:80', probability: 30%}, {name: last, to: 'service/stock:80'}]";
    check(&[
        ("onFailure: ignore", "onFailrue: ignore", &["E0201 scenario.yaml:11:59"], "did you mean `onFailure`?"),
        ("onFailure: ignore", "onFailure: ingore", &["E0205 scenario.yaml:11:70"], "did you mean `ignore`?"),
        (cart, "to: 'service/crat:80', repeat", &["E0403 scenario.yaml:11:16"], "did you mean `cart`?"),
        ("- service/stock:80", "- service/stcok:80", &["E0403 scenario.yaml:12:13"], "did you mean `stock`?"),
        (cart, "to: 'service/cart:81', repeat", &["E0404 scenario.yaml:11:16"], "did you mean `80`?"),
        (cart, "repeat", &["E0203 scenario.yaml:11:11"], "a call needs `to`"),
        ("repeat: 2", "repeat: 0", &["E0205 scenario.yaml:11:43"], "1 to 10000 times, not 0"),
        ("repeat: 2", "repeat: 10001", &["E0205 scenario.yaml:11:43"], "1 to 10000 times, not 10001"),
        ("timeout: 1s", "timeout: 0s", &["E0205 scenario.yaml:11:55"], "leave it out"),
        ("name: last", "name: 'stock:80'", &["E0302 scenario.yaml:13:64"], "two calls are called `stock:80`"),
        ("probability: 30%", "probability: 130%", &["E0205 scenario.yaml:13:51"], "more than 100%"),
        (two, "[]", &["E0205 scenario.yaml:13:13"], "a step without calls"),
        (two, "[{to: 'service/crat:80'}]", &["E0403 scenario.yaml:13:19"], "did you mean `cart`?"),
        ("worker: async", "worker: asinc", &["E0205 scenario.yaml:16:15"], "did you mean `async`?"),
        ("errorRate: 1%", "errorRat: 1%", &["E0201 scenario.yaml:15:7"], "did you mean `errorRate`?"),
        ("deployment/web:", "deployment/wep:", &["E0402 scenario.yaml:9:5"], "did you mean `deployment/web`?"),
    ]);
}

#[test]
fn mistakes_in_retries_and_ejection() {
    check(&[
        ("attempts: 3", "attempst: 3", &["E0201 scenario.yaml:17:50"], "did you mean `attempts`?"),
        ("attempts: 3", "attempts: 0", &["E0205 scenario.yaml:17:60"], "the first attempt counts"),
        ("attempts: 2", "attempts: 16", &["E0205 scenario.yaml:23:27"], "1 to 15 attempts, not 16"),
        ("[5xx, reset]", "[5xx, rest]", &["E0205 scenario.yaml:17:78"], "did you mean `reset`?"),
        ("[connect]", "[conect]", &["E0205 scenario.yaml:23:40"], "did you mean `connect`?"),
        ("budget: 20%", "budget: many", &["E0205 scenario.yaml:17:109"], "not a share such as 0.1%"),
        ("maxEjected: 50%", "maxEjectde: 50%", &["E0201 scenario.yaml:25:49"], "did you mean `maxEjected`?"),
        ("Failures: 3", "Failures: 0", &["E0205 scenario.yaml:25:46"], "at least 1"),
    ]);
}

#[test]
fn mistakes_in_connections() {
    let more = |line: &str| format!("streams: 4}}\n      {line}");
    let (blocking, probes) = (more("connect: bloking"), more("tcpKeepalive: {probs: 3}"));
    let zero = more("tcpKeepalive: {time: 0s, probes: 0}");
    let poolless = ["E0201 scenario.yaml:24:21", "E0203 scenario.yaml:24:38", "E0203 scenario.yaml:24:51"];
    check(&[
        ("pool: 10", "pol: 10", &poolless, "did you mean `pool`?"),
        ("pool: 10, maxAge: 1m, streams: 4", "maxAge: 1m", &["E0203 scenario.yaml:24:29"], "`pool: 10`"),
        ("pool: 10, maxAge", "pool: 0, maxAge", &poolless[1..], "`pool: 10`"),
        ("maxAge: 1m", "maxAge: 0s", &["E0205 scenario.yaml:24:39"], "a length of zero"),
        ("streams: 4", "streams: 0", &["E0205 scenario.yaml:24:52"], "at least 1"),
        ("streams: 4}", &blocking, &["E0205 scenario.yaml:25:16"], "did you mean `blocking`?"),
        ("streams: 4}", &probes, &["E0201 scenario.yaml:25:22"], "did you mean `probes`?"),
        ("streams: 4}", &zero, &["E0205 scenario.yaml:25:28", "E0205 scenario.yaml:25:40"], "a length of zero"),
    ]);
}

#[test]
fn a_cycle_is_refused_with_its_way() {
    let stock = "to: 'service/stock:80', retries";
    let place: &[&str] = &["E0504 scenario.yaml:8:3"];
    check(&[
        (
            stock,
            "to: 'service/web:80', retries",
            place,
            "calls go round in a circle: deployment/web -> deployment/cart -> deployment/web",
        ),
        (
            stock,
            "to: 'service/cart:80', retries",
            place,
            "calls go round in a circle: deployment/cart -> deployment/cart",
        ),
    ]);
}

/// A chain of services, each of which makes these calls of the next one.
fn chain(length: usize, calls: &str) -> Loaded {
    let mut text = "apiVersion: podwire/v1\nkind: Scenario\nmetadata: {name: chain}\nspec:\n  duration: 1m\n  \
                    include: [chain.yaml]\n  arms: [service]\n  traffic:\n    - {name: asks, from: node/node-1, \
                    to: 'service/app-0:80', arrivals: {kind: constant, rate: 1/s}}\n  behaviour:\n"
        .to_owned();
    let web = APPLICATIONS.split("---\napiVersion: apps/v1").next().unwrap();
    let mut applications = String::new();
    for index in 0..=length {
        applications += &web.replace("web", &format!("app-{index}"));
        applications += "---\n";
        if index < length {
            let calls = calls.replace("NEXT", &format!("service/app-{}:80", index + 1));
            writeln!(text, "    deployment/app-{index}: {{calls: [{calls}]}}").unwrap();
        }
    }
    load_with(&text, &[("chain.yaml", applications.trim_end_matches("---\n"))], &Overrides::default())
}

#[test]
fn too_many_paths_and_retries_above_each_other_are_refused() {
    let plain = "{to: 'NEXT'}, {to: 'NEXT'}, {to: 'NEXT'}, {to: 'NEXT'}";
    // 1 + 4 + ... + 4^6 = 5461 paths are few enough, 21845 are not.
    assert_eq!(said(&chain(6, plain)), Vec::<String>::new());
    let many = chain(7, plain);
    assert_eq!(said(&many), ["E0504 scenario.yaml:10:3"]);
    assert_eq!(first(&many).0, "the calls unfold into more than 20000 paths");
    // Retries of a call count for the paths below it: the sixth is above nothing.
    let retrying = "{to: 'NEXT', retries: {attempts: 2}}";
    assert_eq!(said(&chain(6, retrying)), Vec::<String>::new());
    let deep = chain(7, retrying);
    assert_eq!(said(&deep), ["E0504 scenario.yaml:10:3"]);
    let message = first(&deep).0;
    assert!(message.starts_with("more than 5 calls with retries stand above each other: asks / app-0 > app-1:80"));
    assert!(message.contains("app-5 > app-6:80"), "{message}");
}
