#include "models/workqueue/work.hpp"

namespace kt::workqueue {

void WorkStats::keep(const LateStart& start) {
  std::size_t place = kWorst - 1;
  for (; place > 0 && worst[place - 1].latency < start.latency; --place) {
    worst[place] = worst[place - 1];
  }
  worst[place] = start;
}

}  // namespace kt::workqueue
