// Malformed scenarios. In each text an @ marks the place where the error must be reported.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sim/error.hpp"
#include "tools/scenario/load.hpp"

namespace {

struct Malformed {
  std::string text;
  std::string pointer;
  std::string message;  // what follows the pointer, or a part of it
};

/// A scenario around some keys.
std::string around(const std::string& keys) {
  return "{\"name\": \"t\", \"version\": 1, \"duration\": \"idle\",\n " + keys + "}";
}

/// The body of a kthread among objects of each kind.
std::string statement(const std::string& body) {
  return around(R"("variables": {"flag": 0, "ready": 0},
 "mutexes": ["big"], "spinlocks": ["fast"], "completions": ["done"], "waitqueues": ["queue"],
 "works": {"rx": {"count": 4, "do": []}, "once": {"delayed": true, "do": []}},
 "kthread_workers": {"kw": {}}, "kthread_works": {"k": {"worker": "kw", "do": []}},
 "percpu_threads": {"kpc": {"should_run": "flag", "do": []}},
 "timers": {"tick": {"do": []}}, "tasks": {"user": {"do": []}},
 "machine": {"cpus": 2, "disks": {"sda": {"read": "1M", "write": "1M"}}},
 "kthreads": {"other": {"do": []}, "k1": {"do": [)" +
                body + "]}}");
}
const std::string kHere = "/kthreads/k1/do/0";

void require_error(const Malformed& malformed) {
  std::string text = malformed.text;
  const std::size_t mark = text.find('@');
  REQUIRE(mark != std::string::npos);
  text.erase(mark, 1);
  const std::string before = text.substr(0, mark);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t column = mark - (before.rfind('\n') + 1) + 1;
  const std::string place = fmt::format("t.json:{}:{}: {}: ", line, column,
                                        malformed.pointer.empty() ? "/" : malformed.pointer);
  CAPTURE(text);
  std::string message = "no error";
  try {
    kt::scenario::load("t.json", text);
  } catch (const sim::UserError& error) {
    message = error.what();
    REQUIRE(error.code() == sim::ExitCode::kUsage);
  }
  REQUIRE_THAT(message, Catch::StartsWith(place) && Catch::Contains(malformed.message));
}

void require_errors(const std::vector<Malformed>& table) {
  for (const Malformed& malformed : table) require_error(malformed);
}

}  // namespace

TEST_CASE("JSON that is not JSON says where and what was expected", "[scenario][malformed]") {
  require_errors({
      {"@", "", "syntax error in value: unexpected end of input; expected '[', '{', or a literal"},
      {"{\"name\": \"t\",@}", "", "unexpected '}'; expected string literal"},
      {"{\"name\" @\"t\"}", "/name", "unexpected string literal; expected ':'"},
      {"{\"name\": @}", "/name", "unexpected '}'; expected '[', '{', or a literal"},
      {"{\"name\": [1, 2 @3]}", "/name/2", "unexpected number literal; expected ']'"},
      {"{\"name\": @nul}", "/name", "invalid literal"},
      {"{\"name\": @\"a\nb\"}", "/name", "invalid string"},
      {"{\n \"a\": 1,\n @\"a\": 2}", "/a", "duplicate key \"a\"; expected each key once"},
      {"{\"seed\": @123456789012345678901234567890}", "/seed", "is out of range; expected"},
      {"{\"seed\": @1e999}", "/seed", "number overflow"},
      {"{} @{}", "", "unexpected '{'; expected end of input"},
      {"@// no comments\n{}", "", "invalid literal"},
      {"{\"a\": {\"b\": [0, {\"c\": 1, @\"c\": 1}]}}", "/a/b/1/c", "duplicate key"},
  });
}

TEST_CASE("the top level is checked", "[scenario][malformed]") {
  require_errors({
      {"@[]", "", "this is an array; expected a scenario, an object"},
      {"@{\"version\": 1, \"duration\": \"idle\"}", "", "the key \"name\" is missing"},
      {"@{\"name\": \"t\", \"duration\": \"idle\"}", "", "the key \"version\" is missing"},
      {"@{\"name\": \"t\", \"version\": 1}", "", "the key \"duration\" is missing"},
      {"{\"name\": @7, \"version\": 1, \"duration\": \"idle\"}", "/name", "this is an integer"},
      {"{\"name\": @\"a b\", \"version\": 1, \"duration\": 1}", "/name", "cannot name a scenario"},
      {"{\"name\": \"t\", \"version\": @2, \"duration\": 1}", "/version", "expected 1"},
      {"{\"name\": \"t\", \"version\": 1, \"duration\": @\"10\"}", "/duration", "has no unit"},
      {"{\"name\": \"t\", \"version\": 1, \"duration\": @\"1m\"}", "/duration",
       "unknown unit \"m\""},
      {"{\"name\": \"t\", \"version\": 1, \"duration\": @\"0.5ns\"}", "/duration",
       "finer than a nanosecond"},
      {"{\"name\": \"t\", \"version\": 1, \"duration\": @-1}", "/duration", "-1 is out of range"},
      {"{\"name\": \"t\", \"version\": 1, \"duration\": @0}", "/duration", "a run of no time"},
      {around("@\"kthread\": {}"), "/kthread", "did you mean \"kthreads\"?"},
      {around("\"seed\": @-1"), "/seed", "-1 is out of range; expected an integer from 0"},
      {around("\"mutexes\": @{}"), "/mutexes", "this is an object; expected an array"},
      {around("\"mutexes\": [\"a\", @\"a\"]"), "/mutexes/1", "\"a\" is already a mutex"},
      {around("\"variables\": {@\"cpu\": 0}"), "/variables/cpu", "cannot name a variable"},
      {around("\"variables\": {\"x\": @0.5}"), "/variables/x", "a number with a fraction"},
      {around("\"variables\": {\"x\": {@\"plane\": true}}"), "/variables/x/plane",
       "expected initial or plain"},
      {around("\"variables\": {\"x\": {\"plain\": @1}}"), "/variables/x/plain",
       "expected true or false"},
      {around("\"works\": {@\"a/b\": {\"do\": []}}"), "/works/a~1b", "cannot name a work"},
      {around("\"trace\": {\"events\": [@7]}"), "/trace/events/0", "expected a string"},
  });
}

TEST_CASE("the machine and the kernel are checked", "[scenario][malformed]") {
  require_errors({
      {around("\"machine\": {\"cpus\": @0}"), "/machine/cpus",
       "expected an integer from 1 to 8192"},
      {around("\"machine\": {@\"cpu\": 2}"), "/machine/cpu", "did you mean \"cpus\"?"},
      {around("\"machine\": {\"cpus\": 4, \"smt\": @3}"), "/machine/smt", "do not make cores of 3"},
      {around("\"machine\": {\"nodes\": [{\"cpus\": @\"0-4\"}]}"), "/machine/nodes/0/cpus",
       "names CPU 4, which the machine does not have; expected CPUs 0 to 3"},
      {around("\"machine\": {\"nodes\": [{\"cpus\": \"0-2\"}, {\"cpus\": @\"2-3\"}]}"),
       "/machine/nodes/1/cpus", "CPU 2 stands twice"},
      {around("\"machine\": {\"nodes\": @[{\"cpus\": \"0-1\"}]}"), "/machine/nodes",
       "CPU 2-3 is missing"},
      {around("\"machine\": {\"nodes\": [{\"cpus\": \"0-3\", \"memory\": @\"2X\"}]}"),
       "/machine/nodes/0/memory", "unknown unit \"X\""},
      {around("\"machine\": {\"nodes\": [{\"cpus\": \"0-3\", \"free\": @\"17G\"}]}"),
       "/machine/nodes/0/free", "more than the 17179869184 bytes of the node"},
      {around(
           "\"machine\": {\"nodes\": [{\"cpus\": \"0-3\", \"free\": \"9G\", \"cache\": @\"8G\"}]}"),
       "/machine/nodes/0/cache", "more than is left"},
      {around("\"machine\": {\"nodes\": [{\"cpus\": \"0-3\", \"cache\": 0, \"dirty\": @1}]}"),
       "/machine/nodes/0/dirty", "more than the 0 bytes of cache"},
      {around("\"machine\": @{\"nodes\": [{\"cpus\": \"0-3\", \"dirty\": 1}]}"), "/machine",
       "dirty pages and the machine no disk"},
      {around("\"machine\": {\"distance\": [[@11]]}"), "/machine/distance/0/0", "from 10 to 10"},
      {around("\"machine\": {\"llc\": @[\"0-1\"]}"), "/machine/llc", "CPU 2-3 is missing"},
      {around("\"machine\": {\"freq\": {\"pstates\": [\"1GHz\", @\"2GHz\"]}}"),
       "/machine/freq/pstates/1", "not slower"},
      {around("\"machine\": {\"freq\": {\"governor\": @\"schedutil\"}}"),
       "/machine/freq/governor", "there is only one frequency"},
      {around("\"machine\": {\"freq\": {\"pstates\": [\"2GHz\", \"1GHz\"], "
              "\"governor\": \"powersave\"}, \"power\": {\"busy\": @10, \"idle\": 1}}"),
       "/machine/power/busy", "1 of 2 P-states"},
      {around("\"machine\": {\"smt_speed\": @1.5}"), "/machine/smt_speed", "at most 1"},
      {around("\"machine\": {\"preset\": @\"nope\"}"), "/machine/preset",
       "unknown machine preset \"nope\""},
      {around("\"machine\": {\"costs\": {\"context_switch\": @\"fast\"}}"),
       "/machine/costs/context_switch", "not a number"},
      {around("\"kernel\": {\"hz\": @200}"), "/kernel/hz", "expected 100, 250, 300 or 1000"},
      {around("\"kernel\": {\"bugs\": [@\"WQ-13\"]}"), "/kernel/bugs/0", "did you mean \"WQ-1"},
      {around("\"kernel\": {\"bugs\": @\"WQ-12\"}"), "/kernel/bugs", "[\"WQ-12\"]"},
      {around("\"kernel\": {\"preempt\": @\"voluntry\"}"), "/kernel/preempt",
       "did you mean \"voluntary\"?"},
      {around("\"kernel\": {\"cmdline\": @\"quiet isolcpus=7\"}"), "/kernel/cmdline",
       "isolcpus=7: \"7\" names CPU 7"},
      {around("\"kernel\": {\"cmdline\": @\"isolcpus=domian,2\"}"), "/kernel/cmdline",
       "did you mean \"domain\"?"},
      {around("\"kernel\": {\"cmdline\": @\"isolcpus=domain,\"}"), "/kernel/cmdline",
       "a CPU number is missing"},
      {around("\"kernel\": {\"cmdline\": @\"isolcpus=nohz,1-2 nohz_full=1\"}"), "/kernel/cmdline",
       "isolcpus=nohz,… and nohz_full= name different CPUs"},
      {around("\"kernel\": {\"cmdline\": @\"workqueue.power_eficient=1\"}"), "/kernel/cmdline",
       "did you mean \"power_efficient\"?"},
      {around("\"kernel\": {\"cmdline\": @\"quiet nohz_fulll=1\"}"), "/kernel/cmdline",
       "nohz_fulll=1: unknown parameter \"nohz_fulll\"; expected isolcpus, nohz_full, preempt, "
       "workqueue.*, or one that is not close to them; did you mean \"nohz_full\"?"},
      {around("\"kernel\": {\"cmdline\": @\"islocpus=1\"}"), "/kernel/cmdline",
       "did you mean \"isolcpus\"?"},
      {around("\"kernel\": {\"cmdline\": @\"workqeue.power-efficient=1\"}"), "/kernel/cmdline",
       "did you mean \"workqueue.power_efficient\"?"},
      {around("\"kernel\": {\"preempt\": \"none\", \"cmdline\": @\"preempt=full\"}"),
       "/kernel/cmdline", "the key \"preempt\" says otherwise"},
      {around("\"kernel\": {\"background\": @\"sever\"}"), "/kernel/background",
       "did you mean \"server\"?"},
      {around("\"kernel\": {\"boot\": \"minimal\", \"background\": @\"idle\"}"),
       "/kernel/background", "\"boot\": \"full\" with it"},
      {around("\"machine\": {\"disks\": {\"d\": {\"read\": 1, \"write\": 1, \"scheduler\": "
              "@\"bfq\"}}}"),
       "/machine/disks/d/scheduler", "none or mq-deadline"},
      {around("\"tasks\": {\"t\": {\"do\": [{\"write\": @{\"bytes\": 1}}]}}"),
       "/tasks/t/do/0/write", "the machine has no disk"},
      {around("\"tasks\": {\"t\": {\"do\": [@\"fsync\"]}}"), "/tasks/t/do/0",
       "the machine has no disk"},
      {around("\"kernel\": {\"kworkers\": {@\"9\": 1}}"), "/kernel/kworkers/9",
       "unknown pool \"9\""},
  });
}

TEST_CASE("objects are checked", "[scenario][malformed]") {
  require_errors({
      {around("\"kthreads\": {\"a\": @{}}"), "/kthreads/a", "the key \"do\" is missing"},
      {around("\"kthreads\": {\"a\": {\"do\": [], @\"freezeable\": true}}"),
       "/kthreads/a/freezeable", "did you mean \"freezable\"?"},
      {around("\"kthreads\": {\"a\": {\"do\": [], \"start\": @\"now\"}}"), "/kthreads/a/start",
       "expected run, create or none"},
      {around("\"kthreads\": {\"a\": {\"do\": [], \"cpu\": @4}}"), "/kthreads/a/cpu",
       "the machine has no CPU 4; expected a CPU from 0 to 3"},
      {around("\"kthreads\": {\"a\": {\"do\": [], \"cpu\": 1, @\"cpus\": \"1\"}}"),
       "/kthreads/a/cpus", "both \"cpu\" and \"cpus\""},
      {around("\"kthreads\": {\"a\": {\"do\": [], \"cpus\": @\"3-1\"}}"), "/kthreads/a/cpus",
       "runs backwards"},
      {around("\"kthreads\": {\"a\": {\"do\": [], \"policy\": @\"fifo:100\"}}"),
       "/kthreads/a/policy", "expected 1 to 99"},
      {around("\"tasks\": {\"a\": {\"do\": [], \"nice\": @20}}"), "/tasks/a/nice",
       "20 is out of range; expected an integer from -20 to 19"},
      {around("\"workqueues\": {\"q\": {\"flags\": [@\"WQ_UNBOUNDED\"]}}"), "/workqueues/q/flags/0",
       "did you mean \"WQ_UNBOUND\"?"},
      {around("\"workqueues\": {\"q\": {\"max_active\": @513}}"), "/workqueues/q/max_active",
       "from 0 to 512"},
      {around("\"workqueues\": {\"q\": {@\"nice\": 3}}"), "/workqueues/q/nice", "WQ_UNBOUND"},
      {around("\"workqueues\": {\"q\": @{\"flags\": [\"WQ_BH\", \"WQ_FREEZABLE\"]}}"),
       "/workqueues/q", "a WQ_BH workqueue with other properties"},
      {around("\"workqueues\": {@\"events\": {}}"), "/workqueues/events", "already a workqueue"},
      {around("\"works\": {\"w\": {\"workqueue\": @\"event\", \"do\": []}}"), "/works/w/workqueue",
       "unknown workqueue \"event\"; expected the name of a workqueue; did "
       "you mean \"events\"?"},
      {around("\"works\": {\"w\": {\"count\": @0, \"do\": []}}"), "/works/w/count", "65536"},
      {around("\"kthread_works\": {\"w\": {\"worker\": @\"kw\", \"do\": []}}"),
       "/kthread_works/w/worker", "unknown kthread worker \"kw\""},
      {around("\"irqs\": {\"i\": {\"arrival\": @{}, \"do\": []}}"), "/irqs/i/arrival",
       "0 kinds of arrival"},
      {around("\"irqs\": {\"i\": {\"arrival\": {\"poisson\": @\"20us\"}, \"do\": []}}"),
       "/irqs/i/arrival/poisson", "unknown unit \"us\""},
      {around("\"irqs\": {\"i\": {\"arrival\": {\"at\": [\"2ms\", @\"1ms\"]}, \"do\": []}}"),
       "/irqs/i/arrival/at/1", "times in order"},
      {around("\"irqs\": {\"i\": {\"arrival\": {\"trace\": @\"no.csv\"}, \"do\": []}}"),
       "/irqs/i/arrival/trace", "there is no file no.csv"},
      {around("\"softirqs\": {\"s\": @{\"do\": []}}"), "/softirqs/s", "NET_TX, NET_RX"},
      {around("\"events\": [@{\"wake\": \"a\"}]"), "/events/0", "the key \"t\" is missing"},
      {around("\"events\": [@{\"t\": 0}]"), "/events/0", "a verb or a list of statements"},
      {around("\"events\": [{\"t\": 0, @\"weke\": \"a\"}]"), "/events/0/weke",
       "did you mean \"wake\"?"},
  });
}

TEST_CASE("statements are checked", "[scenario][malformed]") {
  require_errors({
      {statement("@7"), kHere, "this is an integer; expected a statement"},
      {statement("@{}"), kHere, "a statement without a verb"},
      {statement("@\"shedule\""), kHere, "did you mean \"schedule\"?"},
      {statement("{@\"usleeep\": 1}"), kHere + "/usleeep", "did you mean \"usleep\"?"},
      {statement("{\"usleep\": 1, @\"msleep\": 1}"), kHere + "/msleep", "a second verb"},
      {statement("{\"usleep\": 1, @\"cpu\": 1}"), kHere + "/cpu", "unknown key \"cpu\" beside"},
      {statement("@\"usleep\""), kHere, "\"usleep\" has no argument"},
      {statement("{\"schedule\": @1}"), kHere + "/schedule", "expected \"schedule\" without"},
      {statement("{\"run\": @\"5 us\"}"), kHere + "/run", "unknown unit \" us\""},
      {statement("{\"run\": {\"exp\": @0}}"), kHere + "/run/exp", "a time above 0"},
      {statement("{\"run\": {@\"expo\": 1}}"), kHere + "/run/expo", "did you mean \"exp\"?"},
      {statement("{\"run\": {\"uniform\": @[2, 1]}}"), kHere + "/run/uniform", "below the lower"},
      {statement("{\"run\": {\"lognormal\": @{\"median\": 1}}}"), kHere + "/run/lognormal",
       "the key \"sigma\" is missing"},
      {statement("{\"return\": @\"1\"}"), kHere + "/return", "this is a string"},
      {statement("{\"set_state\": @\"TASK_INTERUPTIBLE\"}"), kHere + "/set_state",
       "did you mean \"TASK_INTERRUPTIBLE\"?"},
      {statement("{\"wake\": @\"othre\"}"), kHere + "/wake", "did you mean \"other\"?"},
      {statement("{\"wake\": @\"rx\"}"), kHere + "/wake", "\"rx\" is a work, not a thread"},
      {statement("{\"wake\": @\"kpc\"}"), kHere + "/wake", "is a thread of each CPU"},
      {statement("{\"wake\": @\"kpc/2\"}"), kHere + "/wake", "unknown thread \"kpc/2\""},
      {statement("{\"kthread_stop\": @\"user\"}"), kHere + "/kthread_stop",
       "\"user\" is a task, not a thread"},
      {statement("{\"lock\": @\"fast\"}"), kHere + "/lock", "\"fast\" is a spinlock, not a mutex"},
      {statement("{\"complete\": @\"donne\"}"), kHere + "/complete", "did you mean \"done\"?"},
      {statement("{\"queue_work\": @\"rx/4\"}"), kHere + "/queue_work",
       "expected \"rx/0\" to \"rx/3\""},
      {statement("{\"flush_work\": @\"rx\"}"), kHere + "/flush_work", "has 4 instances"},
      {statement("{\"queue_work\": {\"work\": \"rx\", \"cpu\": @2}}"), kHere + "/queue_work/cpu",
       "has no CPU 2"},
      {statement("{\"queue_delayed_work\": {\"work\": @\"rx\", \"delay\": 1}}"),
       kHere + "/queue_delayed_work/work", "is no delayed work"},
      {statement("{\"queue_delayed_work\": @{\"work\": \"once\"}}"), kHere + "/queue_delayed_work",
       "the key \"delay\" is missing"},
      {statement(
           "{\"wait_event\": {\"waitqueue\": \"queue\", \"until\": \"flag\", @\"timeout\": 1}}"),
       kHere + "/wait_event/timeout", "expected waitqueue or until"},
      {statement("{\"prepare_to_wait\": @\"queue\"}"), kHere + "/prepare_to_wait",
       "this is a string"},
      {statement("{\"mod_timer\": @{\"name\": \"tick\"}}"), kHere + "/mod_timer",
       "the key \"delay\" is missing"},
      {statement("{\"io\": {\"disk\": @\"sdb\", \"bytes\": 1}}"), kHere + "/io/disk",
       "did you mean \"sda\"?"},
      {statement("{\"sched_setscheduler\": @{\"thread\": \"other\", \"policy\": \"fifo\"}}"),
       kHere + "/sched_setscheduler", "the key \"priority\" is missing"},
      {statement("{\"sched_setscheduler\": {\"thread\": \"other\", \"policy\": \"rr:1\", "
                 "\"runtime\": @\"1ms\"}}"),
       kHere + "/sched_setscheduler/runtime", "fifo and rr have no runtime"},
      {statement("{\"set_user_nice\": {\"thread\": \"other\", \"nice\": @-21}}"),
       kHere + "/set_user_nice/nice", "-21 is out of range"},
      {statement("{\"signal\": {\"thread\": \"other\", \"signal\": @\"SIGTREM\"}}"),
       kHere + "/signal/signal", "did you mean \"SIGTERM\"?"},
      {statement("{\"cpu_down\": @2}"), kHere + "/cpu_down", "the machine has no CPU 2"},
      {statement("{\"pm_relax\": @\"alarm\"}"), kHere + "/pm_relax",
       "unknown wakeup source \"alarm\""},
      {statement("{\"suspend\": {\"state\": \"deep\", @\"wakes\": 1}}"), kHere + "/suspend/wakes",
       "unknown key \"wakes\""},
      {statement("{\"suspend\": {\"state\": @\"disk\"}}"), kHere + "/suspend/state",
       "expected s2idle or deep"},
  });
}

TEST_CASE("control flow and expressions are checked", "[scenario][malformed]") {
  require_errors({
      {statement("@\"break\""), kHere, "\"break\" stands outside a loop"},
      {statement("{\"if\": \"flag\", \"then\": [@\"continue\"]}"), kHere + "/then/0",
       "stands outside a loop"},
      {statement("@{\"if\": \"flag\"}"), kHere, "the key \"then\" is missing"},
      {statement("{\"if\": \"flag\", \"then\": [], @\"els\": []}"), kHere + "/els",
       "did you mean \"else\"?"},
      {statement("@{\"while\": \"flag\"}"), kHere, "the key \"do\" is missing"},
      {statement("{\"loop\": @\"3\", \"do\": []}"), kHere + "/loop", "null to loop for ever"},
      {statement("@{\"loop\": null, \"do\": []}"), kHere, "an endless loop does nothing"},
      {statement("{\"loop\": @-1, \"do\": []}"), kHere + "/loop", "-1 is out of range"},
      {statement("{\"if\": @\"flga == 0\", \"then\": []}"), kHere + "/if",
       "unknown variable \"flga\"; expected the name of a variable; did you mean \"flag\"?"},
      {statement("{\"if\": @\"flag = 0\", \"then\": []}"), kHere + "/if",
       "unexpected '=' at column 6 of \"flag = 0\""},
      {statement("{\"if\": @\"(flag\", \"then\": []}"), kHere + "/if", "unbalanced parentheses"},
      {statement("{\"if\": @\"flag ==\", \"then\": []}"), kHere + "/if", "the expression ends"},
      {statement("{\"if\": @\"\", \"then\": []}"), kHere + "/if", "the expression ends"},
      {statement("{\"if\": @\"pending\", \"then\": []}"), kHere + "/if", "pending needs a name"},
      {statement("{\"if\": @\"pending(rx)\", \"then\": []}"), kHere + "/if", "has 4 instances"},
      {statement("{\"if\": @\"state(nobody)\", \"then\": []}"), kHere + "/if",
       "unknown thread \"nobody\""},
      {statement("{\"if\": @\"99999999999999999999\", \"then\": []}"), kHere + "/if",
       "an integer is out of range"},
      {statement("{\"set\": @\"flag\"}"), kHere + "/set", "no assignment"},
      {statement("{\"set\": @\"flag == 1\"}"), kHere + "/set", "no assignment"},
      {statement("{\"set\": @\"flga = 1\"}"), kHere + "/set", "did you mean \"flag\"?"},
  });
}

TEST_CASE("what sleeps may not stand where nothing can", "[scenario][malformed]") {
  const std::string at = "\"arrival\": {\"at\": [0]}";
  require_errors({
      {around("\"irqs\": {\"i\": {" + at + ", \"do\": [{\"usleep\": @1}]}}"), "/irqs/i/do/0/usleep",
       "\"usleep\" may sleep or needs a task, and this is a hardirq handler"},
      {around("\"irqs\": {\"i\": {" + at +
              ", \"do\": [{\"if\": \"1\", \"then\": [@\"schedule\"]}]}}"),
       "/irqs/i/do/0/then/0", "\"schedule\" may sleep"},
      {around("\"mutexes\": [\"m\"], \"timers\": {\"t\": {\"do\": [{\"lock\": @\"m\"}]}}"),
       "/timers/t/do/0/lock", "softirq context; expected statements that cannot sleep"},
      {around("\"hrtimers\": {\"t\": {\"do\": [{\"alloc\": @{\"bytes\": 1}}]}}"),
       "/hrtimers/t/do/0/alloc", "this allocation may sleep; expected GFP_ATOMIC"},
      {around(
           "\"tasks\": {\"t\": {\"do\": [{\"alloc\": {\"bytes\": 1, \"gfp\": @\"GFP_KERNL\"}}]}}"),
       "/tasks/t/do/0/alloc/gfp", "did you mean \"GFP_KERNEL\"?"},
      {around(
           "\"tasks\": {\"t\": {\"do\": [{\"alloc\": {\"bytes\": 1, \"gfp\": @\"GFP_NOIO|x\"}}]}}"),
       "/tasks/t/do/0/alloc/gfp", "unknown allocation flag \"x\""},
      {around("\"tasks\": {\"t\": {\"do\": [{\"alloc\": {\"bytes\": @\"5M\"}}]}}"),
       "/tasks/t/do/0/alloc/bytes", "a block of 5242880 bytes"},
      {around("\"timers\": {\"w\": {\"do\": []}}, \"hrtimers\": {\"t\": {\"do\": "
              "[{\"del_timer_sync\": @\"w\"}]}}"),
       "/hrtimers/t/do/0/del_timer_sync", "hardirq handler"},
      {around("\"workqueues\": {\"b\": {\"flags\": [\"WQ_BH\"]}}, \"works\": {\"w\": "
              "{\"workqueue\": \"b\", \"do\": [{\"msleep\": @1}]}}"),
       "/works/w/do/0/msleep", "\"msleep\" may sleep"},
      {around("\"tasks\": {\"t\": {\"do\": [@\"parkme\"]}}"), "/tasks/t/do/0",
       "\"parkme\" stands outside a kthread"},
      {around("\"tasks\": {\"t\": {\"do\": [{\"while\": @\"!should_stop\", \"do\": []}]}}"),
       "/tasks/t/do/0/while", "should_stop is only known to a kthread's own function"},
      {around("\"events\": [{\"t\": 0, \"if\": @\"should_park\", \"then\": []}]"), "/events/0/if",
       "should_park is only known to a kthread"},
  });
}

TEST_CASE("expectations are checked", "[scenario][malformed]") {
  const auto expect = [](const std::string& item) {
    return around("\"works\": {\"rx\": {\"do\": []}}, \"expect\": [" + item + "]");
  };
  require_errors({
      {expect("@{}"), "/expect/0", "nothing is expected"},
      {expect("{\"never\": @\"lost_wake_up\"}"), "/expect/0/never",
       "did you mean \"lost_wakeup\"?"},
      {expect("{\"always\": @\"works\"}"), "/expect/0/always", "expected terminates"},
      {expect("{\"work\": \"rx\", \"latency\": @\"p101\", \"<\": 1}"), "/expect/0/latency",
       "expected a quantile"},
      {expect("@{\"work\": \"rx\", \"latency\": \"p99\"}"), "/expect/0", "nothing to compare with"},
      {expect("{\"work\": @\"xr\", \"latency\": \"p99\", \"<\": 1}"), "/expect/0/work",
       "did you mean \"rx\"?"},
      {expect("{\"latency\": \"p99\", \"work\": \"rx\", \"<\": 1, @\">\": 1}"), "/expect/0/>",
       "a second comparison"},
      {expect("@{\"workers\": \"events\"}"), "/expect/0", "\"max\" or \"min\""},
      {expect("{\"never\": \"deadlock\", @\"max\": 1}"), "/expect/0/max", "does not belong here"},
      {expect("{\"order\": @[\"a\"]}"), "/expect/0/order", "at least two"},
  });
}
