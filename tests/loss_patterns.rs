//! What holds for a long message whatever is lost: every packet arrives, in order and once; the window is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sim_core::transport::congestion::Window;
use sim_core::transport::receiver::Receiver;
use sim_core::transport::sender::{Meaning, Sender};

/// What the network has under way: packets to the receiver, acknowledgements to the sender.
#[derive(Default)]
struct Network {
    data: VecDeque<u64>,
    acknowledgements: VecDeque<u64>,
    /// Which of the packets and acknowledgements are lost, one after the other; nothing after the last one.
    losses: VecDeque<bool>,
}

impl Network {
    fn loses(&mut self) -> bool {
        self.losses.pop_front().unwrap_or(false)
    }
}

/// Sends what may be sent, and holds it against the window.
fn send(sender: &mut Sender, network: &mut Network, resends: bool) -> Result<(), TestCaseError> {
    let mut resends = resends;
    while let Some(outgoing) = sender.take_next() {
        let window = sender.window();
        prop_assert!(window.size() >= 1 && window.threshold() >= 2, "{window:?}");
        // The packet of a fast retransmit leaves whatever the window says.
        prop_assert!(resends || sender.in_flight() <= window.size(), "{} of {window:?}", sender.in_flight());
        resends = false;
        if !network.loses() {
            network.data.push_back(outgoing.packet);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn every_packet_arrives_once_whatever_is_lost(
        packets in 1_u64..400,
        initial in 1_u32..20,
        losses in prop::collection::vec(prop::bool::weighted(0.2), 0..600),
    ) {
        let mut sender = Sender::new(Window::new(initial));
        sender.offer(packets);
        let mut receiver = Receiver::default();
        let mut network = Network { losses: losses.into(), ..Network::default() };
        let mut delivered = BTreeSet::new();
        let (mut timeouts, mut steps) = (0, 0_u32);
        send(&mut sender, &mut network, false)?;
        while !sender.is_idle() {
            steps += 1;
            prop_assert!(steps < 100_000, "no end");
            if let Some(packet) = network.data.pop_front() {
                let before = receiver.next();
                let upto = receiver.receive(packet);
                prop_assert!(upto >= before && upto <= packets);
                prop_assert!((before..upto).all(|packet| delivered.insert(packet)), "delivered twice");
                if !network.loses() {
                    network.acknowledgements.push_back(upto);
                }
            } else if let Some(upto) = network.acknowledgements.pop_front() {
                let first = sender.first();
                let meaning = sender.acknowledge(upto);
                if matches!(meaning, Meaning::Progress { .. }) {
                    timeouts = 0;
                }
                prop_assert!(sender.first() >= first && sender.first() <= receiver.next());
                send(&mut sender, &mut network, meaning != Meaning::Nothing)?;
            } else {
                sender.time_out(timeouts == 0);
                timeouts += 1;
                prop_assert_eq!(sender.window().size(), 1);
                send(&mut sender, &mut network, false)?;
            }
        }
        prop_assert_eq!(delivered.len() as u64, packets);
        prop_assert_eq!(receiver.next(), packets);
    }
}
