// Suspending the system: the order of things, and what each failure undoes.
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/models/workqueue/booted_system.hpp"
#include "tests/support/run_scenario.hpp"

namespace {

using kt::power::PlatformStep;
using kt::power::PmEvent;
using kt::power::Suspend;
using kt::power::SuspendState;
using sim::Co;
using support::BootedSystem;

using Steps = std::vector<std::string>;

const char* name_of(PlatformStep step) {
  constexpr const char* kNames[] = {"begin", "prepare",      "prepare_late", "prepare_noirq",
                                    "enter", "resume_noirq", "resume_early", "finish",
                                    "end",   "recover"};
  return kNames[static_cast<std::size_t>(step)];
}

/// A machine with a platform, two notifiers and a device that all note what is called, and one of
/// them that fails.
struct Platform {
  explicit Platform(std::string what) : fails(std::move(what)) {
    Suspend& suspend = system.system.interpreter().models().suspend;
    suspend.platform = {this, &platform};
    suspend.notifiers.push_back({1, &first, &notifier});
    suspend.notifiers.push_back({1, &second, &notifier});
    auto& device = suspend.dpm.add_device("dev", nullptr);
    device.has.fill(true);
    device.object = this;
    device.callback = &callback;
    system.system.run();
  }
  [[nodiscard]] sim::FramePool& frame_pool() { return system.system.frame_pool(); }

  Co<int> step(std::string what) {
    steps.push_back(what);
    co_return what == fails ? -EIO : 0;
  }
  static Co<int> platform(void* self, PlatformStep step) {
    return static_cast<Platform*>(self)->step(name_of(step));
  }
  static Co<int> notifier(void* object, PmEvent event) {
    const Notifier& notifier = *static_cast<Notifier*>(object);
    return notifier.platform->step(notifier.name +
                                   (event == PmEvent::kSuspendPrepare ? " before" : " after"));
  }
  static Co<int> callback(void* self, kt::power::Device&, kt::power::DevicePhase phase) {
    constexpr const char* kNames[] = {"d.prepare",      "d.suspend",      "d.late",   "d.noirq",
                                      "d.resume_noirq", "d.resume_early", "d.resume", "d.complete"};
    return static_cast<Platform*>(self)->step(kNames[static_cast<std::size_t>(phase)]);
  }
  [[nodiscard]] std::int64_t result() { return system.system.interpreter().variable(0); }

  struct Notifier {
    Platform* platform;
    std::string name;
  };
  std::string fails;
  Steps steps;
  Notifier first{this, "first"};
  Notifier second{this, "second"};
  BootedSystem system{R"("duration": "1s", "machine": {"cpus": 2}, "variables": {"r": 1},
    "events": [{"t": "10ms", "suspend": {"state": "s2idle", "wake_after": "100ms", "result": "r"}}])"};
};

Steps failing(const std::string& what, int expected = -EIO) {
  Platform platform(what);
  CHECK(platform.result() == expected);
  return platform.steps;
}

const Steps kPost{"first after", "second after"};

Steps operator+(Steps a, const Steps& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("a suspend to idle calls everybody in the kernel's order", "[power][suspend]") {
  CHECK(failing("", 0) == Steps{"first before", "second before", "begin", "d.prepare", "d.suspend",
                                "prepare", "d.late", "prepare_late", "d.noirq", "prepare_noirq",
                                "resume_noirq", "d.resume_noirq", "resume_early", "d.resume_early",
                                "finish", "d.resume", "d.complete", "end"} +
                              kPost);
}

TEST_CASE("a failure in each step undoes what was done, and no more", "[power][suspend]") {
  CHECK(failing("first before") == Steps{"first before"});
  CHECK(failing("second before") == Steps{"first before", "second before", "first after"});
  const Steps before{"first before", "second before"};
  CHECK(failing("begin") == before + Steps{"begin", "end"} + kPost);
  CHECK(failing("d.prepare") == before + Steps{"begin", "d.prepare", "recover", "end"} + kPost);
  CHECK(failing("d.suspend") ==
        before + Steps{"begin", "d.prepare", "d.suspend", "recover", "d.complete", "end"} + kPost);
  const Steps down = before + Steps{"begin", "d.prepare", "d.suspend", "prepare"};
  const Steps tail = Steps{"finish", "d.resume", "d.complete", "end"} + kPost;
  CHECK(failing("prepare") == down + tail);
  CHECK(failing("d.late") == down + Steps{"d.late"} + tail);
  const Steps late = down + Steps{"d.late", "prepare_late"};
  CHECK(failing("prepare_late") == late + Steps{"d.resume_early"} + tail);
  CHECK(failing("d.noirq") == late + Steps{"d.noirq", "resume_early", "d.resume_early"} + tail);
  CHECK(failing("prepare_noirq") == late +
                                        Steps{"d.noirq", "prepare_noirq", "resume_noirq",
                                              "d.resume_noirq", "resume_early", "d.resume_early"} +
                                        tail);
}

TEST_CASE("what a resume callback gives back is not the result", "[power][suspend]") {
  Platform platform("d.resume");
  CHECK(platform.result() == 0);
}

TEST_CASE("a second suspend while one goes on is refused", "[power][suspend]") {
  const support::Run run = support::run_keys(R"("duration": "1s", "machine": {"cpus": 2},
    "kthreads": {"other": {"do": [{"msleep": "100ms"}, {"suspend": {"state": "s2idle", "wake_after": "1s"}}, {"mark": "refused"}]}},
    "events": [{"t": "50ms", "do": [{"suspend": {"state": "s2idle", "wake_after": "200ms"}}, {"mark": "resumed"}]}])");
  CHECK(run.mark("refused") < run.mark("resumed"));
  std::string results;
  for (const auto* line : support::lines_of(run.trace, "return")) results += line->payload + " ";
  CHECK(results == "suspend(system) = -16 suspend(system) = 0 ");
}

TEST_CASE("nothing wakes a machine that is suspended to idle without an alarm",
          "[power][suspend]") {
  const support::Run run = support::run_keys(R"("duration": "idle", "machine": {"cpus": 2},
    "events": [{"t": "50ms", "suspend": {"state": "s2idle"}}])");
  CHECK(run.nothing_since < 1'000'000'000);
  CHECK(run.task("control").state == kt::sched::kTaskUninterruptible);
}

TEST_CASE("in a suspend to memory CLOCK_MONOTONIC stands still, and the world goes on",
          "[power][suspend]") {
  const support::Run run =
      support::run_keys(R"("duration": "1s", "machine": {"cpus": 1}, "variables": {"n": 0, "r": 1},
    "timers": {"t": {"do": [{"mark": "timer"}]}},
    "irqs": {"nic": {"arrival": {"periodic": "1s"}, "do": [{"set": "n += 1"}, {"mark": "nic"}]}},
    "events": [{"t": "10ms", "do": [{"mod_timer": {"name": "t", "delay": "100ms"}}]},
      {"t": "50ms", "do": [{"mark": "suspend"}, {"suspend": {"state": "deep", "wake_after": "10500ms", "result": "r"}},
        {"assert": "r == 0"}, {"mark": "resumed"}]}, {"t": "900ms", "assert": "n == 1"}])");
  CHECK(run.message == "");
  CHECK(support::violations(run) == "");
  CHECK(run.mark("resumed") - run.mark("suspend") < 10'000'000);
  CHECK(run.mark("timer") >= 110'000'000);
  CHECK(run.mark("timer") < 130'000'000);
  // It signalled ten times while the machine was off; the eleventh second is over 450 ms after it
  // was on again, less the time that the firmware took.
  CHECK(run.mark("nic") > 400'000'000);
  CHECK(run.mark("nic") < 500'000'000);
  const std::string text = run.text;
  for (const char* action :
       {"syscore_suspend[0] begin", "syscore_suspend[0] end", "machine_suspend[3] begin",
        "acpi_suspend[3] begin", "acpi_suspend[3] end", "machine_suspend[3] end",
        "syscore_resume[0] begin", "syscore_resume[0] end"}) {
    CHECK(text.find(action) != std::string::npos);
  }
}

TEST_CASE("an interrupt that wakes ends a suspend to memory before the alarm", "[power][suspend]") {
  BootedSystem booted{R"("duration": "1s", "machine": {"cpus": 1}, "variables": {"n": 0, "r": 1},
    "irqs": {"lid": {"wake": true, "arrival": {"at": ["3s"]}, "do": [{"set": "n += 1"}]}},
    "events": [{"t": "50ms", "suspend": {"state": "deep", "wake_after": "10s", "result": "r"}}])"};
  booted.system.run();
  const auto& transition = booted.system.suspend().phases.all().front();
  CHECK(transition.result == 0);
  CHECK(transition.woken_by == "lid");
  const kt::cpu::CostTable costs;
  CHECK(transition.asleep > 2'940'000'000 + costs.machine_resume);
  CHECK(transition.asleep < 2'960'000'000 + costs.machine_resume);
  CHECK(booted.system.suspend().boottime() == 1'000'000'000 + transition.asleep);
  CHECK(booted.system.interpreter().variable(0) == 1);
}

TEST_CASE("what fails in the system core comes back without a word", "[power][suspend]") {
  BootedSystem booted{R"("duration": "1s", "machine": {"cpus": 1}, "variables": {"r": 1},
    "events": [{"t": "50ms", "suspend": {"state": "deep", "wake_after": "10s", "result": "r"}}])"};
  struct Core {
    BootedSystem& booted;
    Steps steps{};
    [[nodiscard]] sim::FramePool& frame_pool() { return booted.system.frame_pool(); }
    Co<int> down(const char* name, int error) {
      steps.emplace_back(name);
      co_return error;
    }
    Co<> up(const char* name) {
      steps.emplace_back(name);
      co_return;
    }
  } core{booted};
  auto& ops = booted.system.interpreter().models().suspend.syscore_ops;
  ops.push_back({1, &core, [](void* c) { return static_cast<Core*>(c)->down("first", 0); },
                 [](void* c) { return static_cast<Core*>(c)->up("first up"); }});
  ops.push_back({2, &core, [](void* c) { return static_cast<Core*>(c)->down("second", -EIO); },
                 [](void* c) { return static_cast<Core*>(c)->up("second up"); }});
  ops.push_back({3, &core, [](void* c) { return static_cast<Core*>(c)->down("third", 0); },
                 [](void* c) { return static_cast<Core*>(c)->up("third up"); }});
  booted.system.run();
  CHECK(core.steps == Steps{"third", "second", "third up"});
  CHECK(booted.system.interpreter().variable(0) == -EIO);
}
