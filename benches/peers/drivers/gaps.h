// What the drivers share: draws as the others make them, and the processor's time.

#pragma once

#include <cmath>
#include <cstdint>
#include <ctime>

/// splitmix64.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t Next() {
        state_ += 0x9e3779b97f4a7c15;
        uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    uint64_t Below(uint64_t bound) { return Next() % bound; }

    /// Whole nanoseconds.
    uint64_t Exponential(double mean_ns) {
        const double unit = static_cast<double>(Next() >> 11) / 9007199254740992.0;
        return static_cast<uint64_t>(-mean_ns * std::log(1.0 - unit));
    }

private:
    uint64_t state_;
};

/// Processor time of this process so far.
inline double ProcessorSeconds() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
