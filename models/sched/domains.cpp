#include "models/sched/domains.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace kt::sched {

namespace {

using namespace std::string_view_literals;

constexpr std::array kFlagNames{
    std::pair{kSdBalanceNewidle, "BALANCE_NEWIDLE"sv},
    std::pair{kSdBalanceExec, "BALANCE_EXEC"sv},
    std::pair{kSdBalanceFork, "BALANCE_FORK"sv},
    std::pair{kSdBalanceWake, "BALANCE_WAKE"sv},
    std::pair{kSdWakeAffine, "WAKE_AFFINE"sv},
    std::pair{kSdShareCpucapacity, "SHARE_CPUCAPACITY"sv},
    std::pair{kSdShareLlc, "SHARE_LLC"sv},
    std::pair{kSdSerialize, "SERIALIZE"sv},
    std::pair{kSdPreferSibling, "PREFER_SIBLING"sv},
    std::pair{kSdOverlap, "OVERLAP"sv},
    std::pair{kSdNuma, "NUMA"sv},
};

}  // namespace

int SchedDomains::llc_size(int cpu) const {
  const Domain* domain = llc(cpu);
  return domain == nullptr ? 1 : domain->span_weight;
}

int SchedDomains::llc_id(int cpu) const {
  const Domain* domain = llc(cpu);
  return domain == nullptr ? cpu : domain->span->first();
}

std::size_t SchedDomains::memory_bytes() const {
  const auto nr_cpus = cpus_.size();
  std::size_t bytes = sizeof *this + nr_cpus * (sizeof(Cpu) + sizeof domains_[0]);
  bytes += nr_domains_ * sizeof(Domain);
  bytes += spans_.size() * (sizeof(cpu::CpuMask) + sizeof spans_[0] + nr_cpus / 8);
  bytes += groups_.size() * (sizeof(Group) + sizeof groups_[0]);
  for (const auto& ring : rings_) bytes += sizeof ring + ring.size() * sizeof ring[0];
  return bytes;
}

std::string SchedDomains::table(int cpu) const {
  std::string text;
  for (const Domain* domain = lowest(cpu); domain != nullptr; domain = domain->parent) {
    text += fmt::format("{} {}: groups", domain->name, domain->span->to_list());
    for (std::size_t i = 0; i < domain->groups.size(); ++i)
      text += fmt::format(" {{{}}}", domain->groups[i].span->to_list());
    text += ", flags";
    for (const auto& [flag, name] : kFlagNames)
      if (domain->flags & flag) text += fmt::format(" {}", name);
    text += '\n';
  }
  return text;
}

}  // namespace kt::sched
