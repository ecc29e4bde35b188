// A report as people read it: a table, and what else there is to know.

extension BenchReport {
  /// The lines to print.
  ///
  /// - Parameter showsPercentiles: whether the whole distribution follows.
  package func text(showsPercentiles: Bool) -> [String] {
    var lines = [title, ""]
    lines += table
    lines += errorLines
    lines.append("")
    if let fill, fill.seconds > 0 {
      lines.append(
        "filled: \(Decimal.grouped(fill.keys)) keys in \(Decimal.text(fill.seconds, digits: 2)) s, "
          + "\(Decimal.text(Double(fill.keys) / fill.seconds, digits: 0)) a second")
    }
    if let schedule {
      lines.append(
        "schedule: \(Decimal.text(schedule.rate, digits: 0)) a second; sent after they were due: p50 "
          + "\(Decimal.time(microseconds: schedule.sendDelay.p50)), p99 "
          + "\(Decimal.time(microseconds: schedule.sendDelay.p99)), max "
          + "\(Decimal.time(microseconds: schedule.sendDelay.maximum)); backlog at most "
          + "\(Decimal.grouped(schedule.backlogMaximum)), never sent \(Decimal.grouped(schedule.unsent))")
    }
    let busy = generator.busy.map { Decimal.percent($0) }.joined(separator: ", ")
    lines.append(
      "load generator: \(Decimal.text(generator.cpuSeconds, digits: 2)) s of CPU; its threads ran \(busy) of the time"
    )
    if let server {
      lines.append(
        "server: \(Decimal.text(server.cpuMicrosecondsPerRequest, digits: 2)) µs of CPU a request ("
          + "\(Decimal.text(server.cpuSeconds, digits: 2)) s), \(Decimal.bytes(server.residentBytes)) resident"
      )
    }
    lines += warnings.map { "warning: \($0)" }
    if showsPercentiles { lines += ["", "All requests, by how long they took:"] + percentiles }
    return lines
  }

  private var title: String {
    let amount =
      settings.rate.map { "\(Decimal.text($0, digits: 0)) a second" }
      ?? (settings.pipeline > 1 ? "closed loop, \(settings.pipeline) in flight each" : "closed loop")
    let server = serverVersion.map { " (\($0))" } ?? ""
    return
      "\(settings.wire) \(settings.target)\(server): \(settings.mix), \(settings.connections) connections, "
      + "\(amount), \(Decimal.text(seconds, digits: 2)) s"
  }

  /// A row for each verb, and one for all if there are several.
  private var table: [String] {
    let heads = [
      "", "requests", "a second", "mean", "p50", "p90", "p99", "p99.9", "max", "hits", "misses", "errors",
      "sent",
      "received",
    ]
    var rows = [heads]
    for figures in verbs + (verbs.count > 1 ? [all] : []) {
      let latency = figures.latency
      rows.append(
        [figures.name, Decimal.grouped(figures.count), Decimal.text(figures.perSecond, digits: 0)]
          + [latency.mean, latency.p50, latency.p90, latency.p99, latency.p999, latency.maximum]
          .map { Decimal.time(microseconds: $0) }
          + [figures.hits, figures.misses, figures.errors].map { $0 == 0 ? "-" : Decimal.grouped($0) }
          + [Decimal.bytes(figures.sentBytes), Decimal.bytes(figures.receivedBytes)])
    }
    let widths = heads.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 ? row[column] + space : space + row[column]
      }.joined(separator: "  ")
    }
  }

  private var errorLines: [String] {
    errors.isEmpty
      ? []
      : ["", "errors:"] + errors.map { "  \(Decimal.grouped($0.count)) \($0.kind), the first: \($0.first)" }
  }

  /// The distribution at each step of half of what is left, as HdrHistogram prints it.
  private var percentiles: [String] {
    guard all.count > 0 else { return [] }
    var lines: [String] = []
    var seen = 0.0
    var next = 0.0
    for bucket in all.histogram {
      seen += bucket[1]
      let part = seen / Double(all.count)
      guard part >= next || part == 1 else { continue }
      lines.append(
        "  \(Decimal.text(part * 100, digits: 4)) %  \(Decimal.time(microseconds: bucket[0]))  "
          + "(\(Decimal.text(seen, digits: 0)))")
      // Ten steps to each half of what is left.
      while next <= part && next < 1 { next += max((1 - next) / 10, 1e-7) }
    }
    return lines
  }
}

extension BenchProgress {
  /// One line.
  package var text: String {
    let title =
      switch stage {
      case .filling: "filling"
      case .warmingUp: "warming up"
      case .measuring: "measuring"
      }
    var line = "\(title) \(Decimal.text(seconds, digits: 0)) s"
    if let total, total > 0 { line += ", \(Decimal.percent(Double(replies) / Double(total)))" }
    line += ": \(Decimal.text(repliesPerSecond, digits: 0)) a second"
    if latency.count > 0 {
      line += ", p50 \(Decimal.time(microseconds: Double(latency.percentile(50)) / 1000))"
      line += ", p99 \(Decimal.time(microseconds: Double(latency.percentile(99)) / 1000))"
    }
    if let backlog, backlog > 0 { line += ", backlog \(Decimal.grouped(backlog))" }
    return line + (errors > 0 ? ", \(Decimal.grouped(errors)) errors" : "")
  }
}
