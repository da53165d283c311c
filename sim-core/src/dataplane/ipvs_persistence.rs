//! Persistence of a virtual server: `sessionAffinity: ClientIP` as IPVS keeps it (`ip_vs_sched_persist`, `ip_vs_conn_expire`).
//! A template leads all connections of a client to one destination. Each of them begins the template's time anew; when the
//! time is over while the server remembers one of them, the template stays, in steps of a minute, and it is a minute that
//! later connections begin anew. A template whose destination takes no new connections is void (kube-proxy sets
//! `expire_quiescent_template`). Knows addresses and times, no pods and no rules.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::ipvs::Endpoint;
use crate::kernel::time::{SimDuration, SimTime};

/// What a template gets whose time is over while a connection of it is remembered.
const WHILE_IN_USE: SimDuration = SimDuration::from_secs(60);

/// Where all connections of a client go.
#[derive(Clone, Copy, Debug)]
struct Template {
    /// Tells it apart from one that its client had before.
    number: u64,
    to: Endpoint,
    timeout: SimDuration,
    ends: SimTime,
    /// Connections that have not closed.
    open: u32,
    /// Until when closed ones are remembered.
    remembered: SimTime,
}

impl Template {
    /// Brings it up to the present; false when it has ended.
    fn lasts_until(&mut self, now: SimTime) -> bool {
        while self.ends <= now {
            if self.open == 0 && self.remembered <= self.ends {
                return false;
            }
            self.timeout = WHILE_IN_USE;
            self.ends = self.ends.saturating_add(WHILE_IN_USE);
        }
        true
    }
}

/// The templates of one virtual server.
#[derive(Clone, Debug)]
pub struct Templates {
    timeout: SimDuration,
    made: u64,
    of_clients: BTreeMap<IpAddr, Template>,
    /// By a connection's own address and port: its client as the server sees it, and the template that controls it.
    controlled: BTreeMap<Endpoint, (IpAddr, u64)>,
}

impl Templates {
    /// None yet; `timeout` is the Service's `timeoutSeconds`.
    pub fn new(timeout: SimDuration) -> Self {
        Self { timeout, made: 0, of_clients: BTreeMap::new(), controlled: BTreeMap::new() }
    }

    /// The place among the destinations that take new connections of the one that a client is led to.
    pub fn recall(&mut self, client: IpAddr, destinations: &[Endpoint], now: SimTime) -> Option<usize> {
        let template = self.of_clients.get_mut(&client)?;
        let place = destinations.iter().position(|to| *to == template.to);
        if place.is_none() || !template.lasts_until(now) {
            self.of_clients.remove(&client);
            return None;
        }
        place
    }

    /// A new connection of a client goes to a destination.
    pub fn lead(&mut self, client: IpAddr, to: Endpoint, now: SimTime) {
        self.made += 1;
        let fresh =
            Template { number: self.made, to, timeout: self.timeout, ends: now, open: 0, remembered: SimTime::ZERO };
        let template = self.of_clients.entry(client).or_insert(fresh);
        if template.to != to || !template.lasts_until(now) {
            *template = fresh;
        }
        template.ends = now.saturating_add(template.timeout);
    }

    /// The server remembers a connection from now on, by the address and port of its client: one of a client, as the server
    /// sees it, to a destination. The client's template controls it if that leads there.
    pub fn opened(&mut self, connection: Endpoint, (client, to): (IpAddr, Endpoint), now: SimTime) {
        self.closed(connection, now);
        if let Some(template) = self.of_clients.get_mut(&client).filter(|template| template.to == to) {
            template.open += 1;
            self.controlled.insert(connection, (client, template.number));
        }
    }

    /// A connection has closed, and is remembered until then (at least the present).
    pub fn closed(&mut self, connection: Endpoint, until: SimTime) {
        let Some((client, number)) = self.controlled.remove(&connection) else { return };
        if let Some(template) = self.of_clients.get_mut(&client).filter(|template| template.number == number) {
            template.open -= 1;
            template.remembered = template.remembered.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(seconds)
    }

    fn pod(last: u8) -> Endpoint {
        (IpAddr::from([10, 244, 0, last]), 80)
    }

    fn client(port: u16) -> Endpoint {
        (IpAddr::from([10, 244, 1, 2]), port)
    }

    const PODS: [u8; 2] = [2, 3];

    fn open(templates: &mut Templates, port: u16, to: u8, now: u64) {
        templates.lead(client(0).0, pod(to), at(now));
        templates.opened(client(port), (client(0).0, pod(to)), at(now));
    }

    /// Templates of 100 s, with a connection to the second pod that was opened at 0 s.
    fn templates() -> Templates {
        let mut templates = Templates::new(SimDuration::from_secs(100));
        open(&mut templates, 1, 3, 0);
        templates
    }

    fn recalled(templates: &mut Templates, now: u64) -> Option<usize> {
        templates.recall(client(0).0, &PODS.map(pod), at(now))
    }

    #[test]
    fn each_connection_begins_the_time_anew() {
        let mut templates = templates();
        templates.closed(client(1), at(10));
        assert_eq!(recalled(&mut templates, 99), Some(1));
        open(&mut templates, 2, 3, 99);
        templates.closed(client(2), at(150));
        assert_eq!(recalled(&mut templates, 198), Some(1));
        assert_eq!(recalled(&mut templates, 199), None);
    }

    #[test]
    fn a_template_stays_in_steps_of_a_minute_while_a_connection_is_remembered() {
        let mut templates = templates();
        // Over at 100 s and at 160 s, when the open connection holds it.
        assert_eq!(recalled(&mut templates, 170), Some(1));
        // Remembered at 220 s, forgotten at 280 s.
        templates.closed(client(1), at(230));
        let mut silent = templates.clone();
        assert_eq!(recalled(&mut silent, 279), Some(1));
        assert_eq!(recalled(&mut silent, 280), None);
        // A connection of then has a minute, no more.
        open(&mut templates, 2, 3, 270);
        templates.closed(client(2), at(271));
        assert_eq!(recalled(&mut templates, 329), Some(1));
        assert_eq!(recalled(&mut templates, 330), None);
        // What comes after that begins with the whole time.
        open(&mut templates, 3, 2, 400);
        templates.closed(client(3), at(401));
        assert_eq!((recalled(&mut templates, 499), recalled(&mut templates, 500)), (Some(0), None));
    }

    #[test]
    fn a_connection_is_controlled_by_its_own_clients_template_and_no_other() {
        let (mut templates, other) = (templates(), (IpAddr::from([10, 244, 1, 3]), 7));
        templates.closed(client(1), at(1));
        // From a port that is remembered nothing is led: it goes where the one before went.
        templates.opened(other, (other.0, pod(3)), at(1));
        templates.opened(client(1), (client(0).0, pod(2)), at(1));
        assert_eq!((recalled(&mut templates, 99), recalled(&mut templates, 100)), (Some(1), None), "nobody holds it");
        let mut templates = self::templates();
        templates.closed(client(1), at(1));
        templates.opened(client(1), (client(0).0, pod(3)), at(1));
        assert_eq!(recalled(&mut templates, 1_000), Some(1), "the connection from the same port does");
    }

    #[test]
    fn a_template_to_a_destination_that_takes_nothing_new_is_void() {
        let mut templates = templates();
        assert_eq!(templates.recall(client(0).0, &[pod(2)], at(1)), None);
        // Though it comes back.
        assert_eq!(recalled(&mut templates, 2), None);
        open(&mut templates, 2, 2, 3);
        // The close of a connection of the old template does not touch the new one.
        templates.closed(client(1), at(4));
        templates.closed(client(2), at(4));
        assert_eq!((recalled(&mut templates, 102), recalled(&mut templates, 103)), (Some(0), None));
    }
}
