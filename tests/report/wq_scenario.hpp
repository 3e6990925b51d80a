// Two nodes of two CPUs with a per-CPU, an unbound and an ordered queue, all at work: what the
// tests of workqueue views look at. kthreadd is kept where it has to wait, so that a rescuer comes.
#pragma once

#include "tests/run/stopped_system.hpp"

namespace support {

inline constexpr sim::Time kWqMoment = 90'000'000;  // ns

inline const char* const kWqScenario = R"(
  "machine": {"cpus": 4, "nodes": [{"cpus": "0-1"}, {"cpus": "2-3"}], "llc": ["0-1", "2-3"]},
  "workqueues": {"rx": {"flags": ["WQ_MEM_RECLAIM"], "max_active": 2},
                 "crypt": {"flags": ["WQ_UNBOUND", "WQ_MEM_RECLAIM"]},
                 "journal": {"ordered": true}},
  "works": {"receive": {"workqueue": "rx", "count": 10,
                        "do": [{"run": "1ms"}, {"msleep": "5ms"}, {"run": "20ms"}]},
            "encrypt": {"workqueue": "crypt", "count": 5, "do": [{"run": "40ms"}]}},
  "kthreads": {"k": {"cpu": 0, "do": [{"set_cpus_allowed": {"thread": "kthreadd", "cpus": "1"}},
                                      {"loop": 10, "do": [{"queue_work": "receive"}]},
                                      {"loop": 5, "do": [{"queue_work": "encrypt"}]}]}})";

}  // namespace support
