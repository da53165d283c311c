//! What a client asks of whom, how patient it is and how it keeps connections: the same for the requests of a
//! traffic source and for the calls that a workload makes while it serves one. Knows no state of a run.

use crate::kernel::time::SimDuration;
use crate::model::application::Target;
use crate::model::front_proxy::Upstreams;

/// Most attempts of one request, the first one included.
pub const MOST_ATTEMPTS: u32 = 15;

/// A millionth is the unit of shares: 1 000 000 is all.
pub const WHOLE_PPM: u32 = 1_000_000;

/// One kind of request that a client makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Where it goes.
    pub to: Target,
    /// Payload of a request in bytes.
    pub request_bytes: u64,
    /// Payload of a response in bytes.
    pub response_bytes: u64,
    /// The client gives a connect up after this time; `None` leaves it to the kernel.
    pub connect_timeout: Option<SimDuration>,
    /// The client gives an attempt up this long after its start; `None` waits for ever.
    pub timeout: Option<SimDuration>,
    /// The client gives the request with all its attempts up this long after its arrival, and everything that
    /// servers call because of it ends by then, too, as a gRPC deadline does.
    pub deadline: Option<SimDuration>,
    /// When an attempt that failed is followed by another one.
    pub retries: Option<Retries>,
    /// A second attempt starts beside the first one when that has no answer after this time.
    pub hedge_after: Option<SimDuration>,
    /// When an address that fails is left out for a while.
    pub outlier_ejection: Option<OutlierEjection>,
    /// How connections are made and kept.
    pub connections: Connections,
    /// The client knows a name and looks it up; `None` when it was given an address.
    pub lookup: Option<Lookup>,
    /// It goes by UDP, and so its sockets are used; `None` is TCP.
    pub datagrams: Option<SocketUse>,
    /// The caller is a front proxy and these are what it passes requests on to.
    pub upstreams: Option<Upstreams>,
}

impl Call {
    /// A call with no patience set, no retries, and a connection of its own for each request.
    pub fn plain(to: Target, request_bytes: u64, response_bytes: u64) -> Self {
        Self {
            to,
            request_bytes,
            response_bytes,
            connect_timeout: None,
            timeout: None,
            deadline: None,
            retries: None,
            hedge_after: None,
            outlier_ejection: None,
            connections: Connections::default(),
            lookup: None,
            datagrams: None,
            upstreams: None,
        }
    }

    /// Most attempts that one request of this kind can make.
    pub fn most_attempts(&self) -> u32 {
        self.retries.map_or(1, |retries| retries.attempts) + u32::from(self.hedge_after.is_some())
    }
}

/// What shares a UDP socket, and with its port the conntrack entry that leads its datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketUse {
    /// Each attempt at a request has a socket of its own.
    PerAttempt,
    /// The attempts at one request share one, as those of a resolver do.
    PerRequest,
    /// A client has one for each address that it dials, for as long as it lives, as statsd's clients do.
    Kept,
}

/// How a client finds the address behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Queries, one after the other, until there is an answer, at least 1 ([`crate::control::dns::queries`]).
    pub queries: u32,
}

/// Which failures of an attempt are followed by another one.
#[allow(clippy::struct_excessive_bools, reason = "each is one independent condition of the retry policy")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// No connection came about.
    pub connect: bool,
    /// The connection broke before the response was complete.
    pub reset: bool,
    /// The attempt's own time ran out.
    pub timeout: bool,
    /// The server answered with an error.
    pub server_error: bool,
}

/// A retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Most attempts, the first one included, 1..=[`MOST_ATTEMPTS`].
    pub attempts: u32,
    /// After which failures.
    pub retry_on: RetryOn,
    /// Retry n waits U(0, this * 2^(n-1)), at most ten times this (Envoy's fully jittered back-off).
    pub backoff: SimDuration,
    /// Share of requests that may be retried, in millionths: each request earns so much of a token, a retry
    /// takes a whole one, and ten can be saved up (gRFC A6). `None` is no limit.
    pub budget_ppm: Option<u32>,
}

/// When a client leaves an address out, as Envoy's consecutive-failure detector does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierEjection {
    /// So many failures in a row, at least 1.
    pub consecutive_failures: u32,
    /// It is left out for this long.
    pub ejection_time: SimDuration,
    /// At most this share of the known addresses is left out at one time, in millionths.
    pub max_ejected_ppm: u32,
}

/// How a client waits for `connect()`; it decides when a REJECT of its own node is seen (linux-kernel section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    /// The error is seen at once, as Go, nginx, curl and asyncio do.
    #[default]
    NonBlocking,
    /// The first error arrives inside the call and is lost; the second SYN's counts.
    Blocking,
}

/// `SO_KEEPALIVE` with its three values (E7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// `tcp_keepalive_time`: idle time before the first probe.
    pub time: SimDuration,
    /// `tcp_keepalive_intvl`: between two probes.
    pub interval: SimDuration,
    /// `tcp_keepalive_probes`: so many unanswered probes end the connection.
    pub probes: u32,
}

/// A client's connections to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Most connections that a client keeps; 0 opens one for each request and closes it after the response.
    pub pool: u32,
    /// Most of them to one dialled address; `None` leaves it to `pool`.
    pub per_host: Option<u32>,
    /// A connection without a request for this long is closed.
    pub idle_timeout: Option<SimDuration>,
    /// A connection older than this takes no further request.
    pub max_age: Option<SimDuration>,
    /// A connection takes so many requests and is then closed.
    pub max_requests: Option<u32>,
    /// Requests that one connection carries at once: 1 is HTTP/1.1, more is HTTP/2 or gRPC.
    pub streams: u32,
    /// Keepalive probes of the client's kernel.
    pub keepalive: Option<TcpKeepalive>,
    /// `TCP_USER_TIMEOUT`: unacknowledged data ends the connection after this time.
    pub user_timeout: Option<SimDuration>,
    /// How the client waits for a connection.
    pub connect: Connect,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            pool: 0,
            per_host: None,
            idle_timeout: None,
            max_age: None,
            max_requests: None,
            streams: 1,
            keepalive: None,
            user_timeout: None,
            connect: Connect::NonBlocking,
        }
    }
}

/// What a caller does when a call has failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It answers with an error itself, once what it waits for has ended.
    #[default]
    Fail,
    /// It goes on.
    Ignore,
}

/// A call of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    /// Its stable name among the calls of the workload, from which its draws are made.
    pub name: String,
    /// What is asked of whom.
    pub call: Call,
    /// Share of the served requests in which it is made, in millionths.
    pub probability_ppm: u32,
    /// How often it is made, one after the other, at least 1.
    pub repeat: u32,
    /// What its failure means.
    pub on_failure: OnFailure,
}

/// What a workload does between serving a request and answering it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Makes a call and waits for its end.
    Call(Box<PlannedCall>),
    /// Does these one after the other; the first failure ends it.
    Sequence(Vec<Step>),
    /// Does these at once and waits for all.
    Parallel(Vec<Step>),
}
