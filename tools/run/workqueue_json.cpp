#include "tools/run/workqueue_json.hpp"

namespace kt::run {

using Json = nlohmann::ordered_json;

namespace {

Json late_json(const LateUse& use) {
  Json json{{"work", use.work},        {"queued_at", use.queued_at},
            {"latency", use.latency},  {"queued_by", use.queued_by},
            {"worker", use.worker},    {"cpu", use.cpu},
            {"rescued", use.rescued},  {"max_active", use.inactive},
            {"behind", use.behind},    {"worker_creation", use.creation},
            {"cpu_wait", use.cpu_wait}, {"way", use.way}};
  if (use.behind > 0) {
    json["behind_work"] = use.behind_work;
    json["behind_worker"] = use.behind_worker;
  }
  if (use.cpu_wait > 0) json["cpu_taken_by"] = use.cpu_taken_by;
  return json;
}

Json work_json(const WorkUse& use, bool full) {
  Json worst = Json::array();
  for (const LateUse& late : use.worst) worst.push_back(late_json(late));
  return {{"name", use.name},
          {"workqueue", use.workqueue},
          {"queued", use.queued},
          {"started", use.started},
          {"ended", use.ended},
          {"queue_to_start", latency_json(use.queue_to_start, full)},
          {"start_to_end", latency_json(use.start_to_end, full)},
          {"worst", std::move(worst)}};
}

Json pool_json(const PoolUse& use) {
  Json changes = Json::array();
  for (const auto& change : use.changes) changes.push_back({change.at, change.workers});
  return {{"id", use.id},
          {"name", use.name},
          {"works", use.works},
          {"workers",
           {{"at_boot", use.at_boot},
            {"least", use.least},
            {"most", use.most},
            {"most_since", use.most_since},
            {"now", use.now},
            {"nr_changes", use.nr_changes},
            {"changes", std::move(changes)}}},
          {"created", use.created},
          {"culled", use.culled},
          {"rescued", use.rescued},
          {"lock_contentions", use.contentions},
          {"lock_waited", use.lock_waited},
          {"cpu_idle", use.idle}};
}

}  // namespace

Json workqueue_json(const WorkqueueUse& use, bool full) {
  Json works = Json::array();
  for (const WorkUse& work : use.works) works.push_back(work_json(work, full));
  Json queues = Json::array();
  for (const WorkUse& queue : use.queues) queues.push_back(work_json(queue, full));
  Json pools = Json::array();
  for (const PoolUse& pool : use.pools) pools.push_back(pool_json(pool));
  Json locks = Json::array();
  for (const LockUse& lock : use.locks) {
    locks.push_back(
        {{"name", lock.name}, {"contentions", lock.contentions}, {"waited", lock.waited}});
  }
  return {{"works", std::move(works)},
          {"queues", std::move(queues)},
          {"pools", std::move(pools)},
          {"locks", std::move(locks)}};
}

}  // namespace kt::run
