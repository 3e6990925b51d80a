#include "sim/platform.hpp"

#include <simgrid/plugins/energy.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <map>
#include <set>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>
#include <utility>
#include <vector>

#include "sim/error.hpp"
#include "sim/platform_machine.hpp"

namespace sim {

namespace s4u = simgrid::s4u;
using simgrid::kernel::timer::Timer;

namespace {

// SimGrid's unit of time is the second, in a double.
double to_seconds(Time time) {
  return static_cast<double>(time) / 1e9;
}

// Up to whole nanoseconds. What is within a thousandth (and the double's own error) above one is
// that nanosecond: a completion is computed by a few roundings.
Time round_up(double seconds) {
  const double nanoseconds = seconds * 1e9;
  const double nearest = std::round(nanoseconds);
  const double tolerance = std::max(1e-3, nanoseconds * 1e-15);
  return static_cast<Time>(std::abs(nanoseconds - nearest) <= tolerance ? nearest
                                                                        : std::ceil(nanoseconds));
}

}  // namespace

struct Platform::Impl {
  enum class Kind : std::uint8_t { kStream, kIo, kPstate, kOff, kOn };
  struct Request {
    Kind kind;
    std::uint32_t object;  // flight or CPU
    std::uint32_t value;   // P-state
  };
  // A stream or an I/O, from its start to its completion.
  struct Flight {
    std::uint64_t sequence = 0;  // order of the starts
    Completion done;
    std::uint64_t bytes = 0;
    std::uint32_t from = 0;  // node or disk
    std::uint32_t to = 0;    // node
    IoOperation operation = IoOperation::kRead;
    // SimGrid crashes when an activity is dropped before it is over.
    s4u::ActivityPtr activity;
  };
  struct Cpu {
    s4u::Host* host = nullptr;
    bool wattage = false;
    double watts_off = 0;
    std::uint32_t pstate = 0;  // asked for; SimGrid's may lag behind
    bool on = true;            // asked for, likewise
    bool busy = false;
    Time busy_since = 0;     // or when its P-state changed
    double busy_joules = 0;  // up to then, what it drew more than idle
  };

  Impl(Calendar& calendar, s4u::Engine& engine);
  ~Impl();

  void index_machine();
  void index_latencies();
  std::uint32_t new_flight(Flight flight);
  void request(Kind kind, std::uint32_t object, std::uint32_t value = 0);
  void request_cpu(Kind kind, std::uint32_t cpu, std::uint32_t value = 0);
  void apply(const Request& request);
  void start(std::uint32_t flight, s4u::ActivityPtr activity);
  void settle(Cpu& cpu) const;
  void set_busy(Cpu& cpu, bool busy) const;
  [[nodiscard]] double busy_joules(const Cpu& cpu) const;
  static double idle_watts(const Cpu& cpu);
  void completed(const s4u::Activity& activity);
  void hand_over_completed();
  void arm(Time when);
  void disarm();
  void visit();
  void leave() { vetoed_.insert(leave_sign_.get()); }

  Calendar& calendar_;
  s4u::Engine& engine_;
  std::vector<Cpu> cpus_;
  std::vector<s4u::Host*> memories_;
  std::vector<s4u::Host*> ports_;
  std::vector<s4u::Disk*> disks_;
  std::vector<Time> latencies_;  // [from * nodes + to]
  std::vector<Request> requests_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::vector<s4u::ActivityPtr> over_;  // SimGrid still uses them while it reports their end
  std::vector<std::pair<std::uint64_t, Completion>>
      completed_;  // since the last visit, by sequence
  std::uint64_t next_sequence_ = 0;
  std::size_t in_flight_ = 0;
  Time now_ = 0;  // of the current visit
  Timer* timer_ = nullptr;
  Timer* halfway_ = nullptr;
  Time timer_time_ = kNever;
  Turn turn_ = nullptr;
  void* context_ = nullptr;
  std::exception_ptr failure_;
  // Engine::run() returns when an activity is vetoed: the one way to end it between two events.
  std::set<s4u::Activity*> vetoed_;
  s4u::ExecPtr leave_sign_ = s4u::Exec::init();
};

Platform::Impl::Impl(Calendar& calendar, s4u::Engine& engine)
    : calendar_(calendar), engine_(engine) {
  s4u::Activity::on_completion_cb([this](const s4u::Activity& activity) { completed(activity); });
  s4u::Activity::set_vetoed_activities(&vetoed_);
}

Platform::Impl::~Impl() {
  disarm();
  for (const Flight& flight : flights_) {
    // Else SimGrid complains about activities that are dropped in flight.
    if (flight.activity) flight.activity->set_state(s4u::Activity::State::CANCELED);
  }
  s4u::Activity::set_vetoed_activities(nullptr);
}

void Platform::Impl::index_machine() {
  for (s4u::Host* host : numbered_hosts(engine_, "cpu")) {
    const bool wattage = host->get_property("wattage_per_state") != nullptr;
    const char* off = host->get_property("wattage_off");
    cpus_.push_back({host, wattage, off == nullptr ? 0.0 : std::stod(off),
                     static_cast<std::uint32_t>(host->get_pstate()), true, false, 0, 0});
  }
  memories_ = numbered_hosts(engine_, "memory");
  ports_ = numbered_hosts(engine_, "port");
  if (ports_.size() != memories_.size()) {
    throw UserError(fmt::format("platform: {} hosts are a memory, but {} are a port",
                                memories_.size(), ports_.size()));
  }
  std::map<std::string, s4u::Host*> by_name;
  for (s4u::Host* host : engine_.get_all_hosts()) by_name.emplace(host->get_name(), host);
  for (const auto& [name, host] : by_name) {
    for (s4u::Disk* disk : host->get_disks()) disks_.push_back(disk);
  }
  index_latencies();
}

// Latency is waited for in the calendar. SimGrid would, in addition, share bandwidth in inverse
// proportion to it (a model of TCP), which memory does not do.
void Platform::Impl::index_latencies() {
  for (const s4u::Host* port : ports_) {
    for (const s4u::Host* memory : memories_) {
      std::vector<s4u::Link*> links;
      double latency = 0;
      memory->route_to(port, links, &latency);
      if (links.empty()) {
        throw UserError(fmt::format("platform: no link leads from {} to {}", memory->get_name(),
                                    port->get_name()));
      }
      latencies_.push_back(round_up(latency));
    }
  }
  for (s4u::Link* link : engine_.get_all_links()) link->set_latency(0.0);
}

std::uint32_t Platform::Impl::new_flight(Flight flight) {
  if (free_flights_.empty()) {
    flights_.emplace_back();
    free_flights_.push_back(static_cast<std::uint32_t>(flights_.size() - 1));
  }
  const std::uint32_t index = free_flights_.back();
  free_flights_.pop_back();
  flights_[index] = std::move(flight);
  flights_[index].sequence = next_sequence_++;
  return index;
}

void Platform::Impl::request(Kind kind, std::uint32_t object, std::uint32_t value) {
  requests_.push_back({kind, object, value});
  calendar_.allow_inline(false);  // until SimGrid's clock has been brought here
}

// Only energy makes the state of a CPU visible in SimGrid's results; without it the visit is saved.
void Platform::Impl::request_cpu(Kind kind, std::uint32_t cpu, std::uint32_t value) {
  KT_ASSERT(cpu < cpus_.size(), "there is no CPU {}", cpu);
  if (cpus_[cpu].wattage) request(kind, cpu, value);
}

void Platform::Impl::apply(const Request& request) {
  switch (request.kind) {
    case Kind::kStream: {
      const Flight& flight = flights_[request.object];
      auto comm = s4u::Comm::sendto_init(memories_[flight.to], ports_[flight.from]);
      comm->set_payload_size(flight.bytes);
      return start(request.object, comm);
    }
    case Kind::kIo: {
      const Flight& flight = flights_[request.object];
      const bool read = flight.operation == IoOperation::kRead;
      return start(request.object,
                   disks_[flight.from]->io_init(
                       flight.bytes, read ? s4u::Io::OpType::READ : s4u::Io::OpType::WRITE));
    }
    case Kind::kPstate:
      cpus_[request.object].host->set_pstate(request.value);
      return;
    case Kind::kOff:
      cpus_[request.object].host->turn_off();
      return;
    case Kind::kOn:
      cpus_[request.object].host->turn_on();
      return;
  }
}

void Platform::Impl::start(std::uint32_t flight, s4u::ActivityPtr activity) {
  activity->set_data(reinterpret_cast<void*>(std::uintptr_t{flight} + 1));
  flights_[flight].activity = activity;
  ++in_flight_;
  activity->vetoable_start();
  vetoed_.clear();  // a Comm is vetoed as long as one of its ends is not set
}

// SimGrid's plugin counts what a CPU draws idle in each P-state, or off; what it draws more while it
// is busy is counted here. (As an Exec it would have to be suspended and resumed, and an Exec that
// has been resumed once cannot be suspended again in SimGrid 3.32.)
double Platform::Impl::busy_joules(const Cpu& cpu) const {
  if (!cpu.wattage || !cpu.busy) return cpu.busy_joules;
  const auto pstate = static_cast<int>(cpu.pstate);
  const double watts = sg_host_get_wattmax_at(cpu.host, pstate) -
                       sg_host_get_idle_consumption_at(cpu.host, pstate);
  return cpu.busy_joules + watts * to_seconds(calendar_.now() - cpu.busy_since);
}

void Platform::Impl::settle(Cpu& cpu) const {
  cpu.busy_joules = busy_joules(cpu);
  cpu.busy_since = calendar_.now();
}

void Platform::Impl::set_busy(Cpu& cpu, bool busy) const {
  KT_ASSERT(cpu.on || !busy, "{} is off and cannot be busy", cpu.host->get_name());
  settle(cpu);
  cpu.busy = busy;
}

double Platform::Impl::idle_watts(const Cpu& cpu) {
  if (!cpu.host->is_on()) return cpu.watts_off;
  return sg_host_get_idle_consumption_at(cpu.host, static_cast<int>(cpu.host->get_pstate()));
}

// Called by SimGrid while it handles the end of an activity.
void Platform::Impl::completed(const s4u::Activity& activity) {
  const auto tag = reinterpret_cast<std::uintptr_t>(activity.get_data<void>());
  if (tag == 0) return;  // no stream and no I/O
  KT_ASSERT(activity.get_state() == s4u::Activity::State::FINISHED, "SimGrid activity {}: {}",
            activity.get_cname(), activity.get_state_str());
  Flight& flight = flights_[tag - 1];
  over_.push_back(std::exchange(flight.activity, nullptr));
  free_flights_.push_back(static_cast<std::uint32_t>(tag - 1));
  --in_flight_;
  completed_.emplace_back(flight.sequence, flight.done);
  arm(std::max(now_, round_up(s4u::Engine::get_clock())));
}

// SimGrid's order among completions of one instant is that of its heaps; ours is that of the
// starts.
void Platform::Impl::hand_over_completed() {
  std::sort(completed_.begin(), completed_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [sequence, done] : completed_) {
    calendar_.at(now_, done.action, done.object, done.argument);
  }
  completed_.clear();
}

void Platform::Impl::disarm() {
  if (timer_ != nullptr) std::exchange(timer_, nullptr)->remove();
  if (halfway_ != nullptr) std::exchange(halfway_, nullptr)->remove();
}

// Has visit() called at `when` at the latest.
void Platform::Impl::arm(Time when) {
  if (timer_ != nullptr && timer_time_ <= when) return;
  disarm();
  if (when == kNever) return;
  const double clock = s4u::Engine::get_clock();
  const double date = std::max(to_seconds(when), clock);
  // SimGrid moves its clock by adding a difference. A stop on the way makes the last difference
  // exact (Sterbenz' lemma: y - x is exact for x <= y <= 2x), so that the clock arrives at the very
  // double that `date` is, whatever the steps before.
  if (date > 2 * clock && clock > 0)
    halfway_ = Timer::set(0.75 * date, [this] { halfway_ = nullptr; });
  timer_time_ = when;
  timer_ = Timer::set(date, [this] { visit(); });
}

void Platform::Impl::visit() {
  timer_ = nullptr;
  now_ = timer_time_;
  over_.clear();
  try {
    hand_over_completed();
    for (;;) {
      std::vector<Request> due;
      due.swap(requests_);
      for (const Request& request : due) apply(request);
      const Time next = turn_(context_, now_);
      if (next == kLeave) return leave();
      if (next > now_) return arm(next);
      KT_ASSERT(!requests_.empty(), "a turn at {} asks for {}", now_, next);
    }
  } catch (...) {
    // Not through SimGrid's frames: they are not written for it.
    failure_ = std::current_exception();
    leave();
  }
}

Platform::Platform(Calendar& calendar, const PlatformSpec& spec) {
  spec.validate();
  impl_ = std::make_unique<Impl>(calendar, make_simgrid_engine());
  if (spec.energy) sg_host_energy_plugin_init();
  build_simgrid_machine(spec);
  impl_->index_machine();
  // SimGrid lists disks by name, the spec in an order of its own.
  std::ranges::sort(impl_->disks_, {}, [&spec](const s4u::Disk* disk) {
    return std::ranges::find(spec.disks, disk->get_name(), &PlatformSpec::Disk::name);
  });
}

Platform::Platform(Calendar& calendar, const std::string& xml_file) {
  if (!std::ifstream(xml_file)) {
    throw UserError(fmt::format("{}: cannot read the platform file", xml_file),
                    ExitCode::kInputOutput);
  }
  impl_ = std::make_unique<Impl>(calendar, make_simgrid_engine());
  sg_host_energy_plugin_init();  // before it is known whether a host has wattage
  try {
    impl_->engine_.load_platform(xml_file);
    impl_->engine_.seal_platform();
  } catch (const std::exception& error) {
    throw UserError(fmt::format("{}: no SimGrid platform: {}", xml_file, error.what()));
  }
  impl_->index_machine();
}

Platform::~Platform() = default;

std::size_t Platform::cpu_count() const {
  return impl_->cpus_.size();
}
std::size_t Platform::node_count() const {
  return impl_->memories_.size();
}
std::size_t Platform::disk_count() const {
  return impl_->disks_.size();
}

void Platform::start_stream(std::uint64_t bytes, std::uint32_t from, std::uint32_t to,
                            Completion done) {
  const auto nodes = static_cast<std::uint32_t>(node_count());
  KT_ASSERT(from < nodes && to < nodes, "stream from node {} to {} of {}", from, to, nodes);
  const Time begin = impl_->calendar_.now() + impl_->latencies_[from * nodes + to];
  if (bytes == 0) {
    impl_->calendar_.at(begin, done.action, done.object, done.argument);
    return;
  }
  const std::uint32_t flight = impl_->new_flight({0, done, bytes, from, to, {}, nullptr});
  if (begin == impl_->calendar_.now()) return impl_->request(Impl::Kind::kStream, flight);
  const auto begins = [](void* impl, std::uint64_t index) {
    static_cast<Impl*>(impl)->request(Impl::Kind::kStream, static_cast<std::uint32_t>(index));
  };
  impl_->calendar_.at(begin, begins, impl_.get(), flight);
}

void Platform::start_io(std::uint32_t disk, std::uint64_t bytes, IoOperation operation,
                        Completion done) {
  KT_ASSERT(disk < disk_count(), "there is no disk {}", disk);
  if (bytes == 0) {
    impl_->calendar_.at(impl_->calendar_.now(), done.action, done.object, done.argument);
    return;
  }
  impl_->request(Impl::Kind::kIo, impl_->new_flight({0, done, bytes, disk, 0, operation, nullptr}));
}

void Platform::set_pstate(std::uint32_t cpu, std::uint32_t pstate) {
  impl_->request_cpu(Impl::Kind::kPstate, cpu, pstate);
  const auto count = impl_->cpus_[cpu].host->get_pstate_count();
  KT_ASSERT(pstate < count, "CPU {} has {} P-states, no {}", cpu, count, pstate);
  impl_->settle(impl_->cpus_[cpu]);
  impl_->cpus_[cpu].pstate = pstate;
}

void Platform::turn_off(std::uint32_t cpu) {
  impl_->request_cpu(Impl::Kind::kOff, cpu);
  impl_->set_busy(impl_->cpus_[cpu], false);
  impl_->cpus_[cpu].on = false;
}

void Platform::turn_on(std::uint32_t cpu) {
  impl_->request_cpu(Impl::Kind::kOn, cpu);
  impl_->cpus_[cpu].on = true;
}

void Platform::set_busy(std::uint32_t cpu, bool busy) {
  KT_ASSERT(cpu < impl_->cpus_.size(), "there is no CPU {}", cpu);
  impl_->set_busy(impl_->cpus_[cpu], busy);
}

double Platform::frequency(std::uint32_t cpu) const {
  KT_ASSERT(cpu < impl_->cpus_.size(), "there is no CPU {}", cpu);
  return impl_->cpus_[cpu].host->get_pstate_speed(impl_->cpus_[cpu].pstate);
}

double Platform::energy_joules(std::uint32_t cpu) const {
  KT_ASSERT(cpu < impl_->cpus_.size(), "there is no CPU {}", cpu);
  const Impl::Cpu& entry = impl_->cpus_[cpu];
  if (!entry.wattage) {
    throw UserError(fmt::format("platform: {} has no wattage", entry.host->get_name()));
  }
  // SimGrid's clock is behind when nothing has happened since; requests still pending are for now.
  const double lag = to_seconds(impl_->calendar_.now()) - s4u::Engine::get_clock();
  return sg_host_get_consumed_energy(entry.host) + Impl::idle_watts(entry) * std::max(lag, 0.0) +
         impl_->busy_joules(entry);
}

bool Platform::active() const {
  return impl_->in_flight_ > 0;
}
bool Platform::pending() const {
  return !impl_->requests_.empty();
}

void Platform::drive(Turn turn, void* context) {
  impl_->turn_ = turn;
  impl_->context_ = context;
  impl_->vetoed_.clear();
  impl_->arm(impl_->calendar_.now());
  impl_->engine_.run();
  if (impl_->failure_ != nullptr) std::rethrow_exception(std::exchange(impl_->failure_, nullptr));
}

}  // namespace sim
