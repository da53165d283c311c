//! What a client says of UDP: the protocol of the port that it means, how its sockets are used, and the keys that mean
//! something for TCP only.

use sim_core::kernel::time::SimDuration;
use sim_core::model::application::Protocol;
use sim_core::model::call::SocketUse;

use super::{Lowering, calls};
use crate::diagnostics::Place;
use crate::diagnostics::codes::BAD_VALUE;
use crate::schema::values::NameText;

/// A resolver's patience with one datagram (resolv.conf: `options timeout`, B14).
pub(super) const DEFAULT_TIMEOUT: SimDuration = SimDuration::from_secs(5);

/// The protocol that a client asks for; without one, the port's own decides.
pub(super) fn wanted(ctx: &mut Lowering<'_>, given: Option<&NameText>, place: &Place) -> Option<Protocol> {
    match given?.0.as_str() {
        "tcp" | "TCP" => Some(Protocol::Tcp),
        "udp" | "UDP" => Some(Protocol::Udp),
        other => {
            calls::unknown_word(ctx, other, "protocol that carries traffic", &["tcp", "udp"], &place.at("protocol"));
            None
        }
    }
}

/// Of the ports that fit, the one that is meant: of the wanted protocol, or TCP's before any other.
pub(super) fn pick<T>(
    mut ports: impl Iterator<Item = T> + Clone,
    of: impl Fn(&T) -> Protocol,
    wanted: Option<Protocol>,
) -> Option<T> {
    let meant = wanted.unwrap_or(Protocol::Tcp);
    let found = ports.clone().find(|port| of(port) == meant);
    if wanted.is_some() { found } else { found.or_else(|| ports.next()) }
}

/// How a client's sockets are used; `None` is TCP. `only_tcp` are keys that it sets and that mean nothing for UDP.
pub(super) fn socket(
    ctx: &mut Lowering<'_>,
    protocol: Protocol,
    given: Option<&NameText>,
    only_tcp: &[(&str, bool)],
    place: &Place,
) -> Option<SocketUse> {
    if protocol != Protocol::Udp {
        if given.is_some() {
            let help = "`connections` says how TCP connections are kept";
            ctx.sink.help(BAD_VALUE, &place.at("socket"), "`socket` means something for UDP only", help);
        }
        return None;
    }
    for (key, _) in only_tcp.iter().filter(|(_, set)| *set) {
        let help = "`timeout`, `retries` and `socket` say how a client of UDP behaves";
        ctx.sink.help(BAD_VALUE, &place.at(key), format!("`{key}` means something for TCP only"), help);
    }
    Some(match given.map(|text| text.0.as_str()) {
        None | Some("per-request") => SocketUse::PerRequest,
        Some("per-attempt") => SocketUse::PerAttempt,
        Some("kept") => SocketUse::Kept,
        Some(other) => {
            let known = ["per-attempt", "per-request", "kept"];
            calls::unknown_word(ctx, other, "use of sockets", &known, &place.at("socket"));
            SocketUse::PerRequest
        }
    })
}
