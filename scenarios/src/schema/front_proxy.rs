//! Settings of front proxies, under nginx' names.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use sim_core::model::call::RetryOn;
use sim_core::model::front_proxy::FrontProxySettings;

use super::settings::{BadSetting, Setting, settings};
use super::values::{DurationText, List, NameText};

impl Setting<NameText> for RetryOn {
    fn read(text: &NameText) -> Result<Self, String> {
        let mut on = Self::default();
        for word in text.0.split_whitespace() {
            match word {
                "error" => (on.connect, on.reset) = (true, true),
                "timeout" => on.timeout = true,
                "http_500" | "http_502" | "http_503" | "http_504" => on.server_error = true,
                "off" => on = Self::default(),
                other => {
                    let known = "error, timeout, http_500, http_502, http_503, http_504, off";
                    return Err(format!(
                        "`{other}` is no failure after which nginx asks the next upstream; known: {known}"
                    ));
                }
            }
        }
        Ok(on)
    }

    fn show(&self) -> String {
        let words = [("error", self.connect), ("timeout", self.timeout), ("http_500", self.server_error)];
        let set: Vec<&str> = words.into_iter().filter(|(_, set)| *set).map(|(word, _)| word).collect();
        if set.is_empty() { "off".to_owned() } else { set.join(" ") }
    }
}

settings! {
    /// The front proxies of arms with `discovery: front-proxy`.
    FrontProxySpec for FrontProxySettings {
        /// The proxy gives a connect up after this time.
        proxy_connect_timeout "proxy_connect_timeout" DurationText => proxy_connect_timeout;
        /// It gives an attempt up so long after it has sent the request.
        proxy_read_timeout "proxy_read_timeout" DurationText => proxy_read_timeout;
        /// After which failures the next upstream is asked: `error`, `timeout`, `http_500` and the like, or `off`.
        proxy_next_upstream "proxy_next_upstream" NameText => proxy_next_upstream;
        /// Most upstreams that are asked for one request; 0 is all of them.
        proxy_next_upstream_tries "proxy_next_upstream_tries" u32 => proxy_next_upstream_tries;
        /// So many failures make an upstream unavailable; 0 never does.
        max_fails "max_fails" u32 => max_fails;
        /// For so long; then one request tries it.
        fail_timeout "fail_timeout" DurationText => fail_timeout;
        /// Connections to upstreams that the proxy keeps; 0 opens one for each request.
        keepalive "keepalive" u32 => keepalive;
    } {
        /// The hosts of the proxies, one on each; clients take them in turn.
        nodes: List<String>,
        /// `static`: the proxies' lists were written before the run; `registry`: a registry writes them.
        upstreams: Option<NameText>,
    }
}
