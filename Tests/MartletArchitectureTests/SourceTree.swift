// Reads the project's own sources, so that tests can say what may know what.
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// One Swift file without its comments and the texts of its string literals.
struct SourceFile: Sendable {
  /// From the package's folder on: `Sources/Martlet/Memory/Item.swift`.
  let path: String
  let code: String

  /// The target that it belongs to: `Martlet`.
  var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// The folder in its target: `Memory`; empty for a file that lies in none.
  var room: String {
    let parts = path.split(separator: "/")
    return parts.count > 3 ? String(parts[2]) : ""
  }

  /// The modules it imports.
  var imports: [String] {
    code.matches(
      of:
        /(?m)^\s*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:(?:struct|class|enum|func)\s+)?(\w+)/
    )
    .map { String($0.output.1) }
  }

  /// The types it declares.
  var declaredTypes: Set<String> {
    Set(code.matches(of: /\b(?:struct|class|enum|protocol|actor)\s+([A-Z]\w*)/).map { String($0.output.1) })
  }

  /// Every word in it.
  var words: Set<String> { Set(code.matches(of: /[A-Za-z_]\w*/).map { String($0.output) }) }
}

/// All files of `Sources`.
enum SourceTree {
  static let files: [SourceFile] = {
    let root = String(#filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 })
    guard let names = try? FileManager.default.subpathsOfDirectory(atPath: root + "/Sources") else {
      return []
    }
    return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
      guard let data = FileManager.default.contents(atPath: root + "/Sources/" + name) else { return nil }
      return SourceFile(path: "Sources/" + name, code: stripped(String(decoding: data, as: UTF8.self)))
    }
  }()

  /// Code without comments, and with empty string literals; what is interpolated goes with its literal.
  static func stripped(_ source: String) -> String {
    var code = ""
    var isInString = false
    var rest = source[...]
    while let character = rest.first {
      if isInString {
        if character == "\\" {
          rest = rest.dropFirst(2)
          continue
        }
        if character == "\"" || character == "\n" {
          isInString = false
          code.append(character)
        }
      } else if rest.hasPrefix("//") {
        rest = rest.drop { $0 != "\n" }
        continue
      } else {
        if character == "\"" { isInString = true }
        code.append(character)
      }
      rest = rest.dropFirst()
    }
    return code
  }
}
