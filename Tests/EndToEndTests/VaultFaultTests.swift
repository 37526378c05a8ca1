import Foundation
import TestSupport
import Testing

@Suite struct `A vault in trouble` {
    /// Why no file system can be mounted here; nil when one can.
    static let cannotMount: String? = {
        let probe = try? RunningProgram(
            "/usr/bin/env", ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /tmp"])
        return probe?.wait().status == 0 ? nil : "this user may not mount a tmpfs in a namespace of its own"
    }()

    /// Everything happens in one shell, since the mount is seen by its children only. From disks that hold nearly nothing
    /// to one that holds nearly all.
    @Test(.enabled(if: cannotMount == nil, "no right to mount a tmpfs in a private namespace"))
    func `on a full disk stops with path and remedy, and goes on when there is room`() throws {
        let folder = try TemporaryFolder()
        let capture = try CaptureCase.named("d02-boto3-multipart")
        let sizes = ["64k", "600k", "2m", "3m"]
        let script = """
            set -u
            for size in \(sizes.joined(separator: " ")); do
                disk=$1/disk-$size
                mkdir $disk; mount -t tmpfs -o size=$size tmpfs $disk || exit 90
                "$2" replay "$3" --vault $disk/vault --dialect all >$1/$size.out 2>$1/$size.err
                echo $? >$1/$size.status
                if [ -e $disk/vault/vault.json ]; then
                    "$2" verify --vault $disk/vault >$1/$size.verify 2>&1; echo $? >>$1/$size.status
                else echo 0 >>$1/$size.status; fi
                mount -o remount,size=200m $disk || exit 91
                "$2" replay "$3" --vault $disk/vault --dialect all >>$1/$size.again 2>&1 || exit 92
                "$2" verify --vault $disk/vault --json >$1/$size.json || exit 93
                umount $disk
            done
            """
        let program = try RunningProgram(
            "/usr/bin/env", ["unshare", "-m", "sh", "-c", script, "sh", folder.path, OxbowProgram.path, capture.path])
        let outcome = program.wait()
        func read(_ name: String) -> String { (try? String(contentsOfFile: folder / name, encoding: .utf8)) ?? "" }
        #expect(outcome.status == 0, "\(outcome.errors) \(sizes.map { read("\($0).again") })")
        for size in sizes {
            let status = read("\(size).status").split(separator: "\n").map(String.init)
            let errors = read("\(size).err")
            #expect(status.first == "2", "\(size): \(status)")
            #expect(errors.contains(folder / "disk-\(size)/vault"), "\(size): \(errors)")
            #expect(errors.contains("No space left on device"), "\(size): \(errors)")
            #expect(errors.lowercased().contains("free space"), "\(size): \(errors)")
            // Reading needs room for RocksDB's own files when a tail waits to be applied; harm is never called damage.
            #expect(status.last == "0" || status.last == "2", "\(size): \(status) \(read("\(size).verify"))")
            #expect(!read("\(size).verify").contains("DAMAGED"), "\(size): \(read("\(size).verify"))")
            let verified = OxbowProgram.Outcome(status: 0, output: Data(read("\(size).json").utf8), errors: "")
            try expect(verified, toHold: capture)
        }
    }

    @Test func `at a limit on file sizes stops with path and remedy, and goes on without it`() throws {
        let folder = try TemporaryFolder()
        let capture = try CaptureCase.named("d02-boto3-multipart")
        let replay = ["replay", capture.path, "--vault", folder / "vault", "--dialect", "all"]
        let limited = try RunningProgram(
            "/bin/sh", ["-c", "ulimit -f 1024; exec \"$@\"", "sh", OxbowProgram.path] + replay)
        let outcome = limited.wait()
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(folder / "vault/segments/0000000000000001.oxs"), "\(outcome.errors)")
        #expect(outcome.errors.contains("File too large") && outcome.errors.contains("ulimit"), "\(outcome.errors)")
        #expect(try OxbowProgram.run(["verify", "--vault", folder / "vault"]).status == 0)
        try OxbowProgram.succeed(replay)
        try expect(try OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json"]), toHold: capture)
    }

    @Test func `in use by a replay names it to writers, and serves readers`() throws {
        let folder = try TemporaryFolder()
        let capture = try CaptureCase.named("d40-base")
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", capture.path, "--vault", vault, "--dialect", "all"])
        let listed = try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text
        // Stopped in the middle; should it have ended before it could be stopped, once more with a longer one.
        let long = try CaptureCase.named("d02-boto3-multipart").path
        var found: RunningProgram?
        for length in [4, 16, 64] where found == nil {
            let captures = [String](repeating: long, count: length)
            let replay = try OxbowProgram.start(["replay", "--vault", vault, "--dialect", "all"] + captures)
            let pid = replay.process.processIdentifier
            while replay.process.isRunning, found == nil {
                if (try? String(contentsOfFile: vault + "/lock", encoding: .utf8))?.contains("process \(pid) ") == true
                {
                    kill(pid, SIGSTOP)
                    // A process that ended meanwhile has given the lock back.
                    if try OxbowProgram.run(["rebuild", "--vault", vault]).status == 2 {
                        found = replay
                    } else {
                        break
                    }
                }
                usleep(5000)
            }
        }
        let replay = try #require(found, "every replay ended before it could be stopped")
        let holder = "process \(replay.process.processIdentifier) (oxbow replay)"
        defer { kill(replay.process.processIdentifier, SIGCONT) }
        for command in [["replay", capture.path], ["rebuild"]] {
            let refused = try OxbowProgram.run(command + ["--vault", vault])
            #expect(refused.status == 2)
            #expect(refused.errors.contains(vault) && refused.errors.contains(holder), "\(refused.errors)")
        }
        // What was there before is read as ever; what comes in meanwhile may be there or not.
        let names = try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text.split(separator: "\n")
        #expect(Set(names).isSuperset(of: listed.split(separator: "\n")))
        #expect(try OxbowProgram.run(["verify", "--vault", vault]).status == 0)
        kill(replay.process.processIdentifier, SIGCONT)
        let outcome = replay.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try OxbowProgram.run(["replay", capture.path, "--vault", vault]).status == 0)
    }

    @Test func `with a flipped byte serves none of it, and names object, range and segment`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        let capture = try CaptureCase.named("d08-versions")
        try OxbowProgram.succeed(["replay", capture.path, "--vault", vault, "--dialect", "all"])
        let name = "s3://10.77.0.2/oxdev-ver/doc.bin"
        let whole = try OxbowProgram.succeed(["cat", name, "--vault", vault]).output
        let segment = vault + "/segments/0000000000000001.oxs"
        var stored = try Data(contentsOf: URL(fileURLWithPath: segment))
        // In the second block of the object, 64 KiB each.
        let place = try #require(stored.range(of: whole[70_000..<70_100])).lowerBound
        stored[place] ^= 1
        try stored.write(to: URL(fileURLWithPath: segment))
        let cat = try OxbowProgram.run(["cat", name, "--vault", vault])
        #expect(cat.status == 2)
        #expect(cat.output == whole.prefix(65_536))
        let get = try OxbowProgram.run(["get", name, "--vault", vault, "--output", folder / "restored"])
        #expect(get.status == 2)
        #expect(!FileManager.default.fileExists(atPath: folder / "restored"))
        let ranged = try OxbowProgram.run(["cat", name, "--vault", vault, "--range", "70000-70010"])
        #expect(ranged.status == 2 && ranged.output.isEmpty)
        for outcome in [cat, get] {
            for part in [name, "bytes 65536 to 99999", segment] {
                #expect(outcome.errors.contains(part), "\(part) is not in: \(outcome.errors)")
            }
        }
        let verify = try OxbowProgram.run(["verify", "--vault", vault])
        #expect(verify.status == 1 && verify.errors.contains(name) && verify.errors.contains(segment))
        // The remedy that the error names works.
        let rebuild = try OxbowProgram.run(["rebuild", "--check-blocks", "--vault", vault])
        #expect(rebuild.status == 1 && rebuild.errors.contains(segment), "\(rebuild.errors)")
        try OxbowProgram.succeed(["replay", capture.path, "--vault", vault, "--dialect", "all"])
        #expect(try OxbowProgram.succeed(["cat", name, "--vault", vault]).output == whole)
        try expect(try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]), toHold: capture)
    }
}
