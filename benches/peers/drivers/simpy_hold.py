"""W1 with SimPy: so many events are pending, and each that fires schedules one an exponential second later.

Argument: how many are pending. Prints events and the seconds of processor time they took.
"""

import random
import sys
import time

import simpy

EVENTS = 50_000


def main() -> None:
    pending = int(sys.argv[1])
    environment = simpy.Environment()
    draw = random.Random(1).expovariate

    def fire(_event: simpy.Event) -> None:
        environment.timeout(draw(1.0)).callbacks.append(fire)

    for _ in range(pending):
        environment.timeout(draw(1.0)).callbacks.append(fire)
    start = time.process_time()
    for _ in range(EVENTS):
        environment.step()
    print(EVENTS, time.process_time() - start)


main()
