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
