#include "models/sched/domain_builder.hpp"

#include <algorithm>

#include "sim/error.hpp"

namespace kt::sched {

namespace {

using cpu::CpuMask;

/// Flags that mean nothing in a domain of one group (SD_DEGENERATE_GROUPS_MASK).
constexpr std::uint32_t kNeedsGroups = kSdBalanceNewidle | kSdBalanceExec | kSdBalanceFork |
                                       kSdBalanceWake | kSdShareCpucapacity | kSdShareLlc |
                                       kSdSerialize | kSdPreferSibling | kSdOverlap | kSdNuma;

}  // namespace

SchedDomains::SchedDomains(const cpu::Topology& topology, const CpuMask& active,
                           int node_reclaim_distance) {
  KT_ASSERT(!active.empty(), "scheduling domains for no CPU");
  const auto nr_cpus = static_cast<std::size_t>(topology.nr_cpus());
  cpus_.resize(nr_cpus);
  domains_.resize(nr_cpus);
  DomainBuilder(*this, topology, active, node_reclaim_distance).build();
}

DomainBuilder::DomainBuilder(SchedDomains& domains, const cpu::Topology& topology,
                             const CpuMask& active, int node_reclaim_distance)
    : out_(domains),
      topology_(topology),
      active_(active),
      node_reclaim_distance_(node_reclaim_distance) {}

void DomainBuilder::build() {
  make_levels();
  trees_.resize(out_.cpus_.size());
  kept_.resize(out_.cpus_.size());
  for (const int cpu : active_) make_tree(cpu);
  for (const int cpu : active_)
    for (std::size_t level = 0; level < tree(cpu).size(); ++level)
      if (tree(cpu)[level].domain.flags & kSdOverlap) make_overlap_groups(cpu, level);
  for (const int cpu : active_) allow_numa_imbalance(tree(cpu));
  for (const int cpu : active_) drop_degenerate(cpu);
  for (const int cpu : active_) attach(cpu);
}

// arch/x86/kernel/smpboot.c: build_sched_topology, without clusters (on x86 cores that share an
// L2), and kernel/sched/topology.c: sched_init_numa.
void DomainBuilder::make_levels() {
  add_level("SMT", Place::kCore, kSdShareCpucapacity | kSdShareLlc, 0);
  add_level("MC", Place::kLlc, kSdShareLlc, 0);
  add_level("PKG", Place::kNode, 0, 0);
  std::vector<int> distances;
  for (int from = 0; from < topology_.nr_nodes(); ++from)
    for (int to = 0; to < topology_.nr_nodes(); ++to)
      if (topology_.node(from).intersects(active_) && topology_.node(to).intersects(active_))
        distances.push_back(topology_.distance(from, to));
  std::sort(distances.begin(), distances.end());
  distances.erase(std::unique(distances.begin(), distances.end()), distances.end());
  for (const int distance : distances)
    if (distance == distances.front())
      add_level("NODE", Place::kNode, 0, distance);
    else
      add_level("NUMA", Place::kNode, kSdNuma | kSdOverlap, distance);
}

void DomainBuilder::add_level(std::string_view name, Place place, std::uint32_t flags,
                              int distance) {
  Level level{.name = name, .place = place, .flags = flags, .distance = distance, .spans = {}};
  const int places = place == Place::kCore  ? topology_.nr_cores()
                     : place == Place::kLlc ? topology_.nr_llcs()
                                            : topology_.nr_nodes();
  for (int id = 0; id < places; ++id) {
    CpuMask span = place == Place::kCore  ? topology_.core(id)
                   : place == Place::kLlc ? topology_.llc(id)
                                          : topology_.node(id);
    for (int to = 0; place == Place::kNode && to < places; ++to)
      if (topology_.distance(id, to) <= distance) span |= topology_.node(to);
    span &= active_;
    level.spans.push_back(span.empty() ? nullptr : intern(std::move(span)));
  }
  levels_.push_back(std::move(level));
}

/// One copy of each distinct mask, so that equal masks are equal pointers.
const CpuMask* DomainBuilder::intern(CpuMask mask) {
  const auto found = masks_.find(&mask);
  if (found != masks_.end()) return found->second;
  out_.spans_.push_back(std::make_unique<const CpuMask>(std::move(mask)));
  const CpuMask* kept = out_.spans_.back().get();
  masks_.emplace(kept, kept);
  return kept;
}

const CpuMask* DomainBuilder::span_of(std::size_t level, int cpu) const {
  const Place place = levels_[level].place;
  const int id = place == Place::kCore  ? topology_.core_of(cpu)
                 : place == Place::kLlc ? topology_.llc_of(cpu)
                                        : topology_.node_of(cpu);
  return levels_[level].spans[static_cast<std::size_t>(id)];
}

/// Levels upward until one spans everything.
void DomainBuilder::make_tree(int cpu) {
  Tree& drafts = tree(cpu);
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    Draft draft;
    draft.domain = make_domain(level, cpu);
    const CpuMask* span = draft.domain.span;
    if (level == 0) {
      draft.several_groups = draft.domain.span_weight > 1;
    } else {
      draft.several_groups = span != drafts.back().domain.span;
      draft.group_flags = drafts.back().domain.flags;
    }
    drafts.push_back(std::move(draft));
    if (*span == active_) break;
  }
}

// kernel/sched/topology.c: sd_init
Domain DomainBuilder::make_domain(std::size_t level, int cpu) const {
  Domain domain;
  domain.name = levels_[level].name;
  domain.span = span_of(level, cpu);
  domain.span_weight = domain.span->count();
  domain.min_interval = domain.span_weight;
  domain.max_interval = 2 * domain.span_weight;
  domain.busy_factor = 16;
  domain.imbalance_pct = 117;
  domain.flags = kSdBalanceNewidle | kSdBalanceExec | kSdBalanceFork | kSdWakeAffine |
                 kSdPreferSibling | levels_[level].flags;
  if (domain.flags & kSdShareCpucapacity) {
    domain.imbalance_pct = 110;
  } else if (domain.flags & kSdNuma) {
    domain.cache_nice_tries = 2;
    domain.flags &= ~kSdPreferSibling;
    domain.flags |= kSdSerialize;
    if (levels_[level].distance > node_reclaim_distance_)
      domain.flags &= ~(kSdBalanceExec | kSdBalanceFork | kSdWakeAffine);
  } else {
    domain.cache_nice_tries = 1;
  }
  return domain;
}

/// Within a node an eighth of its CPUs, or one task a cache; that times the nodes further up.
void DomainBuilder::allow_numa_imbalance(Tree& tree) {
  int imbalance = 0;
  int first_span = 1;
  for (std::size_t level = 0; level < tree.size(); ++level) {
    Domain& domain = tree[level].domain;
    const bool above_llc =
        level > 0 && !(domain.flags & kSdShareLlc) && (tree[level - 1].domain.flags & kSdShareLlc);
    if (!above_llc) {
      domain.imb_numa_nr = imbalance * std::max(1, domain.span_weight / first_span);
      continue;
    }
    const int llcs = domain.span_weight / tree[level - 1].domain.span_weight;
    imbalance = std::max(1, llcs == 1 ? domain.span_weight / 8 : llcs);
    domain.imb_numa_nr = imbalance;
    const auto numa = std::find_if(tree.begin() + static_cast<long>(level) + 1, tree.end(),
                                   [](const Draft& draft) { return draft.domain.flags & kSdNuma; });
    first_span = numa == tree.end() ? domain.span_weight : numa->domain.span_weight;
  }
}

// kernel/sched/topology.c: build_overlap_sched_groups
void DomainBuilder::make_overlap_groups(int cpu, std::size_t level) {
  Draft& draft = tree(cpu)[level];
  const CpuMask& span = *draft.domain.span;
  CpuMask covered(span.nr_cpus());
  const auto cover = [&](int member) {
    const Tree& sibling = tree(member);
    covered.set(member);
    if (sibling.size() <= level) return;  // a nearer level of it spans all: it has none here
    const std::size_t from = descend(sibling, level, span);
    const Domain& made_of = sibling[from > 0 ? from - 1 : 0].domain;
    draft.overlap.push_back({.level = from, .span = made_of.span, .flags = made_of.flags});
    covered |= *made_of.span;
  };
  for (int member = cpu; member >= 0; member = span.next_andnot(covered, member)) cover(member);
  for (int member = span.next_andnot(covered, 0); member >= 0;
       member = span.next_andnot(covered, member))
    cover(member);
  draft.several_groups = draft.overlap.size() > 1;
}

/// The level at or below `level` whose child lies within `span` (find_descended_sibling): where the
/// machine is three or more hops wide the next lower level may reach out of it.
std::size_t DomainBuilder::descend(const Tree& sibling, std::size_t level,
                                   const CpuMask& span) const {
  const auto child = [&] { return sibling[level - 1].domain.span; };
  if (level == 0 || child()->subset_of(span)) return level;
  while (level > 0 && !child()->subset_of(span)) --level;
  while (level > 0 && child() == sibling[level].domain.span) --level;
  return level;
}

/// The CPUs of a group whose own child domain is the group (build_balance_mask).
const CpuMask* DomainBuilder::balance_mask(std::size_t level, const CpuMask* span) {
  CpuMask mask(span->nr_cpus());
  for (const int cpu : *span)
    if (level > 0 && tree(cpu).size() > level && tree(cpu)[level - 1].domain.span == span)
      mask.set(cpu);
  return mask.empty() ? span : intern(std::move(mask));
}

// kernel/sched/topology.c: cpu_attach_domain, sd_degenerate, sd_parent_degenerate
void DomainBuilder::drop_degenerate(int cpu) {
  const auto degenerate = [](const Draft& draft) {
    const Domain& domain = draft.domain;
    if (domain.span_weight == 1) return true;
    if (draft.several_groups && (domain.flags & kNeedsGroups)) return false;
    return (domain.flags & kSdWakeAffine) == 0;
  };
  Tree& drafts = tree(cpu);
  std::vector<std::size_t>& kept = kept_[static_cast<std::size_t>(cpu)];
  kept.push_back(0);
  for (std::size_t level = 1; level < drafts.size(); ++level) {
    Domain& child = drafts[kept.back()].domain;
    const Draft& parent = drafts[level];
    std::uint32_t adds = parent.domain.flags & ~child.flags;
    if (!parent.several_groups) adds &= ~kNeedsGroups;
    if (!degenerate(parent) && (child.span != parent.domain.span || adds != 0)) {
      kept.push_back(level);
      continue;
    }
    if (level + 1 < drafts.size()) drafts[level + 1].group_flags = child.flags;
    child.flags |= parent.domain.flags & kSdPreferSibling;
  }
  if (!degenerate(drafts[0])) return;
  kept.erase(kept.begin());
  if (!kept.empty()) drafts[kept.front()].group_flags = 0;
}

/// Makes the CPU's final domains.
void DomainBuilder::attach(int cpu) {
  const std::vector<std::size_t>& kept = kept_[static_cast<std::size_t>(cpu)];
  if (kept.empty()) return;
  auto& block = out_.domains_[static_cast<std::size_t>(cpu)];
  SchedDomains::Cpu& entry = out_.cpus_[static_cast<std::size_t>(cpu)];
  block = std::make_unique<Domain[]>(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    Domain& domain = block[i];
    domain = tree(cpu)[kept[i]].domain;
    domain.id = out_.nr_domains_++;
    domain.level = static_cast<int>(i);
    domain.child = i > 0 ? &block[i - 1] : nullptr;
    domain.parent = i + 1 < kept.size() ? &block[i + 1] : nullptr;
    const bool overlap = (domain.flags & kSdOverlap) != 0;
    domain.groups = overlap ? overlap_ring(cpu, kept[i]) : ring_of(cpu, kept[i]);
    if (domain.flags & kSdShareLlc) entry.llc = &domain;
    if ((domain.flags & kSdNuma) && entry.numa == nullptr) entry.numa = &domain;
  }
  entry.lowest = &block[0];
}

/// The list that all CPUs of the span share (build_sched_groups). The kernel links it anew for each
/// CPU: the order is the one that the highest CPU finds.
GroupList DomainBuilder::ring_of(int cpu, std::size_t level) {
  const CpuMask* span = tree(cpu)[level].domain.span;
  const auto [place, missing] = rings_.try_emplace({level, span}, out_.rings_.size());
  if (missing) {
    int highest = cpu;
    for (int next = cpu; next >= 0; next = span->next(next + 1)) highest = next;
    std::vector<const Group*> ring;
    CpuMask covered(span->nr_cpus());
    for (int member = highest; member >= 0; member = span->next_andnot(covered, 0)) {
      const CpuMask* child =
          level > 0 ? span_of(level - 1, member) : intern(CpuMask::of(span->nr_cpus(), member));
      ring.push_back(make_group(level, child, tree(member)[level].group_flags, child));
      covered |= *child;
    }
    out_.rings_.push_back(std::move(ring));
  }
  const std::vector<const Group*>& ring = out_.rings_[place->second];
  const auto own = std::find_if(ring.begin(), ring.end(),
                                [cpu](const Group* group) { return group->span->test(cpu); });
  return {ring, static_cast<std::size_t>(own - ring.begin())};
}

GroupList DomainBuilder::overlap_ring(int cpu, std::size_t level) {
  std::vector<const Group*> ring;
  Draft& draft = tree(cpu)[level];
  draft.overlap.front().flags = draft.group_flags;
  for (const GroupDraft& group : draft.overlap)
    ring.push_back(make_group(group.level, group.span, group.flags, nullptr));
  const auto [place, missing] = overlap_rings_.try_emplace(ring, out_.rings_.size());
  if (missing) out_.rings_.push_back(std::move(ring));
  return {out_.rings_[place->second], 0};
}

/// A group, found or made. Without `balance` the mask is that of an overlapping group.
const Group* DomainBuilder::make_group(std::size_t level, const CpuMask* span, std::uint32_t flags,
                                       const CpuMask* balance) {
  const auto [place, missing] = groups_.try_emplace({level, span, flags}, nullptr);
  if (!missing) return place->second;
  auto group = std::make_unique<Group>();
  group->span = span;
  group->balance_mask = balance != nullptr ? balance : balance_mask(level, span);
  group->weight = span->count();
  group->flags = flags;
  group->id = out_.nr_groups();
  for (const int cpu : *span)
    if (topology_.siblings(cpu).first_and(*span) == cpu) ++group->cores;
  out_.groups_.push_back(std::move(group));
  return place->second = out_.groups_.back().get();
}

}  // namespace kt::sched
