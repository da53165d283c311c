//! Addresses that clients wrote down before the run. Those of a source mostly wrote the same ones in the same order, so a
//! list is kept once, and of each client how much of it it has written.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sim_core::trace::fields::Client;

/// An address that was written down: pod, address, port.
pub(crate) type WrittenAddress = (u32, IpAddr, u16);

/// Somebody who has written the first addresses of a list.
#[derive(Clone, Copy, Debug)]
struct Writer {
    source: u32,
    client: Client,
    list: usize,
    length: usize,
}

/// All that was written down.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenLists {
    lists: Vec<Vec<WrittenAddress>>,
    /// In the order in which they wrote; who writes again later stands here again.
    writers: Vec<Writer>,
}

impl WrittenLists {
    /// A client writes an address of a source down.
    #[inline]
    pub(crate) fn write(&mut self, source: u32, client: Client, address: WrittenAddress) {
        if self.writers.last().is_none_or(|last| (last.source, last.client) != (source, client)) {
            self.begin(source, client);
        }
        let writer = self.writers.last_mut().expect("it has begun");
        let list = &mut self.lists[writer.list];
        if list.get(writer.length) != Some(&address) {
            if list.len() > writer.length {
                let own = list[..writer.length].to_vec();
                writer.list = self.lists.len();
                self.lists.push(own);
            }
            self.lists[writer.list].push(address);
        }
        writer.length += 1;
    }

    /// A new writer is expected to write what the last one of its source has written.
    #[cold]
    fn begin(&mut self, source: u32, client: Client) {
        let like = self.writers.iter().rev().find(|writer| writer.source == source).map(|writer| writer.list);
        let list = like.unwrap_or(self.lists.len());
        if list == self.lists.len() {
            self.lists.push(Vec::new());
        }
        self.writers.push(Writer { source, client, list, length: 0 });
    }

    /// Whether anybody has written addresses of a source.
    pub(crate) fn has(&self, source: u32) -> bool {
        self.writers.iter().any(|writer| writer.source == source)
    }

    /// What those clients of a source hold that are asked for, each list once.
    pub(crate) fn held(&self, source: u32, is_asked_for: impl Fn(Client) -> bool) -> Vec<WrittenAddress> {
        let writers = self.writers.iter().filter(|writer| writer.source == source && is_asked_for(writer.client));
        let lists: BTreeSet<(usize, usize)> = writers.map(|writer| (writer.list, writer.length)).collect();
        lists.into_iter().flat_map(|(list, length)| self.lists[list][..length].iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::model::ids::PodId;

    fn address(pod: u32) -> WrittenAddress {
        (pod, IpAddr::from([10, 0, 0, 1]), 80)
    }

    #[test]
    fn equal_lists_are_kept_once_and_others_apart() {
        let mut lists = WrittenLists::default();
        let clients = [1, 2, 3, 4].map(|pod| Client::Pod(PodId(pod)));
        for (client, pods) in clients.into_iter().zip([&[7, 8, 9][..], &[7, 8, 9], &[7, 5], &[7, 5, 6]]) {
            for pod in pods {
                lists.write(0, client, address(*pod));
            }
        }
        lists.write(1, clients[0], address(3));
        let held = |number: usize| lists.held(0, |client| client == clients[number]);
        let expected = [&[7, 8, 9][..], &[7, 8, 9], &[7, 5], &[7, 5, 6]];
        for (number, pods) in expected.into_iter().enumerate() {
            assert_eq!(held(number), pods.iter().map(|pod| address(*pod)).collect::<Vec<_>>());
        }
        assert_eq!(lists.lists.len(), 3);
        assert_eq!((lists.has(1), lists.has(2), lists.held(1, |_| true)), (true, false, vec![address(3)]));
        assert_eq!(lists.held(0, |client| client != clients[3]).len(), 3 + 2);
    }
}
