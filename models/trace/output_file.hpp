// A file that appears only when it is complete: bytes go to PATH.tmp beside it, commit() renames. A
// file that was not committed leaves nothing behind. The path "-" is standard output, which has
// nothing to rename. Every failure is a sim::UserError with ExitCode::kInputOutput.
#pragma once

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
  void commit();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] bool is_stdout() const { return path_ == "-"; }

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

/// Bytes that are kept on disk until they are read back once, front to back: a nameless file in the
/// directory of `beside` ("-": the directory for temporary files), created when first written.
class SpillFile {
 public:
  explicit SpillFile(std::string beside) : beside_(std::move(beside)) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  void write(std::string_view bytes);
  /// Appends everything that was written to `to`.
  void move_to(OutputFile& to);

 private:
  void open();

  std::string beside_;
  int descriptor_ = -1;
};

}  // namespace kt::trace
