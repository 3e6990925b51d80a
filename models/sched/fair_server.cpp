#include "models/sched/fair_server.hpp"

namespace kt::sched {

void FairServer::start() {
  if (state_ != State::kStopped) return;
  const sim::Time now = cpu_->now();
  if (deadline_ <= now) new_period(now);
  state_ = State::kDeferred;
  arm(deadline_ - runtime_);
}

void FairServer::stop() { state_ = State::kStopped; }

bool FairServer::account(sim::Time delta) {
  if (state_ == State::kStopped) return false;
  runtime_ -= delta;
  if (runtime_ > 0) return false;
  if (state_ == State::kDeferred) {
    new_period(cpu_->now());
  } else if (state_ == State::kQueued) {
    state_ = State::kThrottled;
    arm(deadline_);
    return true;
  } else if (state_ == State::kThrottled && runtime_ <= -kRuntime) {
    state_ = State::kDeferred;  // nobody starves any more
    new_period(cpu_->now());
  }
  return false;
}

// replenish_dl_new_period()
void FairServer::new_period(sim::Time now) {
  deadline_ = now + kPeriod;
  runtime_ = kRuntime;
}

// Leaves an earlier timer armed: it finds out when it fires (timer_fired). One that is later has to
// be moved.
void FairServer::arm(sim::Time when) {
  sim::Calendar& calendar = cpu_->machine().calendar();
  if (calendar.armed(timer_)) return;
  timer_ = calendar.at(when > calendar.now() ? when : calendar.now(), &FairServer::timer_fired, this);
}

void FairServer::timer_fired(void* self, std::uint64_t) {
  FairServer& server = *static_cast<FairServer*>(self);
  const sim::Time now = server.cpu_->now();
  switch (server.state_) {
    case State::kStopped:
    case State::kQueued:
      return;
    case State::kDeferred: {
      const sim::Time zero_laxity = server.deadline_ - server.runtime_;
      if (now + kLeastUse < zero_laxity) {
        server.arm(zero_laxity);
        return;
      }
      server.new_period(now);  // it needs all of the CPU by now, so it may not keep its deadline
      server.enqueue();
      return;
    }
    case State::kThrottled:
      if (now < server.deadline_) {
        server.arm(server.deadline_);
        return;
      }
      while (server.runtime_ <= 0) {  // what it overran is taken off
        server.deadline_ += kPeriod;
        server.runtime_ += kRuntime;
      }
      server.enqueue();
      return;
  }
}

void FairServer::enqueue() {
  state_ = State::kQueued;
  cpu_->current->need_resched = cpu_->current->resched_folded = true;
  cpu_->raise(cpu::Vector::kReschedule);
}

}  // namespace kt::sched
