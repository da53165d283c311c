// W2 with ns-3's TCP: a connection for each request, on hosts with one link each to a router. Argument: how many times as
// large. Prints requests and the seconds of processor time they took.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "gaps.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

namespace {

using namespace ns3;

constexpr uint32_t kHosts = 10;
constexpr uint32_t kClients = 100;
constexpr uint32_t kServers = 20;
constexpr uint64_t kRequests = 2000;
Random g_random(1);
uint64_t g_completed = 0;

/// Answers one request after the other.
struct Server {
    std::deque<Ptr<Socket>> waiting;
    Address address;

    void Listen(Ptr<Node> node, uint16_t port) {
        Ptr<Socket> listener = Socket::CreateSocket(node, TcpSocketFactory::GetTypeId());
        listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
        listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(),
                                    MakeCallback(&Server::Accept, this));
        listener->Listen();
    }

    void Accept(Ptr<Socket> socket, const Address&) {
        socket->SetRecvCallback(MakeCallback(&Server::Receive, this));
        socket->SetCloseCallbacks(MakeCallback(&Server::Closed, this), MakeNullCallback<void, Ptr<Socket>>());
    }

    void Closed(Ptr<Socket> socket) { socket->Close(); }

    void Receive(Ptr<Socket> socket) {
        if (socket->Recv() && socket->GetTxAvailable() > 0) {
            waiting.push_back(socket);
            if (waiting.size() == 1) {
                Serve();
            }
        }
    }

    void Serve() { Simulator::Schedule(NanoSeconds(g_random.Exponential(1e5)), &Server::Served, this); }

    void Served() {
        waiting.front()->Send(Create<Packet>(100));
        waiting.pop_front();
        if (!waiting.empty()) {
            Serve();
        }
    }
};

/// Thinks, connects, asks, hangs up.
struct Client {
    Ptr<Node> node;
    std::vector<Server>* servers;

    void Think() { Simulator::Schedule(NanoSeconds(g_random.Exponential(1e7)), &Client::Connect, this); }

    void Connect() {
        Ptr<Socket> socket = Socket::CreateSocket(node, TcpSocketFactory::GetTypeId());
        socket->Bind();
        socket->SetConnectCallback(MakeCallback(&Client::Connected, this), MakeNullCallback<void, Ptr<Socket>>());
        socket->SetRecvCallback(MakeCallback(&Client::Receive, this));
        socket->Connect((*servers)[g_random.Below(servers->size())].address);
    }

    void Connected(Ptr<Socket> socket) { socket->Send(Create<Packet>(100)); }

    void Receive(Ptr<Socket> socket) {
        if (!socket->Recv()) {
            return;
        }
        socket->Close();
        if (++g_completed == kRequests) {
            Simulator::Stop();
        }
        Think();
    }
};

}  // namespace

int main(int, char** arguments) {
    const uint32_t scale = std::atoi(arguments[1]);
    NodeContainer hosts(2 * kHosts * scale);
    NodeContainer router(1);
    InternetStackHelper stack;
    stack.Install(hosts);
    stack.Install(router);
    PointToPointHelper wire;
    wire.SetDeviceAttribute("DataRate", StringValue("10Gbps"));
    wire.SetChannelAttribute("Delay", StringValue("50us"));
    Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.252");
    std::vector<Ipv4Address> of_host;
    for (uint32_t number = 0; number < hosts.GetN(); ++number) {
        const auto interfaces = addresses.Assign(wire.Install(hosts.Get(number), router.Get(0)));
        of_host.push_back(interfaces.GetAddress(0));
        addresses.NewNetwork();
        Ipv4StaticRoutingHelper().GetStaticRouting(hosts.Get(number)->GetObject<Ipv4>())->SetDefaultRoute(interfaces.GetAddress(1), 1);
    }
    std::vector<Server> servers(kServers * scale);
    for (uint32_t number = 0; number < servers.size(); ++number) {
        const uint32_t host = number % (kHosts * scale);
        const uint16_t port = 8000 + number / (kHosts * scale);
        servers[number].address = InetSocketAddress(of_host[host], port);
        servers[number].Listen(hosts.Get(host), port);
    }
    std::vector<Client> clients(kClients * scale);
    for (uint32_t number = 0; number < clients.size(); ++number) {
        clients[number] = {hosts.Get(kHosts * scale + number % (kHosts * scale)), &servers};
        clients[number].Think();
    }
    const double start = ProcessorSeconds();
    Simulator::Run();
    std::printf("%llu %f\n", static_cast<unsigned long long>(g_completed), ProcessorSeconds() - start);
    std::fflush(stdout);
    std::_Exit(0);
}
