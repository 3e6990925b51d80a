#include "models/power/phases.hpp"

#include "sim/error.hpp"

namespace kt::power {

Transition& Phases::open(std::string_view state) {
  const Task& self = scheduler_.current();
  current_ = &transitions_.emplace_back();
  current_->state = state;
  current_->by = self.full_name;
  current_->pid = self.pid;
  current_->start = scheduler_.machine().now();
  open_.clear();
  return *current_;
}

void Phases::close(int result) {
  current_->end = scheduler_.machine().now();
  current_->result = result;
  current_ = nullptr;
}

void Phases::trace(std::string_view name, std::uint32_t value, bool start) {
  cpu::Cpu& cpu = scheduler_.machine().this_cpu();
  if (!cpu.traced(trace::Event::kSuspendResume)) return;
  cpu.trace(trace::Event::kSuspendResume, scheduler_.machine().trace().names().intern(name),
            cpu::pack(value, start ? 1 : 0));
}

Phase& Phases::add(std::string_view name) {
  KT_ASSERT(current_ != nullptr, "phase {} outside of a transition", name);
  Phase& phase = current_->phases.emplace_back();
  phase.name = name;
  phase.depth = static_cast<int>(open_.size());
  phase.cpu = scheduler_.machine().this_cpu().id();
  phase.thread = scheduler_.current().full_name;
  phase.start = scheduler_.machine().now();
  open_.push_back(current_->phases.size() - 1);
  return phase;
}

void Phases::begin(std::string_view name, std::uint32_t value) {
  trace(name, value, true);
  Phase& phase = add(name);
  phase.value = value;
  phase.traced = true;
}

// What began inside and has no end ends with it.
void Phases::end(std::string_view name, std::uint32_t value) {
  trace(name, value, false);
  while (!open_.empty()) {
    Phase& phase = current_->phases[open_.back()];
    open_.pop_back();
    if (phase.name != name) continue;
    phase.end = scheduler_.machine().now();
    return;
  }
}

void Phases::begin_untraced(std::string_view name) {
  add(name);
}

void Phases::end_untraced() {
  current_->phases[open_.back()].end = scheduler_.machine().now();
  open_.pop_back();
}

void Phases::note(std::string text) {
  if (current_ == nullptr || current_->phases.empty()) return;
  Phase& phase = open_.empty() ? current_->phases.back() : current_->phases[open_.back()];
  phase.note = std::move(text);
}

}  // namespace kt::power
