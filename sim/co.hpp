// Co<T>: a lazily started coroutine that is awaited by exactly one other, or owned and started by
// hand. Kernel code is written with it in direct style. Frames come from the FramePool of the first
// argument (*this counts) that offers `sim::FramePool& frame_pool()`.
//
// Rules (GCC 12): parameters by value or reference to what outlives the coroutine; no capturing
// lambda coroutine; awaiters trivially destructible; name temporaries before a co_await.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "sim/error.hpp"
#include "sim/frame_pool.hpp"

namespace sim {

namespace detail {

struct FinalAwaiter {
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
    return handle.promise().continuation;
  }
  void await_resume() const noexcept {}
};

template <class First, class... Rest>
FramePool& pool_of(First& first, Rest&... rest) {
  if constexpr (requires { first.frame_pool(); }) {
    return first.frame_pool();
  } else {
    return pool_of(rest...);
  }
}

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  template <class... Arguments>
  static void* operator new(std::size_t size, Arguments&... arguments) {
    return pool_of(arguments...).allocate(size);
  }
  static void operator delete(void* memory, std::size_t size) { FramePool::free(memory, size); }

  [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
  [[nodiscard]] FinalAwaiter final_suspend() const noexcept { return {}; }
  // An exception is a defect of ktsim or of the scenario: it ends the run and leaves through the
  // loop that resumed the process.
  [[noreturn]] void unhandled_exception() const { throw; }
};

template <class T>
struct Promise : PromiseBase {
  T value{};
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_value(T v) { value = std::move(v); }
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_void() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Co {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Co() = default;
  Co(Handle handle) : handle_(handle) {}  // NOLINT: what get_return_object() gives becomes a Co
  Co(Co&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Co& operator=(Co&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Co() { reset(); }

  /// The handle, to be resumed by hand. Only for the owner of a process.
  [[nodiscard]] std::coroutine_handle<> handle() const { return handle_; }
  [[nodiscard]] bool done() const { return !handle_ || handle_.done(); }
  /// What runs when this coroutine ends (by hand; co_await sets it itself).
  void set_continuation(std::coroutine_handle<> next) { handle_.promise().continuation = next; }
  void reset() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  /// An empty Co<void> is done already.
  [[nodiscard]] bool await_ready() const noexcept { return std::is_void_v<T> && !handle_; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(handle_.promise().value);
  }

 private:
  Handle handle_{};
};

}  // namespace sim
