//! Front proxies of Docker hosts: one process that clients dial in place of the containers, and that holds the list of
//! those. Clocks and names are nginx' (`ngx_http_proxy_module`, `ngx_http_upstream_module`), and so are the defaults.

use super::call::RetryOn;
use super::settings::RegistrySettings;
use crate::kernel::time::SimDuration;

/// What every front proxy of an arm does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontProxySettings {
    /// `proxy_connect_timeout`: the proxy gives a connect up after this time (60 s).
    pub proxy_connect_timeout: SimDuration,
    /// `proxy_read_timeout`: it gives an attempt up so long after it has sent the request (60 s).
    pub proxy_read_timeout: SimDuration,
    /// `proxy_next_upstream`: after which failures the next upstream is asked (error timeout).
    pub proxy_next_upstream: RetryOn,
    /// `proxy_next_upstream_tries`: most upstreams that are asked, the first one included; 0 is all of them (0).
    pub proxy_next_upstream_tries: u32,
    /// `max_fails`: so many failures make an upstream unavailable; 0 never does (1).
    pub max_fails: u32,
    /// `fail_timeout`: for so long; then one request tries it (10 s).
    pub fail_timeout: SimDuration,
    /// `keepalive`: connections to upstreams that the proxy keeps; 0 opens one for each request (0).
    pub keepalive: u32,
}

impl Default for FrontProxySettings {
    fn default() -> Self {
        Self {
            proxy_connect_timeout: SimDuration::from_secs(60),
            proxy_read_timeout: SimDuration::from_secs(60),
            proxy_next_upstream: RetryOn { connect: true, reset: true, timeout: true, server_error: false },
            proxy_next_upstream_tries: 0,
            max_fails: 1,
            fail_timeout: SimDuration::from_secs(10),
            keepalive: 0,
        }
    }
}

/// Front proxies as a discovery: clients were given the proxies' addresses, and the proxies have the containers'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontProxies {
    /// What the proxies do.
    pub settings: FrontProxySettings,
    /// The registry that writes their lists; `None` leaves them as they were written before the run.
    pub registry: Option<RegistrySettings>,
}

/// What a proxy knows of the upstreams of one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstreams {
    /// An attempt is given up so long after its request was sent.
    pub read_timeout: SimDuration,
    /// So many failures make an upstream unavailable; 0 never does.
    pub max_fails: u32,
    /// For so long; then one request tries it.
    pub fail_timeout: SimDuration,
}
