"""W2 with SimPy: clients that think and ask, servers that answer one after the other, and the time of the way. No TCP.

Argument: how many times as large. Prints requests and the seconds of processor time they took.
"""

import random
import sys
import time

import simpy

CLIENTS = 100
SERVERS = 20
ONE_WAY = 100e-6
SERVICE = 100e-6
THINK = 10e-3
SECONDS = 2.0


def main() -> None:
    scale = int(sys.argv[1])
    environment = simpy.Environment()
    draws = random.Random(1)
    servers = [simpy.Resource(environment, capacity=1) for _ in range(SERVERS * scale)]
    completed = 0

    def client():
        nonlocal completed
        while True:
            yield environment.timeout(draws.expovariate(1 / THINK))
            server = draws.choice(servers)
            yield environment.timeout(ONE_WAY)
            with server.request() as turn:
                yield turn
                yield environment.timeout(draws.expovariate(1 / SERVICE))
            yield environment.timeout(ONE_WAY)
            completed += 1

    for _ in range(CLIENTS * scale):
        environment.process(client())
    start = time.process_time()
    environment.run(until=SECONDS)
    print(completed, time.process_time() - start)


main()
