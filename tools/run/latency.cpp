#include "tools/run/latency.hpp"

namespace kt::run {

using Json = nlohmann::ordered_json;

Latency latency_of(const sim::Histogram& histogram) {
  return {histogram.count(),       histogram.mean(),         histogram.quantile(0.5),
          histogram.quantile(0.9), histogram.quantile(0.99), histogram.quantile(0.999),
          histogram.max(),         histogram.buckets()};
}

Json latency_json(const Latency& latency, bool full) {
  if (latency.count == 0) return {{"count", 0}};
  Json json{{"count", latency.count}, {"mean", latency.mean}, {"max", latency.max}};
  if (latency.buckets.empty()) return json;
  json["p50"] = latency.p50;
  json["p90"] = latency.p90;
  json["p99"] = latency.p99;
  json["p99.9"] = latency.p999;
  if (!full) return json;
  Json buckets = Json::array();
  for (const auto& bucket : latency.buckets) buckets.push_back({bucket.upper, bucket.count});
  json["buckets"] = std::move(buckets);
  return json;
}

}  // namespace kt::run
