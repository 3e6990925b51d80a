// A JSON text whose every value knows where it stands: JSON pointer, line and column (from 1, in
// bytes). nlohmann/json reads the syntax and the values; this adds the places, refuses duplicate
// keys and numbers out of range, and lets options override single values. Every mistake is a
// sim::UserError: "file:line:column: /json/pointer: what is wrong; expected …; did you mean …?".
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kt::scenario {

class Document;

enum class Kind : std::uint8_t {
  kNull,
  kBoolean,
  kInteger,   ///< fits 64 bits signed
  kUnsigned,  ///< fits 64 bits unsigned only
  kReal,
  kString,
  kArray,
  kObject,
};

/// What a mistake says besides its place; empty parts are left out.
struct Complaint {
  std::string what;
  std::string expected = {};
  std::string suggestion = {};
};

/// Where a value stands. Line 0: in the option that `file` then quotes.
struct Place {
  std::string file;
  std::int32_t line = 0;
  std::int32_t column = 0;
};

/// A value of a Document; a handle, valid while the document lives.
class Value {
 public:
  Value(const Document& document, std::uint32_t id) : document_(&document), id_(id) {}

  [[nodiscard]] Kind kind() const;
  /// "a string", "an object", …
  [[nodiscard]] std::string_view kind_name() const;
  [[nodiscard]] const std::string& text() const;  ///< of a string; of a number, as written
  [[nodiscard]] std::int64_t integer() const;     ///< of kInteger
  [[nodiscard]] std::uint64_t whole() const;      ///< of kUnsigned, and of kInteger from 0
  [[nodiscard]] double real() const;              ///< of any number
  [[nodiscard]] bool boolean() const;

  [[nodiscard]] std::vector<Value> children() const;  ///< of an array or object, in file order
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const std::string& key() const;  ///< of a member of an object
  [[nodiscard]] std::optional<Value> find(std::string_view key) const;

  [[nodiscard]] std::string pointer() const;
  [[nodiscard]] Place place() const;
  [[noreturn]] void fail(const Complaint& complaint) const;
  /// As fail, at the key of this member instead of its value.
  [[noreturn]] void fail_at_key(const Complaint& complaint) const;

 private:
  const Document* document_;
  std::uint32_t id_;
};

class Document {
 public:
  /// Parses `text`; `file` names it in messages. Throws sim::UserError.
  Document(std::string file, std::string_view text);

  [[nodiscard]] Value root() const { return {*this, root_}; }

  /// "/json/pointer=value": replaces or adds one value; missing objects on the way are added (a key
  /// that means nothing is found when the document is read). The value is JSON or else a string.
  void override_value(const std::string& option);

 private:
  friend class Value;
  friend class DocumentBuilder;

  struct Node {
    Kind kind = Kind::kNull;
    std::int32_t source = 0;  ///< index in sources_
    std::int32_t line = 0;
    std::int32_t column = 0;
    std::int32_t key_line = 0;
    std::int32_t key_column = 0;
    std::uint32_t parent = 0;
    std::uint32_t index = 0;  ///< among the parent's children
    std::uint64_t bits = 0;   ///< integer, boolean
    double real = 0;
    std::string key;
    std::string text;
    std::vector<std::uint32_t> children;
  };

  static constexpr std::uint32_t kNone = 0xffff'ffff;

  std::uint32_t add(Node node, std::uint32_t parent);
  std::uint32_t step_into(std::uint32_t node, const std::string& token, const std::string& option,
                          bool last);
  [[noreturn]] void fail(const Node& node, std::int32_t line, std::int32_t column,
                         const std::string& pointer, const Complaint& complaint) const;
  [[nodiscard]] std::string pointer(std::uint32_t id) const;

  std::vector<std::string> sources_;  ///< the file, then one option each
  std::deque<Node> nodes_;
  std::uint32_t root_ = 0;
};

/// A key as it stands in a JSON pointer (RFC 6901).
std::string escape_pointer_token(const std::string& key);

/// "place: pointer: what; expected …; did you mean "…"?" as a sim::UserError.
[[noreturn]] void fail_at(const Place& place, const std::string& pointer,
                          const Complaint& complaint);

}  // namespace kt::scenario
