//! Dense numbers of the things in a model. They index tables and are never part of a draw's key.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The place of this thing in its table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The number of the `index`-th thing of a table; tables have fewer than 2^32 entries.
            pub fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("a table has fewer than 2^32 entries"))
            }
        }
    )*};
}

ids! {
    /// A node: a machine that runs workload, hosts the control plane, or stands outside.
    NodeId;
    /// A vertex of the network: node `n` is vertex `n`, switches follow after all nodes.
    VertexId;
    /// A duplex link.
    LinkId;
    /// A workload: a Deployment, a `StatefulSet`, a bare Pod, a compose service, ...
    WorkloadId;
    /// A Service.
    ServiceId;
    /// A port of a Service, numbered over all Services of the model.
    ServicePortId;
    /// A pod (flat-pod-ip) or container (port-mapping), numbered in order of creation, never reused.
    PodId;
    /// A traffic source; or, numbered after all sources, a path of calls below one.
    SourceId;
    /// A fault of the fault plan; the numbers after the last fault are those of the planned actions.
    FaultId;
}
