// kernel: configuration and the boot parameters on the command line that the models know.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "models/bugs.hpp"
#include "sim/edit_distance.hpp"
#include "tools/scenario/keys.hpp"
#include "tools/scenario/load_context.hpp"
#include "tools/scenario/nearest.hpp"

namespace kt::scenario {
namespace {

constexpr std::array<std::string_view, 4> kPreempt{"none", "voluntary", "full", "rt"};
constexpr std::array<std::string_view, 3> kIsolationFlags{"domain", "nohz", "managed_irq"};

// kernel/workqueue.c: module_param_named, module_param_cb, __setup
constexpr std::array<std::string_view, 8> kWorkqueueParameters{
    "cpu_intensive_thresh_us", "cpu_intensive_warning_thresh",
    "power_efficient",         "debug_force_rr_cpu",
    "default_affinity_scope",  "panic_on_stall",
    "watchdog_thresh",         "unbound_cpus"};

// Beside those of workqueues. No other parameter of Linux 6.12 is as close to one of them as a slip of
// the pen.
constexpr std::array<std::string_view, 3> kParameters{"isolcpus", "nohz_full", "preempt"};
constexpr std::string_view kWorkqueuePrefix = "workqueue.";
constexpr std::size_t kSlip = 2;  // characters

/// The parameter that was meant by one that is not known; "": none of ours.
std::string meant_by(std::string_view name) {
  std::vector<std::string> known(kParameters.begin(), kParameters.end());
  for (const std::string_view parameter : kWorkqueueParameters)
    known.push_back(fmt::format("{}{}", kWorkqueuePrefix, parameter));
  const auto distance = [name](const std::string& to) { return sim::edit_distance(name, to); };
  const auto nearest = std::ranges::min_element(known, {}, distance);
  return distance(*nearest) <= kSlip ? *nearest : "";
}

/// Words of a command line: separated by blanks, a quoted part may hold some (lib/cmdline.c:
/// next_arg).
std::vector<std::string> split_words(std::string_view cmdline) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (char c : cmdline) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\n')) {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

/// Parameters match with '-' and '_' alike (kernel/params.c: parameq).
std::string underscored(std::string text) {
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

class KernelLoader {
 public:
  KernelLoader(LoadContext& context, Kernel& kernel) : context_(context), kernel_(kernel) {}

  void load(const Value& object) {
    static constexpr std::array<std::string_view, 2> kModels{"sc", "tso"};
    static constexpr std::array<std::string_view, 2> kBoots{"full", "minimal"};
    require_keys(object, keys_of("kernel"), "the kernel, an object");
    kernel_.origin = kernel_.preempt_origin = context_.origin(object);
    if (const auto hz = object.find("hz")) read_hz(*hz);
    if (const auto preempt = object.find("preempt")) {
      kernel_.preempt = static_cast<Preempt>(read_choice(*preempt, kPreempt, "preemption model"));
      kernel_.preempt_origin = context_.origin(*preempt);
      preempt_given_ = true;
    }
    if (const auto model = object.find("workqueue_model")) {
      static constexpr std::array<std::string_view, 2> kWorkqueueModels{"cmwq", "legacy"};
      kernel_.legacy_workqueues = read_choice(*model, kWorkqueueModels, "workqueue model") == 1;
    }
    if (const auto model = object.find("memory_model")) {
      kernel_.memory_model = static_cast<MemoryModel>(read_choice(*model, kModels, "memory model"));
    }
    if (const auto boot = object.find("boot"))
      kernel_.boot = static_cast<Boot>(read_choice(*boot, kBoots, "kind of boot"));
    if (const auto bugs = object.find("bugs")) read_bugs(*bugs);
    if (const auto background = object.find("background")) read_background(*background);
    if (const auto workers = object.find("kworkers")) read_kworkers(*workers);
    if (const auto cmdline = object.find("cmdline")) read_cmdline(*cmdline);
    if (const auto timeout = object.find("pm_freeze_timeout"))
      kernel_.pm_freeze_timeout = read_time(*timeout);
  }

 private:
  std::int32_t cpus() const { return context_.scenario.machine.cpus; }

  void read_hz(const Value& value) {
    constexpr std::array kRates{100, 250, 300, 1000};  // kernel/Kconfig.hz
    kernel_.hz = read_int(value, 100, 1000);
    if (std::find(kRates.begin(), kRates.end(), kernel_.hz) == kRates.end())
      value.fail({fmt::format("HZ cannot be {}", kernel_.hz), "100, 250, 300 or 1000"});
  }

  void read_bugs(const Value& list) {
    require_kind(list, Kind::kArray, "a list of bugs: [\"WQ-12\"]");
    for (const Value& item : list.children())
      kernel_.bugs.put_back(static_cast<Bug>(read_choice(item, kBugs, "bug")));
  }

  void read_background(const Value& value) {
    static constexpr std::array<std::string_view, 3> kLoads{"none", "idle", "server"};
    kernel_.background = static_cast<BackgroundLoad>(read_choice(value, kLoads, "background"));
    kernel_.background_origin = context_.origin(value);
    if (kernel_.background != BackgroundLoad::kNone && kernel_.boot == Boot::kMinimal)
      value.fail({"the threads of the background are missing", "\"boot\": \"full\" with it"});
  }

  void read_kworkers(const Value& object) {
    require_kind(object, Kind::kObject, "idle workers: {\"0\": 2, \"0H\": 1, \"u\": 3}");
    kernel_.kworkers.emplace();
    for (const Value& item : object.children()) {
      PoolWorkers pool;
      std::string_view name = item.key();
      if (name != "u") {
        pool.highpri = name.ends_with('H');
        if (pool.highpri) name.remove_suffix(1);
        const char* const end = name.data() + name.size();
        const auto [last, error] = std::from_chars(name.data(), end, pool.cpu);
        if (error != std::errc{} || last != end || pool.cpu < 0 || pool.cpu >= cpus())
          item.fail_at_key(
              {fmt::format("unknown pool \"{}\"", item.key()),
               fmt::format("\"u\", or a CPU from 0 to {} with or without \"H\"", cpus() - 1)});
      }
      pool.count = read_int(item, 0, 65'536);
      kernel_.kworkers->push_back(pool);
    }
  }

  void read_cmdline(const Value& value) {
    kernel_.cmdline = read_text(value, "a kernel command line");
    for (const std::string& word : split_words(kernel_.cmdline)) {
      if (word == "--") break;  // the rest is for init
      const std::size_t equals = std::min(word.find('='), word.size());
      KernelParameter parameter{underscored(word.substr(0, equals)),
                                equals < word.size() ? word.substr(equals + 1) : ""};
      try {
        read_parameter(std::move(parameter));
      } catch (const ValueError& error) {
        value.fail({fmt::format("{}: {}", word, error.what), error.expected, error.suggestion});
      }
    }
    // kernel/sched/isolation.c: housekeeping_setup ignores the second of the two.
    const bool nohz =
        std::ranges::find(kernel_.isolcpus_flags, "nohz") != kernel_.isolcpus_flags.end();
    if (nohz && !kernel_.nohz_full.empty() && kernel_.nohz_full != kernel_.isolcpus)
      value.fail({"isolcpus=nohz,… and nohz_full= name different CPUs", "the same in both"});
  }

  void read_parameter(KernelParameter parameter) {
    if (parameter.name == "isolcpus") {
      read_isolcpus(parameter.value);
    } else if (parameter.name == "nohz_full") {
      kernel_.nohz_full = parse_cpulist(parameter.value, cpus());
    } else if (parameter.name == "preempt") {
      read_preempt(parameter.value);
    } else if (parameter.name.starts_with(kWorkqueuePrefix)) {
      parameter.name.erase(0, kWorkqueuePrefix.size());
      check_workqueue_parameter(parameter);
      kernel_.workqueue.push_back(std::move(parameter));
    } else {
      if (std::string meant = meant_by(parameter.name); !meant.empty())
        throw ValueError{fmt::format("unknown parameter \"{}\"", parameter.name),
                         "isolcpus, nohz_full, preempt, workqueue.*, or one that is not close to them",
                         std::move(meant)};
      kernel_.unknown.push_back(std::move(parameter));
    }
  }

  /// kernel/sched/isolation.c: housekeeping_isolcpus_setup: flags, then the list.
  void read_isolcpus(std::string_view text) {
    while (!text.empty() && text.front() >= 'a' && text.front() <= 'z' && text != "all") {
      const std::size_t comma = std::min(text.find(','), text.size());
      const std::string_view flag = text.substr(0, comma);
      if (std::find(kIsolationFlags.begin(), kIsolationFlags.end(), flag) == kIsolationFlags.end())
        throw ValueError{fmt::format("unknown flag \"{}\"", flag), join(kIsolationFlags),
                         nearest(flag, kIsolationFlags)};
      kernel_.isolcpus_flags.emplace_back(flag);
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    kernel_.isolcpus = parse_cpulist(text, cpus());
  }

  void read_preempt(const std::string& text) {
    const auto found = std::find(kPreempt.begin(), kPreempt.end() - 1, text);
    if (found == kPreempt.end() - 1)
      throw ValueError{fmt::format("unknown preemption model \"{}\"", text),
                       "none, voluntary or full", nearest(text, kPreempt)};
    const auto preempt = static_cast<Preempt>(found - kPreempt.begin());
    if (preempt_given_ && preempt != kernel_.preempt)
      throw ValueError{"the key \"preempt\" says otherwise", "one of the two"};
    kernel_.preempt = preempt;
  }

  void check_workqueue_parameter(const KernelParameter& parameter) const {
    const std::string& name = parameter.name;
    if (std::find(kWorkqueueParameters.begin(), kWorkqueueParameters.end(), name) ==
        kWorkqueueParameters.end())
      throw ValueError{fmt::format("unknown parameter \"{}\"", name), join(kWorkqueueParameters),
                       nearest(name, kWorkqueueParameters)};
    if (name == "unbound_cpus") {
      parse_cpulist(parameter.value, cpus());
    } else if (name == "default_affinity_scope") {
      check_word(parameter.value,
                 std::array<std::string_view, 5>{"cpu", "smt", "cache", "numa", "system"});
    } else if (name == "power_efficient" || name == "debug_force_rr_cpu") {
      check_word(parameter.value, std::array<std::string_view, 11>{"", "0", "1", "y", "n", "Y", "N",
                                                                   "on", "off", "true", "false"});
    } else {
      std::uint64_t number = 0;
      const char* const end = parameter.value.data() + parameter.value.size();
      const auto [last, error] = std::from_chars(parameter.value.data(), end, number);
      if (error != std::errc{} || last != end)
        throw ValueError{fmt::format("\"{}\" is not a number", parameter.value), "a number"};
    }
  }

  static void check_word(std::string_view word, std::span<const std::string_view> words) {
    if (std::find(words.begin(), words.end(), word) == words.end())
      throw ValueError{fmt::format("unknown value \"{}\"", word), join(words),
                       nearest(word, words)};
  }

  LoadContext& context_;
  Kernel& kernel_;
  bool preempt_given_ = false;
};

}  // namespace

void load_kernel(LoadContext& context, const Value& root) {
  if (const auto kernel = root.find("kernel"))
    KernelLoader(context, context.scenario.kernel).load(*kernel);
}

}  // namespace kt::scenario
