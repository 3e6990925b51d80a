// A file that appears only when it is complete: bytes go to PATH.tmp beside it, commit() renames. A
// file that was not committed leaves nothing behind. Standard output (the path "-"), devices and
// pipes are written as it comes; a symbolic link stays, and what it names is replaced. Every failure
// is a sim::UserError with ExitCode::kInputOutput.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kt::trace {

class OutputFile {
 public:
  /// Opens PATH.tmp, so that a directory that cannot be written is found before the run.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  /// Leaves `size` bytes at the front for write_front(), before anything is written. Not if it
  /// streams.
  void leave_front(std::size_t size);
  /// Does not move where write() goes on.
  void write_front(std::string_view bytes);
  void commit();

  /// Standard output, a device or a pipe: what is written is gone, there is no way back.
  [[nodiscard]] bool streams() const { return temporary_.empty(); }

 private:
  [[nodiscard]] bool is_stdout() const { return path_ == "-"; }

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

/// Bytes that are kept on disk until they are read back once, front to back: a nameless file in the
/// directory for temporary files, created when first written.
class SpillFile {
 public:
  SpillFile() = default;
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  void write(std::string_view bytes);
  /// Appends everything that was written to `to`.
  void move_to(OutputFile& to);

 private:
  void open();

  int descriptor_ = -1;
};

}  // namespace kt::trace
