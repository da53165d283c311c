//! tower's power of two choices, as a service that is asked whether it is ready and then called. Told, not judged: it does
//! more than pick.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sim_core::balancing::{Backend, find};
use sim_core::model::parameters::Arguments;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Constant;

use super::{address, request};
use crate::race::{Race, Wanted};

const PICKS: u64 = 4_096;

/// Answers with its number at once.
struct Numbered(u64);

impl Service<u64> for Numbered {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: u64) -> Self::Future {
        ready(Ok(self.0))
    }
}

pub fn races() -> Vec<Race> {
    [10, 1_000].map(race).into()
}

fn race(backends: u32) -> Race {
    let mut ours = find("p2c").and_then(|it| it.build(&Arguments::default())).expect("it is registered");
    for number in 0..backends {
        ours.add(number as usize, &Backend::new(address(number)));
    }
    ours.settle(&(0..backends as usize).collect::<Vec<_>>());
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let ours = move || {
        (0..PICKS).fold(0, |sum, key| {
            let picked = ours.pick(&request(key), &mut || random.next_u64());
            sum + picked.expect("there are backends") as u64
        })
    };
    let services: Vec<_> = (0..backends).map(|number| Constant::new(Numbered(number.into()), 0_u32)).collect();
    let mut peer = Balance::new(ServiceList::new(services));
    let theirs = move || {
        let mut context = Context::from_waker(Waker::noop());
        (0..PICKS).fold(0, |sum, key| {
            assert!(peer.poll_ready(&mut context).is_ready(), "all are ready");
            let answer = std::pin::pin!(peer.call(key));
            let Poll::Ready(Ok(picked)) = answer.poll(&mut context) else { unreachable!("it answers at once") };
            sum + picked
        })
    };
    Race::new(format!("p2c, {backends} backends"), PICKS, ours).against("tower 0.5 p2c", Wanted::Reported, theirs)
}
