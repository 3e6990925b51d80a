#include "tests/support/facts.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace {

// As ktsim prints it: nanoseconds, tracing_mark_write, ktsim_return, no "ktoracle start".
const std::string kTrace =
    "# tracer: nop\n"
    "#\n"
    "# entries-in-buffer/entries-written: 5/5   #P:2\n"
    "         control-1       [000] .....     0.000000500: tracing_mark_write: hello: world\n"
    "         control-1       [000] dN.3.     0.000001000: sched_wakeup: comm=a b-c pid=40 "
    "prio=120 target_cpu=000\n"
    "         control-1       [000] .N...     0.000001200: ktsim_return: WAKE(a b-c) = 1\n"
    "         control-1       [000] d..2.     0.000001500: sched_switch: prev_comm=control "
    "prev_pid=1 prev_prio=120 "
    "prev_state=S ==> next_comm=a b-c next_pid=40 next_prio=120\n"
    "           a b-c-40      [000] d.h..     0.000002250: softirq_raise: vec=7 [action=SCHED]\n";

}  // namespace

TEST_CASE("a line of ftrace text is taken apart", "[trace_text]") {
  const support::TraceText trace = support::parse_trace(kTrace);
  REQUIRE(trace.entries == 5);
  REQUIRE(trace.online_cpus == 2);
  REQUIRE(trace.lines.size() == 5);
  const support::TraceLine& line = trace.lines[4];
  REQUIRE(line.number == 8);
  REQUIRE(line.comm == "a b-c");
  REQUIRE(line.pid == 40);
  REQUIRE(line.cpu == 0);
  REQUIRE(line.flags == "d.h..");
  REQUIRE(line.in_hardirq());
  REQUIRE(line.time == 2250);
  REQUIRE(line.event == "softirq_raise");
  REQUIRE(line.number_of("vec") == 7);
  REQUIRE(trace.lines[0].event == "mark");
  REQUIRE(trace.lines[0].payload == "hello: world");
  REQUIRE(trace.lines[1].text_of("comm") == "a b-c");
  REQUIRE(trace.lines[1].number_of("target_cpu") == 0);
  REQUIRE(trace.lines[3].text_of("prev_state") == "S");
  REQUIRE(trace.lines[3].number_of("next_pid") == 40);
  REQUIRE_FALSE(line.field("action"));
}

TEST_CASE("what is no ftrace line is an error that names the line", "[trace_text]") {
  for (const std::string line :
       {"nonsense", "         control-1       [000] .....     0.0005: mark: x",
        "         control-1       [000] .....     x.000000: mark: x",
        "         control-1       [000] ...     0.000000: mark: x",
        "         control-x       [000] .....     0.000000: mark: x"}) {
    CAPTURE(line);
    REQUIRE_THROWS_WITH(support::parse_trace("# tracer: nop\n" + line),
                        Catch::StartsWith("trace line 2: expected "));
  }
}

TEST_CASE("facts of a trace without a start mark count from stamp zero", "[facts]") {
  const support::Facts facts = support::extract_facts(support::parse_trace(kTrace));
  REQUIRE(facts.end == 2250);
  REQUIRE(facts.marks.size() == 1);
  REQUIRE(facts.marks[0].time == 500);
  REQUIRE(facts.marks[0].by == "control-1");
  REQUIRE(facts.returns.size() == 1);
  REQUIRE(facts.returns[0].text == "WAKE(a b-c) = 1");
  REQUIRE(facts.threads.at("control-1").on_cpu == 1500);
  REQUIRE(facts.threads.at("a b-c-40").on_cpu == 750);
  REQUIRE(facts.threads.at("a b-c-40").woken == 1);
}

TEST_CASE("a thread's steps are its own lines and those that name it, without pids", "[facts]") {
  const support::Facts facts = support::extract_facts(support::parse_trace(kTrace));
  const std::vector<support::Step> expected{
      {0, "dN.3.", "sched_wakeup: comm=a b-c prio=120 target_cpu=000"},
      {0, "d..2.",
       "sched_switch: prev_comm=control prev_prio=120 prev_state=S ==> next_comm=a b-c "
       "next_prio=120"}};
  REQUIRE(facts.sequences.at("a b-c") == expected);
  REQUIRE(facts.sequences.at("control").size() == 4);
}
