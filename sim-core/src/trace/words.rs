//! The closed word lists that records use: outcomes, reasons, kinds of segments.

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            /// All words of the list, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as traces and reports write it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The code in the canonical encoding.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The entry with this code.
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|entry| entry.code() == code)
            }

            /// The entry with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|entry| entry.word() == word)
            }
        }
    )*};
}

words! {
    /// How a request or a connection ended, as the client saw it.
    Outcome {
        /// The whole response arrived.
        Ok = 0 "ok",
        /// The kernel said: connection refused (RST or ICMP port unreachable; E5).
        ConnectionRefused = 1 "ECONNREFUSED",
        /// The kernel said: no route to host (failed ARP or ICMP host unreachable; E5, E10).
        HostUnreachable = 2 "EHOSTUNREACH",
        /// The kernel said: network is unreachable.
        NetworkUnreachable = 3 "ENETUNREACH",
        /// The kernel gave up retransmitting (E3, E6).
        TimedOut = 4 "ETIMEDOUT",
        /// The kernel said: connection reset by peer.
        ConnectionReset = 5 "ECONNRESET",
        /// No local port was free for this destination (E8).
        AddressNotAvailable = 6 "EADDRNOTAVAIL",
        /// The server closed before the response was complete.
        EndOfFile = 7 "eof",
        /// The client gave up waiting for the connection.
        ConnectTimeout = 8 "connect-timeout",
        /// The client gave up waiting for the response.
        RequestTimeout = 9 "request-timeout",
        /// The name could not be resolved.
        DnsError = 10 "dns-error",
        /// No client was alive to make the request.
        NoClient = 11 "no-client",
        /// Another application answered at the dialled address.
        WrongService = 12 "wrong-service",
        /// The client knew no address to dial.
        NoAddress = 13 "no-address",
        /// The server answered with an error (HTTP 5xx, or a gRPC status that is not OK).
        ServerError = 14 "5xx",
        /// Every address that the client knows was ejected.
        CircuitOpen = 15 "circuit-open",
    }

    /// Why a container stopped.
    ExitReason {
        /// Its processes were killed.
        Killed = 0 "killed",
        /// Its port was taken inside its pod (EADDRINUSE).
        AddressInUse = 1 "address-in-use",
        /// Its machine stopped.
        NodeDown = 2 "node-down",
        /// Its pod was removed.
        Removed = 3 "removed",
        /// It ended by itself after SIGTERM.
        Stopped = 4 "stopped",
    }

    /// Why a pod is not placed or not started.
    PendingReason {
        /// No ready node is left for it.
        NoNode = 0 "no-node",
        /// Every candidate's host port is taken (B13).
        HostPort = 1 "host-port",
        /// Every candidate is full (B6).
        TooManyPods = 2 "too-many-pods",
        /// The node's address range is used up (B3).
        NoAddress = 3 "no-address",
        /// Every dynamic host port is taken (A14).
        NoHostPort = 4 "no-host-port",
    }

    /// Why a pod is deleted.
    DeleteReason {
        /// Evicted by the taint of its unreachable node (D11).
        TaintEviction = 0 "taint-eviction",
        /// Removed by a fault.
        Fault = 1 "fault",
        /// Given up because its Docker host is lost.
        HostLost = 2 "host-lost",
        /// Its machine came back and the object was finished off.
        Finalised = 3 "finalised",
        /// Somebody asked for it.
        Requested = 4 "requested",
        /// Its controller has too many.
        ScaledDown = 5 "scaled-down",
        /// A newer one takes its place.
        Updated = 6 "updated",
        /// Its node is drained.
        Drained = 7 "drained",
    }

    /// What a kubelet's probe decides.
    ProbeKind {
        /// Whether the container has started.
        Startup = 0 "startup",
        /// Whether it must be restarted.
        Liveness = 1 "liveness",
        /// Whether its pod is Ready.
        Readiness = 2 "readiness",
    }

    /// What a TCP segment carries.
    SegmentKind {
        /// First segment of a connection.
        Syn = 0 "SYN",
        /// Answer to a SYN.
        SynAck = 1 "SYN-ACK",
        /// Last segment of the handshake.
        HandshakeAck = 2 "ACK",
        /// The request's payload.
        Request = 3 "request",
        /// Acknowledgement of the request.
        RequestAck = 4 "request-ACK",
        /// The response's payload.
        Response = 5 "response",
        /// The client closes.
        ClientFin = 6 "FIN",
        /// The server closes, acknowledging the client's close.
        ServerFin = 7 "FIN-ACK",
        /// Last acknowledgement.
        FinalAck = 8 "final-ACK",
        /// Reset.
        Reset = 9 "RST",
        /// ICMP port unreachable.
        PortUnreachable = 10 "ICMP-port-unreachable",
        /// ICMP host unreachable.
        HostUnreachable = 11 "ICMP-host-unreachable",
        /// The server closes first.
        EarlyFin = 12 "early-FIN",
        /// Acknowledgement of a response on a connection that stays.
        ResponseAck = 13 "response-ACK",
        /// Keepalive probe.
        Keepalive = 14 "keepalive",
        /// Answer to a keepalive probe.
        KeepaliveAck = 15 "keepalive-ACK",
        /// One packet of a message that is longer than its sender's window.
        Data = 16 "data",
        /// Acknowledgement of such a packet.
        DataAck = 17 "data-ACK",
    }

    /// Why a packet went no further.
    DropReason {
        /// The node it reached is down.
        NodeDown = 0 "node-down",
        /// The link it was on is down.
        LinkDown = 1 "link-down",
        /// The link's queue was full.
        QueueFull = 2 "queue-full",
        /// The link lost it.
        Loss = 3 "loss",
        /// The accept queue was full (linux-kernel section 9).
        BacklogFull = 4 "backlog-full",
        /// Nobody owns the address.
        NoHost = 5 "no-host",
        /// The socket is gone.
        NoSocket = 6 "no-socket",
        /// A partition stands between its ends.
        Partition = 7 "partition",
        /// The traffic policy keeps it on a node that has no endpoint (C.3).
        NoLocalEndpoint = 70 "no-local-endpoint",
        /// The load balancer does not admit its source.
        SourceRange = 71 "source-range",
        /// A rule rejects it, and the node has told its clients of too many errors to say so (E13).
        IcmpLimit = 100 "icmp-limit",
        /// The node's conntrack table is full (linux-kernel section 6).
        ConntrackFull = 101 "conntrack-full",
        /// Every source port of the node's masquerade is in use for this destination (linux-kernel section 5).
        MasqueradeFull = 102 "masquerade-full",
        /// It would go back to the pod that it came from, which the bridge does not let it (linux-kernel section 2).
        NoHairpin = 140 "no-hairpin",
    }

    /// Who chooses among the backends of a list.
    ChoiceRule {
        /// kube-proxy in iptables mode: a chain of `-m statistic --mode random` rules (C.2).
        IptablesStatistic = 0 "iptables-statistic",
        /// kube-proxy in nftables mode: `numgen random mod n` over a verdict map (C.4).
        NftablesNumgen = 1 "nftables-numgen",
        /// Another algorithm of the Service, on the node.
        Algorithm = 2 "algorithm",
        /// The client itself, from the addresses it knows.
        ClientList = 3 "client-list",
        /// The node remembers the client: `sessionAffinity` (C.2).
        Affinity = 70 "session-affinity",
        /// kube-proxy in ipvs mode: the scheduler of a virtual server (C.5).
        Ipvs = 140 "ipvs",
    }

    /// The rule that replaces an address.
    TranslationRule {
        /// kube-proxy sends the packet to the chosen endpoint.
        ServiceDnat = 0 "kube-proxy-dnat",
        /// kube-proxy masquerades, with a random port.
        ServiceMasquerade = 1 "kube-proxy-masquerade",
        /// The network plugin masquerades what leaves the pod network, with a random port.
        PodMasquerade = 2 "pod-masquerade",
        /// Docker sends the packet to the container behind a published port.
        DockerDnat = 3 "docker-dnat",
        /// Docker masquerades what leaves the bridge; the port stays.
        DockerMasquerade = 4 "docker-masquerade",
        /// docker-proxy makes another connection to the container.
        DockerProxy = 5 "docker-proxy",
    }

    /// An end of a connection.
    End {
        /// The one that opened it.
        Client = 0 "client",
        /// The one that was dialled.
        Server = 1 "server",
    }

    /// Which address of a packet.
    AddressPart {
        /// Where it comes from.
        Source = 0 "source",
        /// Where it goes.
        Destination = 1 "destination",
    }
}
