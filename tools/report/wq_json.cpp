#include "tools/report/wq_json.hpp"

namespace kt::report {

using Json = nlohmann::ordered_json;
using workqueue::Dump;

namespace {

Json lists(const std::vector<cpu::CpuMask>& masks) {
  Json json = Json::array();
  for (const cpu::CpuMask& mask : masks) json.push_back(mask.to_list());
  return json;
}

Json scopes_json(const Dump& dump) {
  Json json = Json::array();
  for (std::size_t scope = 1; scope < workqueue::kAffnScopes; ++scope) {
    const auto id = static_cast<workqueue::AffnScope>(scope);
    const workqueue::Pods& pods = dump.pods[scope];
    json.push_back({{"scope", workqueue::affn_scope_name(id)},
                    {"default", id == dump.default_scope},
                    {"pod_cpus", lists(pods.cpus)},
                    {"pod_node", pods.node},
                    {"cpu_pod", pods.pod_of}});
  }
  return json;
}

Json pool_json(const workqueue::PoolRow& pool) {
  Json json{{"id", pool.id},     {"flags", pool.flags},  {"ref", pool.refcnt},
            {"nice", pool.nice}, {"idle", pool.nr_idle}, {"workers", pool.nr_workers}};
  if (pool.cpu >= 0) {
    json["cpu"] = pool.cpu;
    json["bh"] = (pool.flags & workqueue::kPoolBh) != 0;
  } else {
    json["cpus"] = pool.cpus.to_list();
    json["pod_cpus"] = pool.pod_cpus.to_list();
    json["strict"] = pool.strict;
  }
  return json;
}

Json active_json(const workqueue::NodeActive& active) {
  return {{"nr", active.nr}, {"max", active.max}};
}

Json queues_json(const Dump& dump) {
  Json json = Json::array();
  for (const auto& queue : dump.queues) {
    Json& row = json.emplace_back(
        Json{{"name", queue.name}, {"type", queue.type}, {"cpu_pool", queue.pools}});
    if (queue.dfl >= 0) row["dfl_pool"] = queue.dfl;
  }
  return json;
}

Json rescuers_json(const Dump& dump) {
  Json json = Json::array();
  for (const auto& rescuer : dump.rescuers) {
    json.push_back(
        {{"name", rescuer.name},
         {"unbound_cpus", rescuer.unbound_cpus ? Json(rescuer.unbound_cpus->to_list()) : Json()},
         {"pid", rescuer.pid},
         {"rescuer_cpus", rescuer.cpus.to_list()}});
  }
  return json;
}

Json limits_json(const Dump& dump) {
  Json json = Json::array();
  for (const auto& queue : dump.active) {
    Json nodes = Json::array();
    for (const auto& node : queue.nodes) nodes.push_back(active_json(node));
    json.push_back({{"name", queue.name},
                    {"min_active", queue.min_active},
                    {"max_active", queue.max_active},
                    {"nodes", std::move(nodes)},
                    {"dfl", active_json(queue.dfl)}});
  }
  return json;
}

}  // namespace

Json wq_dump_json(const Dump& dump) {
  Json pools = Json::array();
  for (const auto& pool : dump.pools) pools.push_back(pool_json(pool));
  return {{"wq_unbound_cpumask", dump.unbound_cpus.to_list()},
          {"affinity_scopes", scopes_json(dump)},
          {"pools", std::move(pools)},
          {"workqueues", queues_json(dump)},
          {"rescuers", rescuers_json(dump)},
          {"online_cpus", dump.online_cpus.to_list()},
          {"nodes", lists(dump.nodes)},
          {"node_nr_active", limits_json(dump)}};
}

Json wq_monitor_json(const std::vector<workqueue::MonitorRow>& rows, sim::Time now) {
  constexpr double kSecond = 1e9;
  Json json = Json::array();
  for (const auto& row : rows) {
    json.push_back({{"timestamp", static_cast<double>(now) / kSecond},
                    {"name", row.name},
                    {"unbound", row.unbound},
                    {"mem_reclaim", row.mem_reclaim},
                    {"started", row.stats[workqueue::kStarted]},
                    {"completed", row.stats[workqueue::kCompleted]},
                    {"cpu_time", row.stats[workqueue::kCpuTime]},
                    {"cpu_intensive", row.stats[workqueue::kCpuIntensive]},
                    {"cm_wakeup", row.stats[workqueue::kCmWakeup]},
                    {"repatriated", row.stats[workqueue::kRepatriated]},
                    {"mayday", row.stats[workqueue::kMayday]},
                    {"rescued", row.stats[workqueue::kRescued]}});
  }
  return json;
}

}  // namespace kt::report
