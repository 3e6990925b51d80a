"""bench_simpy.py PROCESSES WAITS: SimPy processes that wait in a loop."""

import sys
import time

import simpy

PROCESSES, WAITS = int(sys.argv[1]), int(sys.argv[2])
MASK = (1 << 64) - 1


def wait_in_a_loop(environment, seed):
    state = seed
    for _ in range(WAITS):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        yield environment.timeout((state >> 33 & 0xFFFFF) + 1)


environment = simpy.Environment()
for i in range(PROCESSES):
    environment.process(wait_in_a_loop(environment, i + 1))
start = time.process_time()
environment.run()
seconds = time.process_time() - start
print('{"waits": %d, "seconds": %g}' % (PROCESSES * WAITS, seconds))
