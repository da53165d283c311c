// W1 with ns-3's core and its default scheduler: so many events are pending, and each that fires schedules one an
// exponential second later. Argument: how many are pending. Prints events and the seconds of processor time they took.

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gaps.h"
#include "ns3/simulator.h"

namespace {

Random g_random(1);
uint64_t g_left = 0;

void Fire(uint32_t token) {
    if (--g_left == 0) {
        ns3::Simulator::Stop();
    }
    ns3::Simulator::Schedule(ns3::NanoSeconds(g_random.Exponential(1e9)), &Fire, token);
}

}  // namespace

int main(int, char** arguments) {
    const uint32_t pending = std::atoi(arguments[1]);
    const uint64_t events = 300000;
    g_left = events;
    for (uint32_t token = 0; token < pending; ++token) {
        ns3::Simulator::Schedule(ns3::NanoSeconds(g_random.Exponential(1e9)), &Fire, token);
    }
    const double start = ProcessorSeconds();
    ns3::Simulator::Run();
    std::printf("%llu %f\n", static_cast<unsigned long long>(events), ProcessorSeconds() - start);
    std::fflush(stdout);
    std::_Exit(0);
}
