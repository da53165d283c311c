//! What a hashing algorithm hashes of a request. Knows no algorithm.

use std::io::Write;

use super::mixing::xxh64;
use crate::balancing::Request;
use crate::model::parameters::{Arguments, Parameter, ParameterKind};

/// What a hashing algorithm hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashOn {
    /// The connection: the request's key is the hash, as a proxy's hash policy or a kernel's flow hash has made it.
    #[default]
    Connection,
    /// The client: XXH64 of its address as text, as Envoy's hash policy `source_ip` does it. All its connections go one way.
    Client,
}

const CONNECTION: &str = "connection";
const CLIENT: &str = "client";

/// The parameter of every hashing algorithm.
pub(in crate::balancing) const HASH_ON: Parameter = Parameter {
    name: "hashOn",
    summary: "what is hashed: each connection for itself (the default), or the client's address, so that a client keeps its backend",
    kind: ParameterKind::Choice { names: &[CONNECTION, CLIENT] },
    required: false,
};

impl HashOn {
    pub(in crate::balancing) fn of(arguments: &Arguments) -> Self {
        if arguments.choice(HASH_ON.name) == Some(CLIENT) { Self::Client } else { Self::Connection }
    }

    /// The hash of a request.
    #[inline]
    pub fn hash(self, request: &Request) -> u64 {
        match self {
            Self::Connection => request.key,
            Self::Client => client_hash(request),
        }
    }
}

/// Kept out of the way of picks by connection, which are a few instructions.
#[cold]
fn client_hash(request: &Request) -> u64 {
    let mut text = [0; 45];
    let mut rest = &mut text[..];
    write!(rest, "{}", request.client.ip()).expect("no address is longer than 45 bytes");
    let unused = rest.len();
    xxh64(&text[..text.len() - unused], 0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::request;
    use super::*;

    #[test]
    fn a_client_is_hashed_by_its_address_alone() {
        let (one, mut other) = (request(1), request(2));
        assert_eq!([HashOn::Connection.hash(&one), HashOn::Connection.hash(&other)], [1, 2]);
        other.client.set_port(1);
        assert_eq!(HashOn::Client.hash(&one), xxh64(b"10.0.0.1", 0));
        assert_eq!(HashOn::Client.hash(&one), HashOn::Client.hash(&other));
        other.client.set_ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
        assert_eq!(HashOn::Client.hash(&other), xxh64(b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0));
    }
}
