// What the format has and the models do not have yet. One table: a model that arrives takes its
// line out.
#include <fmt/format.h>

#include <array>

#include "sim/error.hpp"
#include "tools/scenario/load.hpp"

namespace kt::scenario {
namespace {

struct Missing {
  std::string_view what;
  /// Adds the place of each use.
  void (*find)(const Scenario& scenario, std::vector<std::uint32_t>& places);
};

template <auto Objects>
void objects(const Scenario& scenario, std::vector<std::uint32_t>& places) {
  for (const auto& object : scenario.*Objects) places.push_back(object.origin);
}

/// Statements with the verbs from First to Last.
template <Verb First, Verb Last>
void verbs_used(const Scenario& scenario, std::vector<std::uint32_t>& places) {
  for (const Program& program : scenario.programs)
    for (const Op& op : program.ops)
      if (op.verb >= First && op.verb <= Last) places.push_back(op.origin);
}

template <Verb Only>
void verb_used(const Scenario& scenario, std::vector<std::uint32_t>& places) {
  verbs_used<Only, Only>(scenario, places);
}

/// The completion interrupts of disks are not threads.
void rt_io(const Scenario& scenario, std::vector<std::uint32_t>& places) {
  if (scenario.kernel.preempt != Preempt::kRt) return;
  verb_used<Verb::kIo>(scenario, places);
  verbs_used<Verb::kWrite, Verb::kFsync>(scenario, places);
  if (scenario.kernel.background != BackgroundLoad::kNone && !scenario.machine.disks.empty())
    places.push_back(scenario.kernel.background_origin);
}

// The threads of the legacy model are those that it booted with.
void legacy_changes(const Scenario& scenario, std::vector<std::uint32_t>& places) {
  if (!scenario.kernel.legacy_workqueues) return;
  verb_used<Verb::kDestroyWorkqueue>(scenario, places);
  verb_used<Verb::kSetMinActive>(scenario, places);
  verb_used<Verb::kSetWorkqueueAttrs>(scenario, places);
  verb_used<Verb::kSetUnboundCpumask>(scenario, places);
  verb_used<Verb::kAllocWorkqueue>(scenario, places);
}

constexpr std::array kMissing{
    Missing{"io under preempt rt", rt_io},
    Missing{"changes of workqueues of the model legacy", legacy_changes},
};

}  // namespace

void require_modelled(const Scenario& scenario) {
  for (const Missing& missing : kMissing) {
    std::vector<std::uint32_t> places;
    missing.find(scenario, places);
    if (places.empty()) continue;
    throw sim::UserError(
        fmt::format("{}: not modelled yet: {}", scenario.where(places.front()), missing.what));
  }
}

}  // namespace kt::scenario
