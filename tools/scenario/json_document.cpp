#include "tools/scenario/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/error.hpp"
#include "tools/scenario/json_builder.hpp"

namespace kt::scenario {
namespace {

std::string unescape(std::string_view token) {
  std::string plain;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    if (escape && (token[i + 1] == '0' || token[i + 1] == '1')) {
      ++i;
      plain += token[i] == '0' ? '~' : '/';
    } else {
      plain += token[i];
    }
  }
  return plain;
}

[[noreturn]] void fail_option(const std::string& option, const Complaint& complaint) {
  throw sim::UserError(fmt::format("{}: {}{}{}", option, complaint.what,
                                   complaint.expected.empty() ? "" : "; expected ",
                                   complaint.expected));
}

}  // namespace

std::string escape_pointer_token(const std::string& key) {
  std::string escaped;
  for (char c : key) {
    if (c == '~')
      escaped += "~0";
    else if (c == '/')
      escaped += "~1";
    else
      escaped += c;
  }
  return escaped;
}

void fail_at(const Place& place, const std::string& pointer, const Complaint& complaint) {
  std::string message = place.file;
  if (place.line > 0) message += fmt::format(":{}:{}", place.line, place.column);
  message += fmt::format(": {}: {}", pointer.empty() ? "/" : pointer, complaint.what);
  if (!complaint.expected.empty()) message += "; expected " + complaint.expected;
  if (!complaint.suggestion.empty())
    message += fmt::format("; did you mean \"{}\"?", complaint.suggestion);
  throw sim::UserError(message);
}

Kind Value::kind() const {
  return document_->nodes_[id_].kind;
}

std::string_view Value::kind_name() const {
  switch (kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kInteger:
    case Kind::kUnsigned:
      return "an integer";
    case Kind::kReal:
      return "a number with a fraction";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

const std::string& Value::text() const {
  return document_->nodes_[id_].text;
}
std::int64_t Value::integer() const {
  return static_cast<std::int64_t>(document_->nodes_[id_].bits);
}
std::uint64_t Value::whole() const {
  return document_->nodes_[id_].bits;
}
double Value::real() const {
  return document_->nodes_[id_].real;
}
bool Value::boolean() const {
  return document_->nodes_[id_].bits != 0;
}
std::size_t Value::size() const {
  return document_->nodes_[id_].children.size();
}
const std::string& Value::key() const {
  return document_->nodes_[id_].key;
}

std::vector<Value> Value::children() const {
  std::vector<Value> values;
  for (std::uint32_t child : document_->nodes_[id_].children)
    values.emplace_back(*document_, child);
  return values;
}

std::optional<Value> Value::find(std::string_view key) const {
  for (std::uint32_t child : document_->nodes_[id_].children)
    if (document_->nodes_[child].key == key) return Value(*document_, child);
  return std::nullopt;
}

std::string Value::pointer() const {
  return document_->pointer(id_);
}

Place Value::place() const {
  const Document::Node& node = document_->nodes_[id_];
  return {document_->sources_[static_cast<std::size_t>(node.source)], node.line, node.column};
}

void Value::fail(const Complaint& complaint) const {
  fail_at(place(), pointer(), complaint);
}

void Value::fail_at_key(const Complaint& complaint) const {
  const Document::Node& node = document_->nodes_[id_];
  Place at = place();
  at.line = node.key_line;
  at.column = node.key_column;
  fail_at(at, pointer(), complaint);
}

Document::Document(std::string file, std::string_view text) {
  sources_.push_back(std::move(file));
  root_ = DocumentBuilder(*this, text, 0).build();
}

std::uint32_t Document::add(Node node, std::uint32_t parent) {
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  node.parent = parent;
  if (parent != kNone) {
    node.index = static_cast<std::uint32_t>(nodes_[parent].children.size());
    nodes_[parent].children.push_back(id);
  }
  nodes_.push_back(std::move(node));
  return id;
}

std::string Document::pointer(std::uint32_t id) const {
  std::vector<std::string> tokens;
  for (; nodes_[id].parent != kNone; id = nodes_[id].parent) {
    const bool member = nodes_[nodes_[id].parent].kind == Kind::kObject;
    tokens.push_back(member ? escape_pointer_token(nodes_[id].key)
                            : std::to_string(nodes_[id].index));
  }
  std::string text;
  for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) text += '/' + *token;
  return text;
}

std::uint32_t Document::step_into(std::uint32_t node, const std::string& token,
                                  const std::string& option, bool last) {
  const std::vector<std::uint32_t>& children = nodes_[node].children;
  if (nodes_[node].kind == Kind::kArray) {
    for (std::uint32_t child : children)
      if (std::to_string(nodes_[child].index) == token) return child;
    fail_option(option, {fmt::format("{} has no element \"{}\"", pointer(node), token),
                         fmt::format("an index below {}", children.size())});
  }
  if (nodes_[node].kind != Kind::kObject)
    fail_option(option, {fmt::format("{} is neither an object nor an array", pointer(node))});
  for (std::uint32_t child : children)
    if (nodes_[child].key == token) return child;
  Node added;
  added.kind = last ? Kind::kNull : Kind::kObject;
  added.key = token;
  added.source = static_cast<std::int32_t>(sources_.size()) - 1;
  return add(std::move(added), node);
}

void Document::override_value(const std::string& option) {
  const std::string quoted = "--set " + option;
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos || option.empty() || option.front() != '/')
    fail_option(quoted, {"this is not an override", "/json/pointer=value"});
  sources_.push_back(quoted);

  std::uint32_t target = root_;
  for (std::size_t begin = 1; begin <= equals;) {
    const std::size_t end = std::min(option.find('/', begin), equals);
    const std::string token = unescape(std::string_view(option).substr(begin, end - begin));
    target = step_into(target, token, quoted, end == equals);
    begin = end + 1;
  }

  const std::string_view text = std::string_view(option).substr(equals + 1);
  const auto source = static_cast<std::int32_t>(sources_.size()) - 1;
  const std::uint32_t id = DocumentBuilder(*this, text, source).build_or_string();
  Node& value = nodes_[id];
  const Node& replaced = nodes_[target];
  value.key = replaced.key;
  value.parent = replaced.parent;
  value.index = replaced.index;
  nodes_[value.parent].children[value.index] = id;
}

}  // namespace kt::scenario
