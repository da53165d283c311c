//! `podwire balance`, and the digests of every algorithm's picks.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support {
    pub(crate) mod picks;
    #[allow(dead_code, reason = "shared with tests that use all of it")]
    pub(crate) mod process;
}

use serde_json::Value;
use sim_core::balancing::BALANCERS;
use support::picks;
use support::process::podwire;

/// Three algorithms that are there for good: those of kube-proxy's modes.
const THREE: &str = "iptables-random,nftables-random,round-robin";

fn balance(args: &[&str]) -> String {
    podwire(&[&["balance", "--no-times"], args].concat()).ok()
}

#[test]
fn the_table_of_plain_algorithms() {
    let plain = balance(&["--algorithms", THREE, "--backends", "100", "--flows", "200000", "--remove", "7"]);
    insta::assert_snapshot!("plain", plain);
    let weighted = balance(&["--algorithms", THREE, "--backends", "4", "--weights", "3,1", "--seed", "5"]);
    insta::assert_snapshot!("weighted", weighted);
}

#[test]
fn the_same_as_json() {
    let args = ["--algorithms", THREE, "--flows", "20000", "--remove", "0", "--format", "json"];
    let text = balance(&args);
    insta::assert_snapshot!("json", text);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["algorithms"].as_array().unwrap().len(), 3);
}

/// No algorithm of the registry is left out, and lines are at most 100 columns wide.
#[test]
fn all_algorithms_come_in_the_registrys_order() {
    let text = balance(&["--flows", "5000", "--remove", "1", "--weights", "1,2"]);
    let named: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let names = BALANCERS.iter().map(|algorithm| algorithm.spec.name);
    assert!(names.clone().eq(named.iter().copied().filter(|word| names.clone().any(|name| name == *word))), "{text}");
    let table = text.lines().skip_while(|line| !line.contains("ALGORITHM")).take_while(|line| !line.is_empty());
    assert!(table.clone().count() == BALANCERS.len() + 1 && table.clone().all(|line| line.len() <= 100), "{text}");
}

#[test]
fn neither_threads_nor_a_second_run_change_a_byte() {
    let args = ["--flows", "20000", "--remove", "3", "--format", "json"];
    let one = balance(&[&args[..], &["--threads", "1"]].concat());
    for threads in ["1", "2", "7"] {
        assert_eq!(balance(&[&args[..], &["--threads", threads]].concat()), one, "{threads} threads");
    }
    assert_ne!(balance(&[&args[..], &["--seed", "2"]].concat()), one);
}

#[test]
fn times_are_measured_unless_they_are_not_wanted() {
    let args = ["balance", "--algorithms", "round-robin", "--flows", "1000", "--format", "json"];
    let value: Value = serde_json::from_str(&podwire(&args).ok()).unwrap();
    assert!(value["algorithms"][0]["nsPerPick"].as_f64().unwrap() > 0.0, "{value}");
    assert!(podwire(&["balance", "--algorithms", "round-robin", "--flows", "1000"]).ok().contains("NS/PICK"));
    assert!(!balance(&["--algorithms", "round-robin", "--flows", "1000"]).contains("NS/PICK"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let args = ["--algorithms", "round-robbin,iptables-random(x=1)", "--backends", "10", "--flows", "0", "--weights"];
    let ended = podwire(&[&["balance"], &args[..], &["0,0,70000", "--remove", "10"]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{}", ended.stderr);
    let told = [
        "did you mean `round-robin`? There are iptables-random, ",
        "iptables-random: no parameter `x`",
        "--flows 0: a whole number from 1 to 1000000000",
        "number 3 is 70000, above 65535",
        "3 weights for 10 backends",
        "--remove 10: the backends are numbered from 0 to 9",
    ];
    for words in told {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    for (args, words) in [
        (["--weights", "0"], "all are 0"),
        (["--weights", "1,x"], "`x` is no whole number"),
        (["--backends", "0"], "--backends 0"),
        (["--concurrency", "0"], "--concurrency 0"),
        (["--clients", "0"], "--clients 0"),
        (["--format", "yaml"], "json"),
    ] {
        let ended = podwire(&[&["balance"], &args[..]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    }
}

/// What `cargo bench --bench balancing -- --test` prints. A new algorithm is new lines; a changed line is a changed rule.
#[test]
fn picks_are_pinned() {
    let sets = picks::working_sets();
    let lines =
        BALANCERS.iter().flat_map(|algorithm| picks::BACKENDS.map(|backends| picks::line(algorithm, backends, &sets)));
    let lines: Vec<String> = lines.collect();
    insta::assert_snapshot!("digests", lines.join("\n"));
}
