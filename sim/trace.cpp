#include "sim/trace.hpp"

namespace sim {

std::uint32_t NameTable::intern(std::string_view name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(names_.back(), id);
  return id;
}

void Trace::flush() {
  if (buffer_.empty()) return;
  for (TraceSink* sink : sinks_) sink->write(buffer_, names_);
  buffer_.clear();
}

}  // namespace sim
