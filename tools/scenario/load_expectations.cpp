// expect: the assertions that are checked at the end.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"

namespace kt::scenario {
namespace {

constexpr std::array<std::string_view, 6> kComparisons{"<", "<=", "==", "!=", ">=", ">"};
constexpr std::array<std::string_view, 6> kKinds{"latency", "workers", "never",
                                                 "always",  "count",   "order"};
// In the order of Property.
constexpr std::array<std::string_view, 9> kProperties{
    "terminates",  "lost_wakeup", "deadlock",       "hung_task",     "workqueue_stall",
    "soft_lockup", "starvation",  "freeze_failure", "use_after_free"};

class ExpectationReader {
 public:
  ExpectationReader(LoadContext& context, const Value& item) : context_(context), item_(item) {}

  Expectation read() {
    require_keys(item_, keys_of("expect"), "an expectation, an object");
    result_.origin = context_.origin(item_);
    const Value kind = what();
    if (kind.key() == "latency")
      latency(kind);
    else if (kind.key() == "workers")
      workers(kind);
    else if (kind.key() == "never")
      never(kind);
    else if (kind.key() == "always")
      always(kind);
    else if (kind.key() == "count")
      count(kind);
    else
      order(kind);
    return std::move(result_);
  }

 private:
  /// The member that says what kind of expectation it is.
  Value what() const {
    std::optional<Value> found;
    for (const Value& member : item_.children()) {
      if (std::find(kKinds.begin(), kKinds.end(), member.key()) == kKinds.end()) continue;
      if (found)
        member.fail_at_key({fmt::format("both \"{}\" and \"{}\"", found->key(), member.key()),
                            "one expectation in each object"});
      found = member;
    }
    if (!found) item_.fail({"nothing is expected", join(kKinds)});
    return *found;
  }

  void allow(std::initializer_list<std::string_view> keys) const {
    for (const Value& member : item_.children())
      if (std::find(keys.begin(), keys.end(), member.key()) == keys.end())
        member.fail_at_key({fmt::format("\"{}\" does not belong here", member.key()),
                            join(std::span(keys.begin(), keys.size()))});
  }

  /// The one comparison of the object; gives its value.
  Value comparison() {
    std::optional<Value> found;
    for (std::size_t i = 0; i < kComparisons.size(); ++i) {
      const auto member = item_.find(kComparisons[i]);
      if (!member) continue;
      if (found) member->fail_at_key({"a second comparison", "one comparison"});
      found = member;
      result_.comparison = static_cast<Comparison>(i);
    }
    if (!found) item_.fail({"there is nothing to compare with", join(kComparisons)});
    return *found;
  }

  /// "p99", "p99.9", "mean", "min", "max".
  void latency(const Value& value) {
    allow({"work", "latency", "<", "<=", "==", "!=", ">=", ">"});
    result_.kind = Expectation::Kind::kLatency;
    const std::string text = read_text(value, "a quantile like \"p99\", or mean, min, max");
    double percent = -1;
    bool quantile = text.starts_with('p');
    if (quantile) {
      const char* const end = text.data() + text.size();
      const auto [last, error] = std::from_chars(text.data() + 1, end, percent);
      quantile = error == std::errc{} && last == end && percent >= 0 && percent <= 100;
    }
    if (quantile)
      result_.quantile = percent / 100;
    else if (text == "min" || text == "max")
      result_.quantile = text == "min" ? 0 : 1;
    else if (text != "mean")
      value.fail({fmt::format("unknown latency \"{}\"", text),
                  "a quantile from \"p0\" to \"p100\", or mean, min, max"});
    result_.work =
        read_reference(context_, Section::kWork, required(item_, "work", "the name of a work"));
    result_.value = read_time(comparison());
  }

  void workers(const Value& value) {
    allow({"workers", "max", "min"});
    result_.kind = Expectation::Kind::kWorkers;
    result_.workqueue = read_reference(context_, Section::kWorkqueue, value);
    const auto most = item_.find("max");
    const auto least = item_.find("min");
    if (most.has_value() == least.has_value())
      item_.fail({"one bound is needed", "\"max\" or \"min\""});
    result_.comparison = most ? Comparison::kLessEqual : Comparison::kGreaterEqual;
    result_.value = read_integer(most ? *most : *least, 0, INT32_MAX);
  }

  void never(const Value& value) {
    allow({"never"});
    result_.kind = Expectation::Kind::kNever;
    const std::span<const std::string_view> defects = std::span(kProperties).subspan(1);
    result_.property = static_cast<Property>(1 + read_choice(value, defects, "defect"));
  }

  void always(const Value& value) {
    allow({"always"});
    result_.kind = Expectation::Kind::kAlways;
    const std::span<const std::string_view> good = std::span(kProperties).first(1);
    result_.property = static_cast<Property>(read_choice(value, good, "property"));
  }

  void count(const Value& value) {
    allow({"count", "work", "thread", "<", "<=", "==", "!=", ">=", ">"});
    result_.kind = Expectation::Kind::kCount;
    result_.text = read_text(value, "the name of a trace event");
    if (const auto work = item_.find("work"))
      result_.work = read_reference(context_, Section::kWork, *work);
    if (const auto thread = item_.find("thread"))
      result_.thread = read_thread(context_, *thread, ThreadSet::kAny);
    result_.value = read_integer(comparison(), 0, INT64_MAX);
  }

  void order(const Value& value) {
    allow({"order"});
    result_.kind = Expectation::Kind::kOrder;
    result_.texts = read_texts(value, "an array like [\"mark a\", \"mark b\"]");
    if (result_.texts.size() < 2)
      value.fail({"fewer than two have no order", "an array of at least two"});
  }

  LoadContext& context_;
  const Value& item_;
  Expectation result_;
};

}  // namespace

void load_expectations(LoadContext& context, const Value& root) {
  const auto list = root.find("expect");
  if (!list) return;
  require_kind(*list, Kind::kArray, "an array of expectations");
  for (const Value& item : list->children())
    context.scenario.expect.push_back(ExpectationReader(context, item).read());
}

}  // namespace kt::scenario
