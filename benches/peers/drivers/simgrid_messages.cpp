// W2 with SimGrid's actors and mailboxes, over two links of 50 us each way. No TCP connections: its model of the network
// gives each message a time. Argument: how many times as large. Prints requests and the seconds of processor time.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

#include "gaps.h"

namespace {

namespace s4u = simgrid::s4u;

constexpr uint32_t kHosts = 10;
constexpr uint32_t kClients = 100;
constexpr uint32_t kServers = 20;
constexpr uint64_t kEach = 100;
constexpr double kBytes = 100;
uint64_t g_completed = 0;

std::string Name(const char* kind, uint32_t number) { return kind + std::to_string(number); }

void Serve(uint32_t number) {
    Random random(number);
    auto* inbox = s4u::Mailbox::by_name(Name("server-", number));
    inbox->set_receiver(s4u::Actor::self());
    while (true) {
        s4u::Mailbox* answer = inbox->get<s4u::Mailbox>();
        s4u::this_actor::sleep_for(random.Exponential(1e5) / 1e9);
        answer->put_init(answer, kBytes)->detach();
    }
}

void Ask(uint32_t number, uint32_t servers) {
    Random random(1000000 + number);
    auto* inbox = s4u::Mailbox::by_name(Name("client-", number));
    inbox->set_receiver(s4u::Actor::self());
    for (uint64_t request = 0; request < kEach; ++request) {
        s4u::this_actor::sleep_for(random.Exponential(1e7) / 1e9);
        auto* server = s4u::Mailbox::by_name(Name("server-", random.Below(servers)));
        server->put_init(inbox, kBytes)->detach();
        inbox->get<s4u::Mailbox>();
        ++g_completed;
    }
}

}  // namespace

int main(int count, char** arguments) {
    const uint32_t scale = std::atoi(arguments[1]);
    s4u::Engine engine(&count, arguments);
    engine.set_config("network/model:CM02");
    auto* zone = s4u::create_star_zone("zone");
    std::vector<s4u::Host*> hosts;
    for (uint32_t number = 0; number < 2 * kHosts * scale; ++number) {
        auto* host = zone->create_host(Name("host-", number), 1e9);
        auto* link = zone->create_split_duplex_link(Name("link-", number), 1.25e9)->set_latency(50e-6);
        link->seal();
        zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, {{link, s4u::LinkInRoute::Direction::UP}}, true);
        hosts.push_back(host);
    }
    zone->seal();
    const uint32_t clients = kClients * scale;
    const uint32_t servers = kServers * scale;
    for (uint32_t number = 0; number < servers; ++number) {
        s4u::Actor::create(Name("server-", number), hosts[number % (kHosts * scale)], Serve, number)->daemonize();
    }
    for (uint32_t number = 0; number < clients; ++number) {
        s4u::Actor::create(Name("client-", number), hosts[kHosts * scale + number % (kHosts * scale)], Ask, number, servers);
    }
    const double start = ProcessorSeconds();
    engine.run();
    std::printf("%llu %f\n", static_cast<unsigned long long>(g_completed), ProcessorSeconds() - start);
    std::fflush(stdout);
    std::_Exit(0);
}
