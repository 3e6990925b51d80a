// Who could wake a thread: the statements of a scenario that wake it, or that complete, unlock or
// signal what it waits for, found in the programs without running them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/run/system.hpp"

namespace kt::run {

struct Waker {
  std::string where;      ///< "file:line:column: /json/pointer"
  std::string statement;  ///< the verb
  std::string who;        ///< the thread, handler or event that has the statement
  std::string fate;       ///< what became of it: "has exited", "sleeps too", "runs", …
};

/// The statements of a scenario that can wake somebody, looked for once for all sleepers.
class Wakers {
 public:
  explicit Wakers(System& system);

  [[nodiscard]] std::vector<Waker> of(const Task& sleeper) const;

 private:
  struct Body {
    const Task* task = nullptr;  // null: a handler, an event, or a thread that does not exist
    std::string who;
    std::string fate;
  };
  struct Statement {
    Body body;
    const scenario::Op* op = nullptr;
  };

  void add(std::int32_t program, const Body& body);

  System& system_;
  std::map<const Task*, std::int32_t> indices_;  // in Scenario::threads
  std::vector<Statement> statements_;
};

}  // namespace kt::run
