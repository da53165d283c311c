use sim_core::balancing::{Algorithm, BALANCERS, Input, LoadBalancer, Request, find};
use sim_core::kernel::draws::{EntityKey, RandomBits, below};
use sim_core::model::parameters::{Arguments, Spec};

use super::evenness::relative;
use super::*;

/// The key modulo the number of backends, or the backend whose number mixes best with the key (the rendezvous rule).
#[derive(Clone, Debug)]
struct Hashing {
    order: Vec<usize>,
    rendezvous: bool,
}

impl LoadBalancer for Hashing {
    fn settle(&mut self, order: &[usize]) {
        self.order = order.to_vec();
    }

    fn pick(&mut self, request: &Request, _bits: &mut dyn RandomBits) -> Option<usize> {
        if self.rendezvous {
            let score = |slot: usize| EntityKey::of("slot").spread(request.key ^ slot as u64);
            return self.order.iter().copied().max_by_key(|slot| score(*slot));
        }
        let place = below(request.key, self.order.len() as u64);
        self.order.get(usize::try_from(place).ok()?).copied()
    }

    fn table_bytes(&self) -> usize {
        self.order.len()
    }

    fn boxed_clone(&self) -> Box<dyn LoadBalancer> {
        Box::new(self.clone())
    }
}

const fn hashing(build: fn(&Arguments) -> Option<Box<dyn LoadBalancer>>) -> Algorithm {
    let spec = Spec { name: "hashing", summary: "", source: "", parameters: &[], build };
    Algorithm { spec, reads: &[Input::Key], state: "", cost: "", use_when: "" }
}

static SCALED: Algorithm = hashing(|_| Some(Box::new(Hashing { order: Vec::new(), rendezvous: false })));
static RENDEZVOUS: Algorithm = hashing(|_| Some(Box::new(Hashing { order: Vec::new(), rendezvous: true })));

fn contender(name: &str) -> Contender {
    Contender::new(find(name).expect("registered"))
}

/// Written out from the definitions.
#[test]
fn evenness_of_counts_by_hand() {
    let plan = Plan { weights: vec![1, 3], ..Plan::new(1, 2, 8) };
    let counts = [4, 4];
    // Fair shares 2 and 6: 2 and 2/3 of them.
    assert_eq!(relative(&plan, &counts).collect::<Vec<f64>>(), [2.0, 4.0 / 6.0]);
    let even = Evenness::of(&plan, &counts).expect("something was counted");
    assert!((even.max_to_fair - 2.0).abs() < 1e-12);
    assert!((even.jain - 0.8).abs() < 1e-12, "{even:?}");
    assert!((even.sd_to_fair - (5.0_f64 / 9.0).sqrt()).abs() < 1e-12, "{even:?}");
    assert_eq!(Evenness::of(&plan, &[0, 0]), None);
    let all_on_one = Evenness::of(&Plan::new(1, 4, 8), &[8, 0, 0, 0]).expect("something was counted");
    assert!((all_on_one.jain - 0.25).abs() < 1e-12);
}

/// A weight of 0 has no fair share and does not count.
#[test]
fn drained_backends_are_left_out() {
    let plan = Plan { weights: vec![1, 0, 1], ..Plan::new(1, 3, 8) };
    let even = Evenness::of(&plan, &[4, 0, 4]).expect("something was counted");
    assert!((even.jain - 1.0).abs() < 1e-12 && even.sd_to_fair < 1e-12, "{even:?}");
}

/// sqrt((N - 1) / flows) for equal backends; with weights the root of the mean of (1 - p) / (p * flows).
#[test]
fn the_floor_is_that_of_a_multinomial_distribution() {
    let equal = Plan::new(1, 100, 1_000_000);
    assert!((equal.floor() - (99.0_f64 / 1e6).sqrt()).abs() < 1e-12);
    let unequal = Plan { weights: vec![1, 3], ..Plan::new(1, 2, 1_000) };
    let by_hand = ((0.75 / 250.0 + 0.25 / 750.0) / 2.0_f64).sqrt();
    assert!((unequal.floor() - by_hand).abs() < 1e-12);
}

/// Uniform random picks spread as the floor says: the sample's sd over N = 1000 backends has a relative error of about
/// 1 / sqrt(2 N) = 2.2 %; five of them are allowed.
#[test]
fn random_picks_reach_the_floor() {
    let plan = Plan::new(7, 1_000, 1_000_000);
    for name in ["iptables-random", "nftables-random"] {
        let sd = measure(&plan, &contender(name)).flows.expect("nothing is dropped").sd_to_fair;
        assert!((sd / plan.floor() - 1.0).abs() < 0.11, "{name}: {sd} against {}", plan.floor());
    }
}

#[test]
fn turns_are_even_and_live_connections_are_not() {
    let figures = measure(&Plan::new(1, 10, 100_000), &contender("round-robin"));
    let even = figures.flows.expect("nothing is dropped");
    assert!((even.max_to_fair - 1.0).abs() < 1e-12 && even.sd_to_fair < 1e-12, "{even:?}");
    // Connections end at random, so some backend always has more of them.
    assert!(figures.live_max_to_fair.expect("a hundred live at once") > 1.1, "{figures:?}");
}

#[test]
fn disruption_is_measured_where_picks_come_back_and_only_there() {
    let plan = Plan { remove: Some(3), ..Plan::new(1, 10, 10_000) };
    for algorithm in BALANCERS {
        let figures = measure(&plan, &Contender::new(algorithm));
        let comes_back = ["key", "client", "destination"]
            .iter()
            .any(|word| algorithm.reads.iter().any(|input| format!("{input:?}").to_lowercase() == *word));
        assert_eq!(figures.disruption.is_some(), comes_back, "{}", algorithm.spec.name);
        if let Some(Disruption { moved, excess }) = figures.disruption {
            assert!((0.0..=moved).contains(&excess) && moved <= 1.0, "{figures:?}");
        }
        assert_eq!(measure(&plan, &Contender::new(algorithm)), figures, "{}", algorithm.spec.name);
    }
}

/// Ranges of [0, 1): the last of ten goes, so the i-th range of ten falls into the i-th of nine but for i/90 of the whole:
/// sum of i/90 over i = 1 .. 8 is 0.4, and the victim's own tenth.
#[test]
fn disruption_is_the_one_of_two_known_rules() {
    let plan = Plan { remove: Some(9), ..Plan::new(5, 10, 200_000) };
    let of = |algorithm| measure(&plan, &Contender::new(algorithm)).disruption.expect("picks depend on the key");
    let scaled = of(&SCALED);
    // 0.4 and 0.5 within five standard deviations, sqrt(0.25 / 200 000) each.
    assert!((scaled.excess - 0.4).abs() < 0.006 && (scaled.moved - 0.5).abs() < 0.006, "{scaled:?}");
    let rendezvous = of(&RENDEZVOUS);
    assert!(rendezvous.excess == 0.0 && (rendezvous.moved - 0.1).abs() < 0.004, "{rendezvous:?}");
}

#[test]
fn a_rehearsal_depends_on_its_picks() {
    let plan = Plan::new(1, 10, 10_000);
    let run = |algorithm, seed| Rehearsal::new(&plan, &Contender::new(algorithm), Rehearsal::keys(seed, 64)).run(500);
    assert_eq!(run(&SCALED, 1), run(&SCALED, 1));
    assert_ne!(run(&SCALED, 1), run(&SCALED, 2));
    assert_ne!(run(&SCALED, 1), run(&RENDEZVOUS, 1));
}

#[test]
fn what_cannot_be_is_told_at_once() {
    let plan = Plan { weights: vec![0, 0, 0], remove: Some(10), concurrency: 0, ..Plan::new(1, 10, 0) };
    let problems = plan.problems();
    for word in ["--flows 0", "--concurrency 0", "3 weights for 10", "all are 0", "--remove 10"] {
        assert!(problems.iter().any(|problem| problem.contains(word)), "{word}: {problems:#?}");
    }
    let lone = Plan { weights: vec![1, 0], remove: Some(0), ..Plan::new(1, 2, 10) };
    assert!(lone.problems()[0].contains("no other backend"), "{:?}", lone.problems());
    let heavy = Plan { weights: vec![65_535], ..Plan::new(1, 100_000, 10) };
    assert!(heavy.problems()[0].contains("4294967295"), "{:?}", heavy.problems());
    let beyond = Plan { weights: vec![65_536, 1], ..Plan::new(1, 2, 10) };
    assert!(beyond.problems()[0].contains("number 1 is 65536"), "{:?}", beyond.problems());
    assert_eq!(Plan { backends: u32::MAX, ..Plan::new(1, 1, 1) }.problems().len(), 1);
    assert!(Plan::new(1, 10, 1).problems().is_empty());
}
