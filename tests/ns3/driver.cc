// One request and its answer over two links in ns-3: a client behind a slow link with a drop-tail queue, a switch, and a
// server behind a link without a limit. Prints how long the client waits for the whole answer, in nanoseconds, and how
// many packets the slow link's queue has dropped.
//
// TCP is NewReno as Linux has it: TcpLinuxReno widens the window by one packet per acknowledged packet (TcpNewReno by one
// per acknowledgement), and TcpPrrRecovery does not count a duplicate twice (TcpClassicRecovery widens the window for one
// that has been taken off the bytes in flight already). No SACK, no delayed acknowledgements. A packet takes as long as on
// Ethernet: 1448 bytes with 54 of ns-3's headers (PPP's are 2 bytes) stand for 1538, so the rate is scaled by 1502 / 1538.

#include <cstdio>
#include <cstdlib>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

namespace {

uint64_t wanted = 0;
uint64_t received = 0;
uint64_t asked = 0;
uint64_t drops = 0;
Time ended;

void Arrived(Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv()) {
        received += packet->GetSize();
        if (received >= wanted && ended.IsZero()) {
            ended = Simulator::Now();
            Simulator::Stop(NanoSeconds(1));
        }
    }
}

void Connected(Ptr<Socket> socket)
{
    socket->Send(Create<Packet>(200));
}

void Asked(Ptr<Socket> socket)
{
    while (Ptr<Packet> packet = socket->Recv()) {
        asked += packet->GetSize();
        if (asked == 200) {
            socket->Send(Create<Packet>(wanted));
        }
    }
}

void Accepted(Ptr<Socket> socket, const Address&)
{
    socket->SetRecvCallback(MakeCallback(&Asked));
}

void Dropped(Ptr<const Packet>)
{
    drops += 1;
}

NetDeviceContainer Join(NodeContainer ends, uint64_t rate, uint64_t latency, const std::string& queue)
{
    PointToPointHelper link;
    // The queue drops what it has no room for; nothing queues above it.
    link.DisableFlowControl();
    link.SetDeviceAttribute("DataRate", DataRateValue(DataRate(rate)));
    link.SetDeviceAttribute("Mtu", UintegerValue(1500));
    link.SetChannelAttribute("Delay", TimeValue(NanoSeconds(latency)));
    link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue(queue));
    return link.Install(ends);
}

} // namespace

int main(int argc, char* argv[])
{
    uint64_t latency = 0;
    uint64_t mbps = 0;
    uint64_t queue = 0;
    uint64_t minimum = 200;
    CommandLine arguments;
    arguments.AddValue("bytes", "payload of the answer", wanted);
    arguments.AddValue("latency", "of each link, in nanoseconds", latency);
    arguments.AddValue("mbps", "bandwidth of the slow link", mbps);
    arguments.AddValue("queue", "packets that wait at the slow link", queue);
    arguments.AddValue("minRto", "least retransmission timeout, in milliseconds", minimum);
    arguments.Parse(argc, argv);

    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TcpLinuxReno::GetTypeId()));
    Config::SetDefault("ns3::TcpL4Protocol::RecoveryType", TypeIdValue(TcpPrrRecovery::GetTypeId()));
    Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(false));
    Config::SetDefault("ns3::TcpSocketBase::MinRto", TimeValue(MilliSeconds(minimum)));
    Config::SetDefault("ns3::TcpSocketBase::ClockGranularity", TimeValue(MilliSeconds(4)));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
    Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(1));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(1 << 26));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(1 << 26));

    NodeContainer nodes;
    nodes.Create(3);
    InternetStackHelper stack;
    stack.Install(nodes);
    const auto slow = Join(NodeContainer(nodes.Get(0), nodes.Get(1)), mbps * 1000000 * 1502 / 1538, latency,
                           std::to_string(queue) + "p");
    const auto fast = Join(NodeContainer(nodes.Get(1), nodes.Get(2)), 1000000000000, latency, "1000000p");
    slow.Get(1)->GetObject<PointToPointNetDevice>()->GetQueue()->TraceConnectWithoutContext(
        "Drop", MakeCallback(&Dropped));
    Ipv4AddressHelper addresses("10.0.1.0", "255.255.255.0");
    addresses.Assign(slow);
    addresses.SetBase("10.0.2.0", "255.255.255.0");
    const auto server = addresses.Assign(fast).GetAddress(1);
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();

    const auto kind = TcpSocketFactory::GetTypeId();
    auto listener = Socket::CreateSocket(nodes.Get(2), kind);
    listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), 80));
    listener->Listen();
    listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Accepted));
    auto client = Socket::CreateSocket(nodes.Get(0), kind);
    client->Bind();
    client->SetConnectCallback(MakeCallback(&Connected), MakeNullCallback<void, Ptr<Socket>>());
    client->SetRecvCallback(MakeCallback(&Arrived));
    const Time begins = Seconds(1);
    Simulator::Schedule(begins, [client, server] { client->Connect(InetSocketAddress(server, 80)); });
    Simulator::Stop(Seconds(600));
    Simulator::Run();
    std::printf("%lld %llu\n", static_cast<long long>((ended - begins).GetNanoSeconds()),
                static_cast<unsigned long long>(drops));
    Simulator::Destroy();
    return received == wanted ? EXIT_SUCCESS : EXIT_FAILURE;
}
