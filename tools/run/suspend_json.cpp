#include "tools/run/suspend_json.hpp"

namespace kt::run {

using Json = nlohmann::ordered_json;

namespace {

Json duration_json(Time duration) {
  return duration < 0 ? Json() : Json(duration);
}

Json sleepers_json(const std::vector<Sleeper>& sleepers) {
  Json list = Json::array();
  for (const Sleeper& sleeper : sleepers) list.push_back(sleeper_json(sleeper));
  return list;
}

Json failure_json(const FreezeFailure& failure) {
  Json queues = Json::array();
  for (const BusyQueue& queue : failure.queues) {
    queues.push_back({{"workqueue", queue.name},
                      {"waiting", queue.waiting},
                      {"workers", sleepers_json(queue.workers)}});
  }
  return {{"message", failure.headline()},       {"start", failure.start},
          {"elapsed", failure.elapsed},          {"user_only", failure.user_only},
          {"aborted", failure.aborted},          {"refusing", sleepers_json(failure.refusing)},
          {"busy_workqueues", std::move(queues)}};
}

Json phase_json(const PhaseUse& phase) {
  return {{"phase", phase.name},  {"depth", phase.depth},
          {"cpu", phase.cpu},     {"thread", phase.thread},
          {"start", phase.start}, {"duration", duration_json(phase.duration)},
          {"note", phase.note}};
}

}  // namespace

Json suspend_json(const std::vector<SuspendUse>& suspends) {
  Json list = Json::array();
  for (const SuspendUse& use : suspends) {
    Json phases = Json::array();
    for (const PhaseUse& phase : use.phases) phases.push_back(phase_json(phase));
    Json failures = Json::array();
    for (const FreezeFailure& failure : use.failures) failures.push_back(failure_json(failure));
    list.push_back({{"state", use.state},
                    {"by", use.by},
                    {"pid", use.pid},
                    {"start", use.start},
                    {"duration", duration_json(use.duration)},
                    {"asleep", use.asleep},
                    {"result", use.result},
                    {"woken_by", use.woken_by},
                    {"phases", std::move(phases)},
                    {"freeze_failures", std::move(failures)}});
  }
  return list;
}

}  // namespace kt::run
