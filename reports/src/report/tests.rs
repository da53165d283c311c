//! The report's shape, its comparison of arms and its texts, on two small arms.

use std::collections::BTreeMap;

use sim_core::trace::words::Outcome;
use sim_core::trace::{Body, TraceHeader};

use super::{Expectation, RENDERERS, Report, ReportInput, RunReport, renderer};
use crate::metrics::Metrics;
use crate::testing::{Builder, MS, S, header};
use crate::trace_io::TraceDigest;

fn run(arm: &str, seed: u64, failing: u64) -> RunReport {
    let header = TraceHeader { arm: arm.into(), seed, ..header() };
    let mut run = Builder::cluster();
    run.at(60 * S);
    let fault = run.add(0, 0, Body::FaultStarted { fault: sim_core::model::ids::FaultId(0) });
    let down = run.add(fault, 0, Body::NodeDown { node: sim_core::model::ids::NodeId(2) });
    for number in 0..10 {
        let from = (61 + number) * S;
        let failure = (from + 2 * S, Outcome::ConnectTimeout, down);
        let ok = (from + (2 + number) * MS, Outcome::Ok, 0);
        let failed = number < failing;
        run.request(number, from, Some(u32::from(failed)), Some(if failed { failure } else { ok }));
    }
    let mut report = RunReport::new(&header, run.feed(Metrics::new(&header)).finish());
    report.trace_digest = Some(TraceDigest { hash: [0xab; 32], ladder: Vec::new() });
    report.stop = "duration".into();
    (report.events, report.records) = (12_345, run.records.len() as u64);
    report
}

fn report(seeds: u64) -> Report {
    let runs = ["docker-static", "service"].iter().zip([4, 2]);
    let runs = runs.flat_map(|(arm, failing)| (0..seeds).map(move |seed| run(arm, 42 + seed, failing - seed % 2)));
    let setting = |value: &str| BTreeMap::from([("discovery".to_owned(), value.to_owned())]);
    let mut service = setting("service");
    service.insert("set.proxySyncDelay".into(), "5s".into());
    Report::new(ReportInput {
        version: "0.1.0".into(),
        scenario: "nginx-node-death".into(),
        scenario_digest: "cd".repeat(32),
        runs: runs.collect(),
        settings: [("docker-static".to_owned(), setting("static")), ("service".to_owned(), service)].into(),
        levels: BTreeMap::new(),
        expectations: vec![
            Expectation {
                metric: "request_success_rate".into(),
                arm: Some("service".into()),
                min: Some(0.75),
                ..Expectation::default()
            },
            Expectation {
                metric: "outage_duration".into(),
                fault: Some("lost-node".into()),
                max: Some(4e9),
                ..Expectation::default()
            },
        ],
        theory: Vec::new(),
    })
}

fn rendered(report: &Report, format: &str) -> String {
    let mut out = Vec::new();
    (renderer(format).unwrap().render)(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Every key of a JSON value in order, nested.
#[allow(clippy::wildcard_enum_match_arm)] // all others have no keys
fn shape(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let keys = map.iter().map(|(key, value)| format!("{key}{}", shape(value)));
            format!("{{{}}}", keys.collect::<Vec<_>>().join(" "))
        }
        serde_json::Value::Array(list) => format!("[{}]", list.first().map(shape).unwrap_or_default()),
        _ => String::new(),
    }
}

#[test]
fn json_has_the_documented_keys_in_order() {
    let value: serde_json::Value = serde_json::from_str(&rendered(&report(1), "json")).unwrap();
    let expected = "{schemaVersion podwire scenario{name digest} \
        runs[{arm model seed traceDigest stop events records \
        requests{total ok unfinished failed{connect-timeout}} \
        latency{unit p50 p90 p99 p999 max} \
        traffic[{name attempts requests{total ok unfinished failed{connect-timeout}} latency{unit p50 p90 p99 p999 max}}] \
        outages[{fault traffic from to ended stages{detection propagation programming client}}] \
        balance[{service maxOverMean jain instances[{instance node address requests}]}] \
        addressing{hostPorts portConflicts translations addressesPerClient reconfigurations} \
        edges[{name from to requests{total ok unfinished failed{connect-timeout}} latency{unit p50 p90 p99 p999 max} \
        attempts retries hedges amplification share selfShare connectionsOpened connectionsReused}] \
        criticalPath[] leafFailures[]}] \
        differences[{metric arms[] value unit traffic fault seeds interval}] \
        settingsDifferences[{arms[] path values[]}] \
        expectations[{metric arm traffic fault edge min max unit pass value}] \
        closedForms[]}";
    assert_eq!(shape(&value), expected);
}

#[test]
fn json_nulls_and_large_integers() {
    let mut report = report(1);
    report.runs[0].seed = u64::MAX;
    report.runs[0].trace_digest = None;
    report.runs[1].seed = 1 << 53;
    let value: serde_json::Value = serde_json::from_str(&rendered(&report, "json")).unwrap();
    let run = &value["runs"][0];
    assert_eq!(run["seed"], "18446744073709551615");
    assert!(run["traceDigest"].is_null());
    assert_eq!(value["runs"][1]["seed"], 1_u64 << 53);
    assert!(run["outages"][0]["stages"]["detection"].is_null());
    assert_eq!(run["requests"]["failed"]["connect-timeout"], 4);
    assert_eq!(run["outages"][0]["from"], 61_000_000_000_u64);
    assert!(value["expectations"][0]["traffic"].is_null());
}

#[test]
fn expectations_take_the_worst_run_of_each_arm() {
    let report = report(2);
    let results: Vec<_> =
        report.expectations.iter().map(|result| (result.arm.as_str(), result.pass, result.value)).collect();
    // docker-static fails 4 and 3 requests, service 2 and 1: outages of 5, 4, 3 and 2 s.
    let expected = [("service", true, Some(0.8)), ("docker-static", false, Some(5e9)), ("service", true, Some(3e9))];
    assert_eq!(results, expected);
    assert!(!report.passed());
}

#[test]
fn differences_are_paired_by_seed() {
    let report = report(3);
    let difference = report.differences.iter().find(|difference| difference.metric == "request_ok").unwrap();
    assert_eq!(difference.arms, ["docker-static", "service"].map(str::to_owned));
    assert_eq!((difference.value, difference.seeds, difference.interval), (2.0, 3, Some([2.0, 2.0])));
    let outage = report.differences.iter().find(|difference| difference.metric == "outage_duration").unwrap();
    assert_eq!((outage.value, outage.fault.as_deref()), (-2e9, Some("lost-node")));
}

#[test]
fn every_format_renders_with_and_without_runs() {
    for format in RENDERERS {
        assert!(!rendered(&report(2), format.name).is_empty());
        assert!(!rendered(&Report::new(ReportInput::default()), format.name).is_empty());
    }
    assert!(rendered(&report(2), "text").lines().all(|line| line.chars().count() <= 100 && line.is_ascii()));
}

#[test]
fn the_text_report() {
    insta::assert_snapshot!(rendered(&report(1), "text"), @r#"
podwire 0.1.0, scenario nginx-node-death (cdcdcdcdcdcd), seed 42

docker-static  60.0 % ok; outage of lost-node 5.0 s, not ended; no request failed by other
service        80.0 % ok; outage of lost-node 3.0 s, not ended; no request failed by other

Requests
  ARM            TRAFFIC  TOTAL  OK    OK %  FAILED  UNFINISHED  CONNECTS
  docker-static  curl        10   6  60.0 %       4           0        10
  service        curl        10   8  80.0 %       2           0        10
  docker-static / curl failed with: connect-timeout 4
  service / curl failed with: connect-timeout 2

Latency of ok requests, from the intended arrival
  ARM            TRAFFIC      P50       P90       P99     P99.9       MAX
  docker-static  curl     8.00 ms  11.00 ms  11.00 ms  11.00 ms  11.00 ms
  service        curl     7.00 ms  11.00 ms  11.00 ms  11.00 ms  11.00 ms

Outages
  ARM            FAULT      TRAFFIC      FROM  LASTED  DETECT  PROPAG.  PROGRAM  CLIENT  ENDED
  docker-static  lost-node  curl     61.000 s   5.0 s       -        -        -       -  no
  service        lost-node  curl     61.000 s   3.0 s       -        -        -       -  no
  The stages count from the fault; FROM is the first failed request's arrival.

Load per instance
  ARM            SERVICE      INSTANCE                   NODE    ADDRESS        OK    SHARE
  docker-static  my-nginx:80  my-nginx-5b56ccd65f-abcde  node-1  10.244.1.2:80   6  100.0 %
  docker-static  my-nginx:80  my-nginx-5b56ccd65f-abcdf  node-2  10.244.2.2:80   0    0.0 %
  service        my-nginx:80  my-nginx-5b56ccd65f-abcde  node-1  10.244.1.2:80   8  100.0 %
  service        my-nginx:80  my-nginx-5b56ccd65f-abcdf  node-2  10.244.2.2:80   0    0.0 %
  docker-static / my-nginx:80: busiest over mean 2.000, Jain's index 0.500
  service / my-nginx:80: busiest over mean 2.000, Jain's index 0.500

What addressing cost
  ARM            HOST PORTS  CONFLICTS  TRANSLATIONS  ADDRESSES/CLIENT  RECONFIGURATIONS
  docker-static           0          0            10                 1                 0
  service                 0          0            10                 1                 0

Settings that differ
  docker-static against service:
    discovery: static -> service
    set.proxySyncDelay: (none) -> 5s

Expectations
          ARM            METRIC                           EXPECTED         MEASURED
  ok      service        request_success_rate             at least 0.7500  0.8000
  FAILED  docker-static  outage_duration under lost-node  at most 4.0 s    5.0 s
  ok      service        outage_duration under lost-node  at most 4.0 s    3.0 s

Runs
  ARM            SEED  STOP      EVENTS  RECORDS  TRACE DIGEST
  docker-static    42  duration  12 345       66  abababababababababababababababab
  service          42  duration  12 345       66  abababababababababababababababab
"#);
}

#[test]
fn the_text_report_over_seeds() {
    insta::assert_snapshot!(rendered(&report(3), "text"), @r#"
podwire 0.1.0, scenario nginx-node-death (cdcdcdcdcdcd), seed 42 of 3 (tables show this seed;
  differences cover all)

docker-static  60.0 % ok; outage of lost-node 5.0 s, not ended; no request failed by other
service        80.0 % ok; outage of lost-node 3.0 s, not ended; no request failed by other

Requests
  ARM            TRAFFIC  TOTAL  OK    OK %  FAILED  UNFINISHED  CONNECTS
  docker-static  curl        10   6  60.0 %       4           0        10
  service        curl        10   8  80.0 %       2           0        10
  docker-static / curl failed with: connect-timeout 4
  service / curl failed with: connect-timeout 2

Latency of ok requests, from the intended arrival
  ARM            TRAFFIC      P50       P90       P99     P99.9       MAX
  docker-static  curl     8.00 ms  11.00 ms  11.00 ms  11.00 ms  11.00 ms
  service        curl     7.00 ms  11.00 ms  11.00 ms  11.00 ms  11.00 ms

Outages
  ARM            FAULT      TRAFFIC      FROM  LASTED  DETECT  PROPAG.  PROGRAM  CLIENT  ENDED
  docker-static  lost-node  curl     61.000 s   5.0 s       -        -        -       -  no
  service        lost-node  curl     61.000 s   3.0 s       -        -        -       -  no
  The stages count from the fault; FROM is the first failed request's arrival.

Load per instance
  ARM            SERVICE      INSTANCE                   NODE    ADDRESS        OK    SHARE
  docker-static  my-nginx:80  my-nginx-5b56ccd65f-abcde  node-1  10.244.1.2:80   6  100.0 %
  docker-static  my-nginx:80  my-nginx-5b56ccd65f-abcdf  node-2  10.244.2.2:80   0    0.0 %
  service        my-nginx:80  my-nginx-5b56ccd65f-abcde  node-1  10.244.1.2:80   8  100.0 %
  service        my-nginx:80  my-nginx-5b56ccd65f-abcdf  node-2  10.244.2.2:80   0    0.0 %
  docker-static / my-nginx:80: busiest over mean 2.000, Jain's index 0.500
  service / my-nginx:80: busiest over mean 2.000, Jain's index 0.500

What addressing cost
  ARM            HOST PORTS  CONFLICTS  TRANSLATIONS  ADDRESSES/CLIENT  RECONFIGURATIONS
  docker-static           0          0            10                 1                 0
  service                 0          0            10                 1                 0

Each arm over 3 seeds
  ARM            METRIC                ABOUT      SEEDS     LEAST    MEDIAN   LARGEST
  docker-static  request_success_rate                 3    0.6000    0.6000    0.7000
  docker-static  latency_p99                          3  11.00 ms  11.00 ms  11.00 ms
  docker-static  outage_duration       lost-node      3     4.0 s     5.0 s     5.0 s
  docker-static  outage_duration       other          3     0.0 s     0.0 s     0.0 s
  service        request_success_rate                 3    0.8000    0.8000    0.9000
  service        latency_p99                          3  11.00 ms  11.00 ms  11.00 ms
  service        outage_duration       lost-node      3     2.0 s     3.0 s     3.0 s
  service        outage_duration       other          3     0.0 s     0.0 s     0.0 s

Differences between arms over 3 seeds (second minus first)
  METRIC                ABOUT            FROM           TO           MEAN  95 % FROM   95 % TO
  request_success_rate                   docker-static  service    0.2000     0.2000    0.2000
  request_failure_rate                   docker-static  service   -0.2000    -0.2000   -0.2000
  request_ok                             docker-static  service         2          2         2
  request_failed                         docker-static  service        -2         -2        -2
  latency_p50                            docker-static  service  -1.00 ms   -1.00 ms  -1.00 ms
  latency_mean                           docker-static  service  -1.00 ms   -1.00 ms  -1.00 ms
  outage_duration       curl, lost-node  docker-static  service    -2.0 s     -2.0 s    -2.0 s
  outage_failures       curl, lost-node  docker-static  service        -2         -2        -2

Settings that differ
  docker-static against service:
    discovery: static -> service
    set.proxySyncDelay: (none) -> 5s

Expectations
          ARM            METRIC                           EXPECTED         MEASURED
  ok      service        request_success_rate             at least 0.7500  0.8000
  FAILED  docker-static  outage_duration under lost-node  at most 4.0 s    5.0 s
  ok      service        outage_duration under lost-node  at most 4.0 s    3.0 s

Runs
  ARM            SEED  STOP      EVENTS  RECORDS  TRACE DIGEST
  docker-static    42  duration  12 345       66  abababababababababababababababab
  docker-static    43  duration  12 345       66  abababababababababababababababab
  docker-static    44  duration  12 345       66  abababababababababababababababab
  service          42  duration  12 345       66  abababababababababababababababab
  service          43  duration  12 345       66  abababababababababababababababab
  service          44  duration  12 345       66  abababababababababababababababab
"#);
}

#[test]
fn the_junit_report() {
    insta::assert_snapshot!(rendered(&report(1), "junit"), @r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="nginx-node-death" tests="3" failures="1">
  <testcase classname="service" name="request_success_rate"/>
  <testcase classname="docker-static" name="outage_duration under lost-node">
    <failure message="measured 5.0 s, expected at most 4.0 s"/>
  </testcase>
  <testcase classname="service" name="outage_duration under lost-node"/>
</testsuite>
"#);
}

#[test]
fn the_markdown_report() {
    insta::assert_snapshot!(rendered(&report(1), "markdown"), @r#"
podwire 0.1.0, scenario nginx-node-death (cdcdcdcdcdcd), seed 42

- **docker-static**: 60.0 % ok; outage of lost-node 5.0 s, not ended; no request failed by other
- **service**: 80.0 % ok; outage of lost-node 3.0 s, not ended; no request failed by other

### Requests

| ARM | TRAFFIC | TOTAL | OK | OK % | FAILED | UNFINISHED | CONNECTS |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| docker-static | curl | 10 | 6 | 60.0 % | 4 | 0 | 10 |
| service | curl | 10 | 8 | 80.0 % | 2 | 0 | 10 |

- docker-static / curl failed with: connect-timeout 4
- service / curl failed with: connect-timeout 2

### Latency of ok requests, from the intended arrival

| ARM | TRAFFIC | P50 | P90 | P99 | P99.9 | MAX |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
| docker-static | curl | 8.00 ms | 11.00 ms | 11.00 ms | 11.00 ms | 11.00 ms |
| service | curl | 7.00 ms | 11.00 ms | 11.00 ms | 11.00 ms | 11.00 ms |


### Outages

| ARM | FAULT | TRAFFIC | FROM | LASTED | DETECT | PROPAG. | PROGRAM | CLIENT | ENDED |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
| docker-static | lost-node | curl | 61.000 s | 5.0 s | - | - | - | - | no |
| service | lost-node | curl | 61.000 s | 3.0 s | - | - | - | - | no |

- The stages count from the fault; FROM is the first failed request's arrival.

### Load per instance

| ARM | SERVICE | INSTANCE | NODE | ADDRESS | OK | SHARE |
| --- | --- | --- | --- | --- | ---: | ---: |
| docker-static | my-nginx:80 | my-nginx-5b56ccd65f-abcde | node-1 | 10.244.1.2:80 | 6 | 100.0 % |
| docker-static | my-nginx:80 | my-nginx-5b56ccd65f-abcdf | node-2 | 10.244.2.2:80 | 0 | 0.0 % |
| service | my-nginx:80 | my-nginx-5b56ccd65f-abcde | node-1 | 10.244.1.2:80 | 8 | 100.0 % |
| service | my-nginx:80 | my-nginx-5b56ccd65f-abcdf | node-2 | 10.244.2.2:80 | 0 | 0.0 % |

- docker-static / my-nginx:80: busiest over mean 2.000, Jain's index 0.500
- service / my-nginx:80: busiest over mean 2.000, Jain's index 0.500

### What addressing cost

| ARM | HOST PORTS | CONFLICTS | TRANSLATIONS | ADDRESSES/CLIENT | RECONFIGURATIONS |
| --- | ---: | ---: | ---: | ---: | ---: |
| docker-static | 0 | 0 | 10 | 1 | 0 |
| service | 0 | 0 | 10 | 1 | 0 |


### Settings that differ

- docker-static against service:
- discovery: static -> service
- set.proxySyncDelay: (none) -> 5s

### Expectations

|  | ARM | METRIC | EXPECTED | MEASURED |
| --- | --- | --- | --- | --- |
| ok | service | request\_success\_rate | at least 0.7500 | 0.8000 |
| FAILED | docker-static | outage\_duration under lost-node | at most 4.0 s | 5.0 s |
| ok | service | outage\_duration under lost-node | at most 4.0 s | 3.0 s |


### Runs

| ARM | SEED | STOP | EVENTS | RECORDS | TRACE DIGEST |
| --- | ---: | --- | ---: | ---: | --- |
| docker-static | 42 | duration | 12 345 | 66 | abababababababababababababababab |
| service | 42 | duration | 12 345 | 66 | abababababababababababababababab |
"#);
}

#[test]
fn the_text_report_of_calls() {
    let header = crate::testing::calls::header();
    let metrics = crate::testing::calls::mixed().run.feed(Metrics::new(&header)).finish();
    let report = Report::new(ReportInput {
        version: "0.1.0".into(),
        scenario: "shop".into(),
        runs: vec![RunReport::new(&header, metrics)],
        ..ReportInput::default()
    });
    let text = rendered(&report, "text");
    assert!(text.lines().all(|line| line.chars().count() <= 100 && line.is_ascii()));
    let (before, load) = text.split_once("What addressing cost").unwrap();
    assert!(load.contains("RECONFIGURATIONS"));
    insta::assert_snapshot!(before, @r#"
podwire 0.1.0, scenario shop, seed 42

service  50.0 % ok; outage of lost-node through front > mid and 1 more 6.0 s; no request failed by
         other; 10 unfinished

Requests
  ARM      TRAFFIC  TOTAL  OK    OK %  FAILED  UNFINISHED  CONNECTS
  service  web         50  20  50.0 %      20          10        20
  service / web failed with: 5xx 10, request-timeout 10

Latency of ok requests, from the intended arrival
  ARM      TRAFFIC     P50     P90     P99   P99.9     MAX
  service  web      100 ms  100 ms  100 ms  100 ms  100 ms

Calls
  ARM      EDGE          REQUESTS     OK %       P50       P99  TRIES    SHARE
  service  web                 50   50.0 %    100 ms    100 ms   1.00  100.0 %
  service  front > mid         40   50.0 %  60.00 ms  60.00 ms   1.00   60.0 %
  service  front > side        20  100.0 %  20.00 ms  20.00 ms   1.00    0.0 %
  service  mid > leaf          30   66.7 %  40.00 ms  40.00 ms   1.00   40.0 %
  service / front > mid failed with: 5xx 10, connect-timeout 10
  service / mid > leaf failed with: connect-timeout 10
  service: 10 of web failed because front > mid failed with connect-timeout (fault lost-node)
  service: 10 of web failed because mid > leaf failed with connect-timeout (fault lost-node)
  TRIES are attempts per request. SHARE is time on the critical path, calls below included.

Critical path of ok requests
  ARM      TRAFFIC  EDGE           SELF  WITH CALLS  SELF, SLOWEST
  service  web      web          40.0 %     100.0 %         40.0 %
  service  web      mid > leaf   40.0 %      40.0 %         40.0 %
  service  web      front > mid  20.0 %      60.0 %         20.0 %
  From each request's end back over the call that ended last. SELF leaves out the calls below an
      edge and sums to 100 %; SLOWEST are the slowest requests, at least 1 %.

Outages
  ARM      FAULT      TRAFFIC     FROM  LASTED  DETECT  PROPAG.  PROGRAM  CLIENT  ENDED
  service  lost-node  web      1.000 s   6.0 s       -        -        -       -  yes
  The stages count from the fault; FROM is the first failed request's arrival.

Load per instance
  ARM      SERVICE      INSTANCE                   NODE    ADDRESS        OK   SHARE
  service  my-nginx:80  my-nginx-5b56ccd65f-abcde  node-1  10.244.1.2:80  60  75.0 %
  service  my-nginx:80  my-nginx-5b56ccd65f-abcdf  node-2  10.244.2.2:80  20  25.0 %
  service / my-nginx:80: busiest over mean 1.500, Jain's index 0.800
"#);
}
