// W1 with SimGrid's timers: so many are pending, and each that fires sets one an exponential second later.
// Argument: how many are pending. Prints events and the seconds of processor time they took.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

#include "gaps.h"

namespace {

using simgrid::kernel::timer::Timer;

Random g_random(1);
uint64_t g_fired = 0;
constexpr uint64_t kEvents = 300000;
double g_start = 0;

void Fire() {
    if (++g_fired == kEvents) {
        std::printf("%llu %f\n", static_cast<unsigned long long>(kEvents), ProcessorSeconds() - g_start);
        std::fflush(stdout);
        std::_Exit(0);
    }
    Timer::set(simgrid::s4u::Engine::get_clock() + g_random.Exponential(1e9) / 1e9, Fire);
}

}  // namespace

int main(int count, char** arguments) {
    const uint32_t pending = std::atoi(arguments[1]);
    simgrid::s4u::Engine engine(&count, arguments);
    auto* zone = simgrid::s4u::create_full_zone("zone");
    auto* host = zone->create_host("host", 1e9);
    zone->seal();
    // Time passes only as long as there is an actor.
    simgrid::s4u::Actor::create("sleeper", host, [] { simgrid::s4u::this_actor::sleep_for(1e9); });
    for (uint32_t token = 0; token < pending; ++token) {
        Timer::set(g_random.Exponential(1e9) / 1e9, Fire);
    }
    g_start = ProcessorSeconds();
    engine.run();
    return 1;
}
