// Builds the nodes of a Document from nlohmann's SAX events. The events come in the order of the
// tokens of the text, so a cursor that walks the same tokens gives each its line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tools/scenario/json_document.hpp"

namespace kt::scenario {

class DocumentBuilder {
 public:
  /// `source` indexes the document's sources; other than 0 it is an option, without line numbers.
  DocumentBuilder(Document& document, std::string_view text, std::int32_t source)
      : document_(document), text_(text), source_(source) {}

  /// The root of the new nodes. Throws sim::UserError.
  std::uint32_t build();
  /// As build, but what is not JSON is a string.
  std::uint32_t build_or_string();

  // The SAX interface of nlohmann/json.
  bool null();
  bool boolean(bool value);
  bool number_integer(std::int64_t value);
  bool number_unsigned(std::uint64_t value);
  bool number_float(double value, const std::string& written);
  bool string(std::string& value);
  bool binary(std::vector<std::uint8_t>& value);
  bool start_object(std::size_t elements);
  bool key(std::string& value);
  bool end_object();
  bool start_array(std::size_t elements);
  bool end_array();
  template <class Exception>
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const Exception& exception) {
    return syntax_error(exception.what());
  }

 private:
  struct Open {
    std::uint32_t node;
    std::unordered_set<std::string> keys;
  };

  /// Moves the cursor over the next token and notes where it began.
  void next_token();
  void skip_blanks();
  bool add(Document::Node node);
  bool open(Kind kind);
  bool close();
  bool syntax_error(const std::string& message);
  [[nodiscard]] std::string pointer_here() const;

  Document& document_;
  std::string_view text_;
  std::int32_t source_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::int32_t line_ = 1;
  std::int32_t token_line_ = 1;
  std::int32_t token_column_ = 1;
  std::vector<Open> open_;
  std::string key_;
  std::int32_t key_line_ = 0;
  std::int32_t key_column_ = 0;
  std::uint32_t root_ = Document::kNone;
  Complaint error_;
};

}  // namespace kt::scenario
