#include "models/workqueue/work.hpp"

#include <algorithm>

namespace kt::workqueue {

void WorkStats::note_start(const LateStart& start) {
  ++started;
  queue_to_start.record(start.latency);
  if (start.latency <= worst[kWorst - 1].latency) return;
  std::size_t place = kWorst - 1;
  for (; place > 0 && worst[place - 1].latency < start.latency; --place) {
    worst[place] = worst[place - 1];
  }
  worst[place] = start;
}

}  // namespace kt::workqueue
