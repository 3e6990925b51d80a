#include "tools/scenario/json_builder.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace kt::scenario {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_structure(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']';
}
bool ends_word(char c) {
  return is_blank(c) || is_structure(c) || c == ',' || c == ':' || c == '"';
}

/// nlohmann's "[id] parse error at line 1, column 2: syntax error while parsing value - X; expected
/// Y" without its own idea of the place.
Complaint explain(std::string message) {
  const auto cut = [&](std::string_view mark) {
    const std::size_t found = message.find(mark);
    if (found == std::string::npos) return false;
    message.erase(0, found + mark.size());
    return true;
  };
  cut("] ");
  if (message.starts_with("parse error")) cut(": ");
  std::string what = "syntax error";
  const std::size_t dash = message.find(" - ");
  constexpr std::string_view kParsing = "while parsing ";
  const std::size_t parsing = message.find(kParsing);
  if (parsing != std::string::npos && dash != std::string::npos && parsing < dash) {
    const std::size_t begin = parsing + kParsing.size();
    what += " in " + message.substr(begin, dash - begin);
    message.erase(0, dash + 3);
  }
  std::string expected;
  const std::size_t wanted = message.find("; expected ");
  if (wanted != std::string::npos) {
    expected = message.substr(wanted + 11);
    message.erase(wanted);
  }
  return {what + ": " + message, expected};
}

}  // namespace

std::uint32_t DocumentBuilder::build() {
  if (text_.starts_with("\xEF\xBB\xBF")) line_start_ = at_ = 3;
  if (!nlohmann::json::sax_parse(text_, this)) {
    const Place place{document_.sources_[static_cast<std::size_t>(source_)],
                      source_ == 0 ? token_line_ : 0, token_column_};
    fail_at(place, pointer_here(), error_);
  }
  return root_;
}

std::uint32_t DocumentBuilder::build_or_string() {
  if (nlohmann::json::accept(text_)) return build();
  Document::Node node;
  node.kind = Kind::kString;
  node.text = text_;
  add(std::move(node));
  return root_;
}

void DocumentBuilder::skip_blanks() {
  for (; at_ < text_.size() && is_blank(text_[at_]); ++at_) {
    if (text_[at_] != '\n') continue;
    ++line_;
    line_start_ = at_ + 1;
  }
}

void DocumentBuilder::next_token() {
  skip_blanks();
  if (at_ < text_.size() && (text_[at_] == ',' || text_[at_] == ':')) ++at_;
  skip_blanks();
  token_line_ = line_;
  token_column_ = static_cast<std::int32_t>(at_ - line_start_) + 1;
  if (at_ >= text_.size()) return;
  if (is_structure(text_[at_])) {
    ++at_;
  } else if (text_[at_] == '"') {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  } else {
    while (at_ < text_.size() && !ends_word(text_[at_])) ++at_;
  }
}

std::string DocumentBuilder::pointer_here() const {
  if (open_.empty()) return "";
  const Document::Node& within = document_.nodes_[open_.back().node];
  const std::string outer = document_.pointer(open_.back().node);
  if (within.kind == Kind::kArray) return fmt::format("{}/{}", outer, within.children.size());
  return key_.empty() ? outer : outer + '/' + escape_pointer_token(key_);
}

bool DocumentBuilder::add(Document::Node node) {
  node.source = source_;
  node.line = source_ == 0 ? token_line_ : 0;
  node.column = token_column_;
  node.key_line = source_ == 0 ? key_line_ : 0;
  node.key_column = key_column_;
  node.key = std::exchange(key_, {});
  const std::uint32_t parent = open_.empty() ? Document::kNone : open_.back().node;
  const std::uint32_t id = document_.add(std::move(node), parent);
  if (root_ == Document::kNone) root_ = id;
  return true;
}

bool DocumentBuilder::null() {
  next_token();
  return add({});
}

bool DocumentBuilder::boolean(bool value) {
  next_token();
  Document::Node node;
  node.kind = Kind::kBoolean;
  node.bits = value ? 1 : 0;
  return add(std::move(node));
}

bool DocumentBuilder::number_integer(std::int64_t value) {
  next_token();
  Document::Node node;
  node.kind = Kind::kInteger;
  node.bits = static_cast<std::uint64_t>(value);
  node.real = static_cast<double>(value);
  node.text = std::to_string(value);
  return add(std::move(node));
}

bool DocumentBuilder::number_unsigned(std::uint64_t value) {
  next_token();
  Document::Node node;
  const bool fits = value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  node.kind = fits ? Kind::kInteger : Kind::kUnsigned;
  node.bits = value;
  node.real = static_cast<double>(value);
  node.text = std::to_string(value);
  return add(std::move(node));
}

bool DocumentBuilder::number_float(double value, const std::string& written) {
  next_token();
  if (written.find_first_of(".eE") == std::string::npos) {
    error_ = {fmt::format("{} is out of range", written), "an integer of at most 64 bits"};
    return false;
  }
  Document::Node node;
  node.kind = Kind::kReal;
  node.real = value;
  node.text = written;
  return add(std::move(node));
}

bool DocumentBuilder::string(std::string& value) {
  next_token();
  Document::Node node;
  node.kind = Kind::kString;
  node.text = std::move(value);
  return add(std::move(node));
}

bool DocumentBuilder::binary(std::vector<std::uint8_t>& /*value*/) {
  return false;
}

bool DocumentBuilder::open(Kind kind) {
  next_token();
  Document::Node node;
  node.kind = kind;
  add(std::move(node));
  open_.push_back({static_cast<std::uint32_t>(document_.nodes_.size()) - 1, {}});
  return true;
}

bool DocumentBuilder::close() {
  next_token();
  open_.pop_back();
  return true;
}

bool DocumentBuilder::start_object(std::size_t /*elements*/) {
  return open(Kind::kObject);
}
bool DocumentBuilder::start_array(std::size_t /*elements*/) {
  return open(Kind::kArray);
}
bool DocumentBuilder::end_object() {
  return close();
}
bool DocumentBuilder::end_array() {
  return close();
}

bool DocumentBuilder::key(std::string& value) {
  next_token();
  key_line_ = token_line_;
  key_column_ = token_column_;
  key_ = value;
  if (open_.back().keys.insert(value).second) return true;
  error_ = {fmt::format("duplicate key \"{}\"", value), "each key once"};
  return false;
}

bool DocumentBuilder::syntax_error(const std::string& message) {
  next_token();
  error_ = explain(message);
  return false;
}

}  // namespace kt::scenario
