// What the parts of the loader share: the scenario that grows, its names, the options. Internal to
// the loader.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/scenario/json_document.hpp"
#include "tools/scenario/load.hpp"
#include "tools/scenario/names.hpp"
#include "tools/scenario/reader.hpp"

namespace kt::scenario {

constexpr std::int32_t kMostActive = 512;  ///< include/linux/workqueue.h: WQ_MAX_ACTIVE

struct LoadContext {
  const LoadOptions& options;
  Scenario& scenario;
  std::string folder;  ///< of the scenario file
  Names names = {};
  std::vector<std::unique_ptr<Document>> documents = {};  ///< the scenario, then the machine preset

  /// The id of the place of a value.
  std::uint32_t origin(const Value& value);
  /// Adds a distribution (or a fixed time) and gives its index.
  std::int32_t add_duration(const Value& value);
};

/// The name of something that a value names; the texts of errors come from Names.
std::int32_t read_reference(const LoadContext& context, Section section, const Value& value);
std::int32_t read_thread(const LoadContext& context, const Value& value, ThreadSet allowed);
WorkReference read_work(const LoadContext& context, Section section, const Value& value, bool bare);

/// "fifo:80", "rr:10", "normal", …: policy and priority; also the kernel's names, SCHED_FIFO.
/// Without a priority fifo and rr get 50, as sched_set_fifo gives.
Scheduling parse_policy(const Value& value);
inline constexpr std::int32_t kLeastNice = -20;
inline constexpr std::int32_t kMostNice = 19;

/// The scopes of workqueue affinity, in the order of AffinityScope.
AffinityScope read_affinity_scope(const Value& value);

// The parts, in the order in which load() calls them.
void load_machine(LoadContext& context, const Value& root);
void load_kernel(LoadContext& context, const Value& root);
void declare_objects(LoadContext& context, const Value& root);
void load_objects(LoadContext& context, const Value& root);
void load_events(LoadContext& context, const Value& root);
void load_expectations(LoadContext& context, const Value& root);

/// Compiles a `do` list for a context; gives the index of the program.
std::int32_t compile_body(LoadContext& context, const Value& body, Context where);
/// Compiles one event: its "do", or its verb.
std::int32_t compile_event(LoadContext& context, const Value& event);
/// Parses an expression; gives its index.
std::int32_t add_expression(LoadContext& context, const Value& value, Context where);

/// Parses "x = expression" into the fields of a `set`.
void read_assignment(LoadContext& context, const Value& value, Context where, Op& op);

/// Fills the fields of an operation from the argument of its verb.
void read_argument(LoadContext& context, const VerbInfo& verb, const Value& argument, Context where,
                   Op& op);

}  // namespace kt::scenario
