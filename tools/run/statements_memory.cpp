// Statements on memory.
#include <array>
#include <cerrno>

#include "sim/error.hpp"
#include "tools/run/frame.hpp"

namespace kt::run {

using scenario::Op;
using scenario::Verb;

namespace {

struct Kind {
  std::string_view name;
  mm::Gfp flags;
};

// In the order of scenario::Gfp.
constexpr std::array<Kind, 5> kKinds{{{"GFP_KERNEL", mm::kGfpKernel},
                                      {"GFP_NOIO", mm::kGfpNoio},
                                      {"GFP_NOFS", mm::kGfpNofs},
                                      {"GFP_NOWAIT", mm::kGfpNowait},
                                      {"GFP_ATOMIC", mm::kGfpAtomic}}};

const Kind& kind_of(const Op& op) {
  return kKinds[static_cast<std::size_t>(op.choice & scenario::kGfpKind)];
}

mm::Gfp gfp_of(const Op& op) {
  mm::Gfp gfp = kind_of(op).flags;
  if ((op.choice & scenario::kGfpNoretry) != 0) gfp |= mm::kGfpNoretry;
  if ((op.choice & scenario::kGfpRetryMayfail) != 0) gfp |= mm::kGfpRetryMayfail;
  if ((op.choice & scenario::kGfpThisnode) != 0) gfp |= mm::kGfpThisnode;
  return gfp;
}

}  // namespace

Co<> Interpreter::execute_memory(const Op& op) {
  switch (op.verb) {
    case Verb::kAlloc:
      return alloc(op);
    case Verb::kFree:
      return free(op);
    case Verb::kWrite:
      return write(op);
    case Verb::kFsync:
      return file_system_->fsync();
    case Verb::kMemoryPressure:
      models_.memory.pressure(static_cast<mm::Level>(op.choice), op.time);
      return {};
    default:
      throw sim::InternalError(fmt::format("{}: no statement {}", scenario_.where(op.origin),
                                           scenario::info(op.verb).name));
  }
}

Co<> Interpreter::alloc(const Op& op) {
  const auto bytes = static_cast<std::uint64_t>(op.number);
  const bool taken = co_await models_.memory.alloc(bytes, gfp_of(op), op.node);
  const std::int64_t error = taken ? 0 : -ENOMEM;
  if (op.object >= 0) store_variable(op.object, error);
  returned(op, kind_of(op).name, error);
}

Co<> Interpreter::write(const Op& op) {
  const bool written = co_await file_system_->write(static_cast<std::uint64_t>(op.number), op.node);
  returned(op, "write", written ? op.number : -ENOMEM);
}

Co<> Interpreter::free(const Op& op) {
  const bool given_back =
      co_await models_.memory.free(static_cast<std::uint64_t>(op.number), op.node);
  if (!given_back) defect(op, fmt::format("free of {} bytes that no alloc took", op.number));
}

}  // namespace kt::run
