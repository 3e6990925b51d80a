#include "tests/conformance/stable.hpp"

#include <algorithm>

#include "tests/conformance/simulate.hpp"

namespace support {

using nlohmann::json;

namespace {

// Of a long list stable.json holds the values, each once.
json recorded_form(json list) {
  constexpr std::size_t kLongest = 40;
  if (list.size() <= kLongest) return list;
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

template <class Lists>
json recorded_forms(const Lists& lists) {
  json result = json::object();
  for (const auto& [name, list] : lists) result[name] = recorded_form(list);
  return result;
}

void add_works(json& result, const WorkFacts& facts) {
  if (!facts.irq_count.empty()) result["irq_count"] = facts.irq_count;
  if (facts.start_order.empty()) return;
  constexpr std::size_t kRecorded = 100;  // starts that stable.json holds
  std::vector<std::string> order = facts.start_order;
  order.resize(std::min(order.size(), kRecorded));
  result["start_order"] = order;
  result["executions_per_work"] = facts.executions_per_work;
  result["peak_executing_per_workqueue"] = facts.peak_executing_per_workqueue;
  result["start_cpu"] = recorded_forms(facts.start_cpu);
  result["worker_kind"] = recorded_forms(facts.worker_kind);
}

bool seen(const json& value, const json& values) {
  if (!value.is_number()) return std::find(values.begin(), values.end(), value) != values.end();
  return value >= *std::min_element(values.begin(), values.end()) &&
         value <= *std::max_element(values.begin(), values.end());
}

// Takes out of `facts` what depends on the phase. What was not seen stays.
void erase_seen(json& facts, const json& differs) {
  for (const auto& [key, values] : differs.items()) {
    if (!facts.contains(key)) continue;
    if (!values.is_object()) {
      if (seen(facts[key], values)) facts.erase(key);
      continue;
    }
    for (const auto& [name, each] : values.items()) {
      if (facts[key].contains(name) && seen(facts[key][name], each)) facts[key].erase(name);
    }
    if (facts[key].empty()) facts.erase(key);
  }
}

}  // namespace

json stable_form(const Facts& facts, const WorkFacts& works) {
  json result = json::object();
  const auto put = [&result](const char* key, const json& list) {
    if (!list.empty()) result[key] = list;
  };
  json marks = json::array();
  for (const Note& mark : facts.marks) {
    if (!mark.text.starts_with("ktoracle ")) marks.push_back(mark.text);
  }
  json returns = json::array();
  for (const Note& note : facts.returns) {
    if (is_recorded(note.text)) returns.push_back(recorded_spelling(note.text));
  }
  json cpuhp = json::array();
  for (const HotplugCallback& call : facts.cpuhp) {
    cpuhp.push_back("cpu " + std::to_string(call.cpu) + " step " + std::to_string(call.step) + " " +
                    call.function +
                    (call.on_the_cpu_itself ? " on the CPU itself" : " on another CPU"));
  }
  put("cpuhp", cpuhp);
  json exits = json::array();
  for (const ThreadExit& exit : facts.exits) exits.push_back(exit.comm);
  json stops = json::array();
  for (const KthreadStop& stop : facts.kthread_stops) {
    if (stop.event == "sched_kthread_stop_ret") stops.push_back(stop.payload);
  }
  json suspend_resume = json::array();
  for (const Note& action : facts.suspend_resume) suspend_resume.push_back(action.text);
  put("suspend_resume", suspend_resume);
  put("marks", marks);
  put("returns", recorded_form(returns));
  put("exits", exits);
  put("kthread_stop_ret", stops);
  result["workers_forked"] = facts.workers_forked.size();
  add_works(result, works);
  return result;
}

json differences(json facts, const json& stable) {
  erase_seen(facts, stable["differs"]);
  return json::diff(facts, stable["same"]);
}

}  // namespace support
