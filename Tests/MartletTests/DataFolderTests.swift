// The data folder: created, checked, and kept to one server.
import Martlet
import MartletSimulation
import MartletTestSupport
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite("A data folder belongs to one server")
struct DataFolderTests {
  @Test("A missing folder is created for its owner only")
  func created() throws {
    let parent = try TemporaryFolder()
    let folder = try DataFolder(parent.path + "/data")
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
    #expect(FileManager.default.fileExists(atPath: folder.file("lock")))
  }

  @Test("The lock file holds the server's pid")
  func pidInLockFile() throws {
    let parent = try TemporaryFolder()
    let folder = try DataFolder(parent.path)
    let text = try String(contentsOf: URL(filePath: folder.file("lock")), encoding: .utf8)
    #expect(text == "\(ProcessInfo.processInfo.processIdentifier)\n")
  }

  @Test("A second server is refused, with the pid of the first")
  func secondTaker() throws {
    let parent = try TemporaryFolder()
    let first = try DataFolder(parent.path)
    let pid = ProcessInfo.processInfo.processIdentifier
    #expect(throws: StoreError.folderInUse(path: parent.path, pid: pid)) { try DataFolder(parent.path) }
    withExtendedLifetime(first) {}
  }

  @Test("A folder is free again when its server has let it go, and after a refusal")
  func release() throws {
    let parent = try TemporaryFolder()
    do {
      let first = try DataFolder(parent.path)
      #expect(throws: StoreError.self) { try DataFolder(parent.path) }
      withExtendedLifetime(first) {}
    }
    #expect(throws: Never.self) { try DataFolder(parent.path) }
  }

  @Test("A lock file that a crash left behind doesn't stop the next server")
  func leftOver() throws {
    let parent = try TemporaryFolder()
    let lock = try parent.write("999999999\nmore than a pid was here", to: "lock")
    let folder = try DataFolder(parent.path)
    let text = try String(contentsOf: URL(filePath: lock), encoding: .utf8)
    #expect(text == "\(ProcessInfo.processInfo.processIdentifier)\n")
    withExtendedLifetime(folder) {}
  }

  @Test("A file in the folder's place, and a missing parent, are refused with the reason")
  func refused() throws {
    let parent = try TemporaryFolder()
    let file = try parent.write("", to: "file")
    #expect(throws: StoreError.folderNotWritable(path: file, reason: "Not a directory")) {
      try DataFolder(file)
    }
    let orphan = parent.path + "/none/data"
    #expect(throws: StoreError.folderNotWritable(path: orphan, reason: "No such file or directory")) {
      try DataFolder(orphan)
    }
  }

  @Test("The lock file isn't followed to another place")
  func symbolicLink() throws {
    let parent = try TemporaryFolder()
    let precious = try parent.write("precious", to: "precious")
    let folder = parent.path + "/data"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(atPath: folder + "/lock", withDestinationPath: precious)
    #expect(throws: StoreError.self) { try DataFolder(folder) }
    #expect(try String(contentsOf: URL(filePath: precious), encoding: .utf8) == "precious")
  }

  @Test("A folder that has held a database doesn't begin another when its file is empty or gone")
  func lostFile() async throws {
    let folder = try TemporaryFolder()
    let store = try Store(folder: folder.path)
    try await store.set("Hello", to: "World")
    await store.close()
    let path = folder.path + "/database.txt"
    let content = try Data(contentsOf: URL(filePath: path))
    try Data().write(to: URL(filePath: path))
    #expect(throws: StoreError.self) { _ = try Store(folder: folder.path) }
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: StoreError.self) { _ = try Store(folder: folder.path) }
    try content.write(to: URL(filePath: path))
    #expect(try await Store(folder: folder.path).string("Hello") == "World")
  }
}
