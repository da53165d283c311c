//! The schedulers that look at the list at each connection: `net/netfilter/ipvs/ip_vs_{rr,wrr,lc,wlc,sed,nq,fo,ovf,twos}.c`.

use std::net::SocketAddr;

use super::{Asked, Dest, List, Rule};

/// The place in the list of the current destination; none: the list's head.
fn place_of(list: &List, current: Option<SocketAddr>) -> Option<usize> {
    current.map(|address| list.iter().position(|dest| dest.address == address).unwrap())
}

#[derive(Default)]
pub(super) struct Rr {
    current: Option<SocketAddr>,
}

impl Rule for Rr {
    fn deleted(&mut self, list: &List, dest: &Dest, place: usize) {
        if self.current == Some(dest.address) {
            self.current = place.checked_sub(1).map(|before| list[before].address);
        }
    }

    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        let last = place_of(list, self.current);
        let mut at = last.map_or(0, |last| last + 1);
        let mut pass = 0;
        loop {
            while at < list.len() {
                if !list[at].overload && list[at].weight > 0 {
                    self.current = Some(list[at].address);
                    return Some(at);
                }
                if Some(at) == last {
                    return None;
                }
                at += 1;
            }
            pass += 1;
            if pass == 2 || last.is_none() {
                return None;
            }
            at = 0;
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[derive(Default)]
pub(super) struct Wrr {
    cl: Option<SocketAddr>,
    cw: i64,
    mw: i64,
    di: i64,
}

impl Wrr {
    fn dest_changed(&mut self, list: &List) {
        let weights = || list.iter().map(|dest| i64::from(dest.weight)).filter(|weight| *weight > 0);
        self.cl = None;
        self.di = weights().fold(0, gcd).max(1);
        self.mw = weights().max().unwrap_or(0) - (self.di - 1);
        if self.cw > self.mw || self.cw == 0 {
            self.cw = self.mw;
        } else if self.di > 1 {
            self.cw = (self.cw / self.di) * self.di + 1;
        }
    }
}

impl Rule for Wrr {
    fn added(&mut self, list: &List) {
        self.dest_changed(list);
    }

    fn deleted(&mut self, list: &List, _dest: &Dest, _place: usize) {
        self.dest_changed(list);
    }

    fn updated(&mut self, list: &List) {
        self.dest_changed(list);
    }

    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        if self.mw == 0 {
            return None;
        }
        let last = place_of(list, self.cl);
        let mut at = last.map_or(0, |last| last + 1);
        let (mut stop, mut last_pass, mut restarted) = (None, false, false);
        loop {
            while at < list.len() {
                if !list[at].overload && i64::from(list[at].weight) >= self.cw {
                    self.cl = Some(list[at].address);
                    return Some(at);
                }
                if Some(at) == stop {
                    self.cl = Some(list[at].address);
                    return None;
                }
                at += 1;
            }
            self.cw -= self.di;
            if self.cw <= 0 {
                self.cw = self.mw;
                if last_pass || last.is_none() {
                    self.cl = None;
                    return None;
                }
                restarted = true;
            }
            last_pass = self.cw <= self.di;
            if last_pass && restarted && last.is_some() {
                stop = last;
            }
            at = 0;
        }
    }
}

pub(super) struct Lc;

impl Rule for Lc {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        let mut least: Option<usize> = None;
        for (at, dest) in list.iter().enumerate() {
            if dest.overload || dest.weight == 0 {
                continue;
            }
            if least.is_none_or(|least| dest.overhead() < list[least].overhead()) {
                least = Some(at);
            }
        }
        least
    }
}

/// The first that weighs something; then each whose cost by the weights crosswise is strictly less.
pub(super) fn least_by_weight(list: &List, cost: impl Fn(&Dest) -> u64) -> Option<usize> {
    let mut least = list.iter().position(|dest| !dest.overload && dest.weight > 0)?;
    for at in least + 1..list.len() {
        let (dest, best) = (&list[at], &list[least]);
        if dest.overload {
            continue;
        }
        if u128::from(cost(best)) * u128::from(dest.weight) > u128::from(cost(dest)) * u128::from(best.weight) {
            least = at;
        }
    }
    Some(least)
}

pub(super) struct Wlc;

impl Rule for Wlc {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        least_by_weight(list, Dest::overhead)
    }
}

fn delay(dest: &Dest) -> u64 {
    u64::from(dest.active) + 1
}

pub(super) struct Sed;

impl Rule for Sed {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        least_by_weight(list, delay)
    }
}

pub(super) struct Nq;

impl Rule for Nq {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        let mut least: Option<usize> = None;
        for (at, dest) in list.iter().enumerate() {
            if dest.overload || dest.weight == 0 {
                continue;
            }
            if dest.active == 0 {
                return Some(at);
            }
            let is_less = |best: &Dest| delay(best) * u64::from(dest.weight) > delay(dest) * u64::from(best.weight);
            if least.is_none_or(|least| is_less(&list[least])) {
                least = Some(at);
            }
        }
        least
    }
}

pub(super) struct Fo;

impl Rule for Fo {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        let (mut highest, mut weight) = (None, 0);
        for (at, dest) in list.iter().enumerate() {
            if !dest.overload && dest.weight > weight {
                (highest, weight) = (Some(at), dest.weight);
            }
        }
        highest
    }
}

pub(super) struct Ovf;

impl Rule for Ovf {
    fn schedule(&mut self, list: &List, _asked: Asked) -> Option<usize> {
        let (mut highest, mut weight) = (None, 0);
        for (at, dest) in list.iter().enumerate() {
            if dest.overload || dest.active > dest.weight || dest.weight == 0 {
                continue;
            }
            if highest.is_none() || dest.weight > weight {
                (highest, weight) = (Some(at), dest.weight);
            }
        }
        highest
    }
}

pub(super) struct Twos;

impl Rule for Twos {
    fn schedule(&mut self, list: &List, asked: Asked) -> Option<usize> {
        let [mut first, mut second] = asked.draws.map(|draw| i64::try_from(draw).unwrap());
        let (mut one, mut other) = (None, None);
        for (at, dest) in list.iter().enumerate() {
            if dest.overload || dest.weight == 0 {
                continue;
            }
            first -= i64::from(dest.weight);
            second -= i64::from(dest.weight);
            if first <= 0 && one.is_none() {
                one = Some(at);
            }
            if second <= 0 && other.is_none() {
                other = Some(at);
            }
        }
        let (one, other) = (one?, other?);
        let crosswise = |cost: usize, weight: usize| list[cost].overhead() * u64::from(list[weight].weight);
        Some(if crosswise(one, other) > crosswise(other, one) { other } else { one })
    }
}
