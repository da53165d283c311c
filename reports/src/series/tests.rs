use sim_core::model::ids::{FaultId, NodeId, PodId};
use sim_core::trace::Body;
use sim_core::trace::words::Outcome;

use super::*;
use crate::testing::{Builder, S, header};

/// A node dies at 60 s, and every second request from 30 s on goes to it.
fn death(requests: u64) -> Builder {
    let mut run = Builder::cluster();
    let mut down = 0;
    for number in 0..requests {
        let at = 30 * S + number * S / 4;
        if at >= 60 * S && down == 0 {
            run.at(60 * S);
            let fault = run.add(0, 0, Body::FaultStarted { fault: FaultId(0) });
            down = run.add(fault, 0, Body::NodeDown { node: NodeId(2) });
        }
        let pod = u32::try_from(number % 2).unwrap();
        let failed = down > 0 && pod == 1;
        let end = if failed { (at + 2 * S, Outcome::ConnectTimeout, down) } else { (at + S / 100, Outcome::Ok, 0) };
        run.request(number, at, Some(pod), Some(end));
    }
    run
}

#[test]
fn series_count_every_request_once_by_its_arrival() {
    let run = death(200);
    let pictures = run.feed(Gather::new(&header())).finish(1_000);
    let sum = |word: &str| -> u32 {
        let series = pictures.outcomes.outcomes.iter().find(|(known, _)| *known == word);
        series.map_or(0, |(_, counts)| counts.iter().sum())
    };
    assert_eq!((sum("ok"), sum("connect-timeout")), (160, 40));
    assert_eq!(pictures.outcomes.totals().iter().sum::<u32>(), 200);
    let load: Vec<u32> = pictures.load.rows.iter().map(|row| row.counts.iter().sum()).collect();
    assert_eq!(load, [100, 60]);
    assert_eq!(pictures.marks, [Mark { name: "lost-node".into(), from: 60 * S, to: None, is_action: false }]);
}

#[test]
fn a_death_shows_in_the_node_and_its_pods() {
    let cluster = death(200).feed(Gather::new(&header())).finish(10).cluster;
    let node = cluster.nodes.iter().find(|node| node.name == "node-2").unwrap();
    assert_eq!(node.states, [(0, State::Ready), (60 * S, State::Dead)]);
    let pod = cluster.pods.iter().find(|pod| pod.address == "10.244.2.2").unwrap();
    assert_eq!(state_at(&pod.states, 60 * S - 1), State::Ready);
    assert_eq!(state_at(&pod.states, 60 * S), State::Dead);
    assert_eq!(cluster.nodes[pod.node].name, "node-2");
}

#[test]
fn few_failed_requests_stand_for_many_and_the_rest_is_counted() {
    let gather = death(4_000).feed(Gather::new(&header()));
    let failures = gather.finish(20).failures;
    let [group] = failures.groups.as_slice() else { panic!("{failures:?}") };
    assert_eq!((failures.count(), group.count), (1_940, 1_940));
    assert!((18..=20).contains(&group.requests.len()), "{}", group.requests.len());
    assert_eq!((group.outcome, group.root.as_str()), ("connect-timeout", "lost-node begins"));
    let (first, last) = (&group.requests[0], &group.requests[group.requests.len() - 1]);
    assert_eq!((first.number, last.number), (121, 3_999));
    // The sample is even: no gap is much larger than another.
    let gaps = group.requests.windows(2).map(|pair| pair[1].number - pair[0].number);
    assert!(gaps.max().unwrap() < 800, "{:?}", group.requests.iter().map(|it| it.number).collect::<Vec<_>>());
    let words: Vec<&str> = first.why.iter().map(|step| step.words.as_str()).collect();
    assert_eq!(words, ["node-2 stops", "lost-node begins"]);
    assert_eq!(first.story.last().map(|step| step.kind), Some("request-ended"));
    assert_eq!(gather.finish(1).failures.groups[0].requests.len(), 1);
    assert_eq!(gather.finish(0).failures.beyond, 1_940);
}

#[test]
fn a_chain_of_calls_is_told_from_the_innermost_on() {
    let calls = crate::testing::calls::mixed();
    let failures = calls.run.feed(Gather::new(&crate::testing::calls::header())).finish(100).failures;
    assert_eq!(failures.count(), 20);
    let group = failures.groups.iter().find(|group| group.outcome == "5xx").unwrap();
    assert_eq!(group.root, "lost-node begins");
    let kinds: Vec<&str> = group.requests[0].story.iter().map(|step| step.kind).collect();
    assert!(kinds.iter().filter(|kind| **kind == "request-ended").count() >= 2, "{kinds:?}");
}

#[test]
fn connections_are_open_on_their_clients_node_until_they_are_closed() {
    let mut run = Builder::cluster();
    for number in 0..4 {
        run.request(number, (number + 1) * S, Some(0), None);
    }
    let source = SourceId(0);
    let opened = run.records.last().unwrap().body;
    assert!(matches!(opened, Body::ConnectionOpened { number: 3, .. }));
    run.add(0, 0, opened);
    run.at(10 * S);
    for number in [0, 3] {
        run.add(0, 0, Body::RequestEnded { source, number, outcome: Outcome::Ok, pod: Some(PodId(0)) });
    }
    // A request that has ended opens nothing more.
    run.add(0, 0, opened);
    // Some are closed after the request's end, some before it, and nothing is closed twice.
    for number in [0, 1, 3, 3, 3] {
        run.add(0, 0, Body::ConnectionClosed { source, number, outcome: Outcome::Ok });
    }
    run.request(4, 20 * S, Some(0), None);
    let usage = run.feed(Gather::new(&header())).finish(0).usage;
    let [node] = usage.nodes.as_slice() else { panic!("{usage:?}") };
    assert_eq!((node.node.as_str(), node.open_most), ("node-3", 5));
    // The first step has none, what was open before some were closed counts in their step, and the last has what is open.
    let step = usize::try_from(10 * S / usage.width).unwrap();
    assert_eq!((node.open[0], node.open[step], node.open.last()), (0, 5, Some(&2)));
}

#[test]
fn a_pod_whose_node_is_unknown_breaks_nothing() {
    let mut run = Builder::default();
    run.add(0, 0, Body::PodScheduled { pod: PodId(7), node: NodeId(u32::MAX) });
    run.request(5, S, Some(7), None);
    let pictures = run.feed(Gather::new(&header())).finish(1);
    assert_eq!(pictures.outcomes.outcomes.last().map(|(word, _)| *word), Some(OutcomeSeries::UNFINISHED));
}
