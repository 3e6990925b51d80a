#include "tests/support/trace_text.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace support {

namespace {

[[noreturn]] void fail(std::size_t number, std::string_view text, std::string_view expected) {
  throw std::runtime_error(fmt::format("trace line {}: expected {}: {}", number, expected, text));
}

template <typename Integer>
bool to_number(std::string_view text, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data();
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string canonical(std::string_view event) {
  if (event == "ktoracle_mark" || event == "tracing_mark_write") return "mark";
  if (event == "ktoracle_ret" || event == "ktsim_return") return "return";
  return std::string(event);
}

/// The position of "[CPU]": the first bracket behind the 16 characters of the name.
std::size_t cpu_column(std::string_view text) {
  return text.find(" [", 16);
}

void parse_stamp(TraceLine& line, std::string_view stamp) {
  const std::size_t point = stamp.find('.');
  sim::Time seconds = 0;
  sim::Time fraction = 0;
  if (point == std::string_view::npos || !to_number(stamp, seconds) ||
      !to_number(stamp.substr(point + 1), fraction))
    fail(line.number, line.text, "a time stamp");
  const std::size_t decimals = stamp.size() - point - 1;
  if (decimals != 6 && decimals != 9) fail(line.number, line.text, "six or nine decimals");
  line.time = seconds * 1'000'000'000 + fraction * (decimals == 6 ? 1000 : 1);
}

TraceLine parse_line(std::size_t number, std::string_view text) {
  TraceLine line;
  line.number = number;
  line.text = text;
  const std::size_t bracket = cpu_column(text);
  const std::size_t dash = text.rfind('-', bracket);
  if (bracket == std::string_view::npos || dash == std::string_view::npos)
    fail(number, text, "COMM-PID [CPU]");
  line.comm = trimmed(text.substr(0, dash));
  if (!to_number(text.substr(dash + 1), line.pid)) fail(number, text, "a pid");
  if (!to_number(text.substr(bracket + 2), line.cpu)) fail(number, text, "a CPU");
  const std::size_t flags = text.find("] ", bracket);
  if (flags == std::string_view::npos || text.size() < flags + 8 || text[flags + 7] != ' ')
    fail(number, text, "five flag characters");
  line.flags = text.substr(flags + 2, 5);
  if (line.flags.find(' ') != std::string::npos) fail(number, text, "five flag characters");
  const std::size_t stamp_end = text.find(": ", flags + 8);
  if (stamp_end == std::string_view::npos) fail(number, text, "a time stamp");
  parse_stamp(line, trimmed(text.substr(flags + 7, stamp_end - flags - 7)));
  const std::size_t event_end = text.find(':', stamp_end + 2);
  if (event_end == std::string_view::npos) fail(number, text, "an event");
  line.event = canonical(text.substr(stamp_end + 2, event_end - stamp_end - 2));
  if (event_end + 2 <= text.size()) line.payload = text.substr(event_end + 2);
  return line;
}

void parse_comment(TraceText& trace, std::string_view text) {
  constexpr std::string_view kEntries = "# entries-in-buffer/entries-written: ";
  if (!text.starts_with(kEntries)) return;
  to_number(text.substr(kEntries.size()), trace.entries);
  const std::size_t cpus = text.find("#P:");
  if (cpus != std::string_view::npos) to_number(text.substr(cpus + 3), trace.online_cpus);
}

/// True at " key=" or " ==> ".
bool ends_value(std::string_view rest) {
  if (rest.starts_with(" ==> ")) return true;
  std::size_t i = 1;
  while (i < rest.size() && (std::isalnum(static_cast<unsigned char>(rest[i])) || rest[i] == '_'))
    ++i;
  return i > 1 && i < rest.size() && rest[i] == '=';
}

}  // namespace

std::optional<std::string_view> TraceLine::field(std::string_view key) const {
  const std::string_view all = payload;
  for (std::size_t at = all.find(key); at != std::string_view::npos; at = all.find(key, at + 1)) {
    const std::size_t begin = at + key.size() + 1;
    if ((at != 0 && all[at - 1] != ' ') || begin > all.size() || all[begin - 1] != '=') continue;
    std::size_t end = begin;
    while (end < all.size() && !(all[end] == ' ' && ends_value(all.substr(end)))) ++end;
    return all.substr(begin, end - begin);
  }
  return std::nullopt;
}

std::string_view TraceLine::text_of(std::string_view key) const {
  const auto value = field(key);
  if (!value) fail(number, text, fmt::format("{}=", key));
  return *value;
}

std::int64_t TraceLine::number_of(std::string_view key) const {
  std::int64_t value = 0;
  if (!to_number(text_of(key), value)) fail(number, text, fmt::format("{}=NUMBER", key));
  return value;
}

TraceText parse_trace(std::string_view text) {
  TraceText trace;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#'))
      parse_comment(trace, line);
    else if (!line.empty())
      trace.lines.push_back(parse_line(number, line));
  }
  return trace;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace support
