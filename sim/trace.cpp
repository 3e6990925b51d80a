#include "sim/trace.hpp"

#include <algorithm>
#include <functional>

namespace sim {

NameTable::NameTable() : index_(64, kFree) {
  intern("");
}

std::uint32_t NameTable::intern(std::string_view name) {
  std::size_t slot = slot_of(name);
  if (index_[slot] != kFree) return index_[slot];
  if (names_.size() >= index_.size() / 4 * 3) {
    grow();
    slot = slot_of(name);
  }
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.push_back(keep(name));
  index_[slot] = id;
  return id;
}

// Where the name's id is, or would be.
std::size_t NameTable::slot_of(std::string_view name) const {
  std::size_t slot = std::hash<std::string_view>{}(name) & (index_.size() - 1);
  while (index_[slot] != kFree && names_[index_[slot]] != name)
    slot = (slot + 1) & (index_.size() - 1);
  return slot;
}

void NameTable::grow() {
  index_.assign(index_.size() * 2, kFree);
  for (std::uint32_t id = 0; id < names_.size(); ++id) index_[slot_of(names_[id])] = id;
}

std::string_view NameTable::keep(std::string_view name) {
  constexpr std::size_t kBlock = 4096;
  if (block_left_.size() < name.size()) {
    const std::size_t size = std::max(kBlock, name.size());
    blocks_.push_back(std::make_unique<char[]>(size));
    block_left_ = {blocks_.back().get(), size};
  }
  name.copy(block_left_.data(), name.size());
  const std::string_view kept(block_left_.data(), name.size());
  block_left_ = block_left_.subspan(name.size());
  return kept;
}

void Trace::flush() {
  if (buffer_.empty()) return;
  for (TraceSink* sink : sinks_) sink->write(buffer_, names_);
  buffer_.clear();
}

}  // namespace sim
