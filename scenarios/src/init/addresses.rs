//! Addresses in texts: `cart:7070`, `http://api.shop.svc:80/v1`, `a:1,b:2`, `--db=redis://cache`. Knows no Services.

use std::net::IpAddr;

/// A host and a port that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Ports that URLs leave out.
const DEFAULT_PORTS: &[(&str, u16)] = &[
    ("http", 80),
    ("ws", 80),
    ("https", 443),
    ("wss", 443),
    ("redis", 6379),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("nats", 4222),
];

/// Every address that a text names, in its order, each once.
pub(super) fn addresses(text: &str) -> Vec<Address> {
    let mut found = Vec::new();
    let ends = |c: char| c.is_whitespace() || ",;=|&\"'`()[]{}<>".contains(c);
    for address in text.split(ends).filter_map(address) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn address(token: &str) -> Option<Address> {
    let (scheme, rest) = match token.split_once("://") {
        // `jdbc:mysql://` is the scheme of its last part.
        Some((scheme, rest)) => (scheme.rsplit([':', '+']).next(), rest),
        None => (None, token),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok().filter(|port| *port > 0)?),
        None => (authority, DEFAULT_PORTS.iter().find(|(known, _)| Some(*known) == scheme)?.1),
    };
    let host = host_name(host)?;
    Some(Address { host, port })
}

/// A text that can be the name or the address of another machine, without a dot at its end.
pub(super) fn host_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(text.to_owned()).filter(|_| !address.is_loopback() && !address.is_unspecified());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(allowed)
        && text.chars().any(|c| c.is_ascii_alphabetic())
        && text != "localhost";
    name.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        addresses(text).into_iter().map(|found| format!("{} {}", found.host, found.port)).collect()
    }

    #[test]
    fn addresses_stand_alone_in_urls_in_lists_and_in_arguments() {
        for (text, expected) in [
            ("cart:7070", vec!["cart 7070"]),
            ("http://api.shop.svc.cluster.local:8080/v1?x=y", vec!["api.shop.svc.cluster.local 8080"]),
            ("a:1,b:2, a:1", vec!["a 1", "b 2"]),
            ("--db=postgres://user:secret@db/votes", vec!["db 5432"]),
            ("jdbc:mysql://db:3306/x", vec!["db 3306"]),
            ("redis://cache", vec!["cache 6379"]),
            ("sh -c 'wget http://web.'", vec!["web 80"]),
            ("10.96.7.7:80", vec!["10.96.7.7 80"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for text in
            ["", "8080", "0.0.0.0:80", "localhost:80", "127.0.0.1:5", "12:30", "redis:alpine", "gcr.io/x:7", "a:70000"]
        {
            assert_eq!(shown(text), Vec::<String>::new(), "{text}");
        }
    }
}
