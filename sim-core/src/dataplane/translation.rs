//! How often a connection's addresses are rewritten on its way: DNAT and SNAT each count one
//! (A17, A19, C.2, C.6, linux-kernel section 2).

/// The way a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a pod's own address.
    Direct,
    /// Through a clusterIP, from a pod.
    ClusterIpFromPod,
    /// Through a clusterIP, from a node itself: kube-proxy masquerades what is not from a pod.
    ClusterIpFromNode,
    /// From outside through a node port with policy Cluster.
    NodePort,
    /// From a container to another host's published port.
    PublishedFromContainer,
    /// From a node or from outside to a published port.
    PublishedFromNode,
    /// From outside through a load balancer to a node port: the balancer rewrites the destination first.
    NodePortBehindBalancer,
    /// From outside through a load balancer to a published port.
    PublishedBehindBalancer,
    /// To a port published on the client's own host: docker-proxy relays, nothing is rewritten (A20).
    PublishedOnOwnHost,
}

/// Translations on the way there; the way back undoes them.
pub const fn translations(way: Way) -> u8 {
    match way {
        Way::Direct | Way::PublishedOnOwnHost => 0,
        Way::ClusterIpFromPod | Way::PublishedFromNode => 1,
        Way::ClusterIpFromNode | Way::NodePort | Way::PublishedFromContainer | Way::PublishedBehindBalancer => 2,
        Way::NodePortBehindBalancer => 3,
    }
}
