import Foundation
import TestSupport
import Testing

/// The short forms of Tools/crash: a vault whose files are cut, whose system calls fail, whose process is killed and whose
/// machine stops. A form takes a few seconds; `Tools/crash/run` has the long ones.
@Suite(.serialized) struct `A vault survives` {
    private static let compiler: String? = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(
        .enabled(if: compiler != nil, "no C compiler for the library that records and fails calls"),
        arguments: [
            ["machine", "6"], ["fault", "4"], ["cut", "6"], ["kill", "2"],
        ])
    func `stops of the machine, failing calls, cut files and kills`(_ proof: [String]) throws {
        let folder = try TemporaryFolder()
        let tools = ProjectFolder.path + "/Tools/crash"
        let shim = folder / "shim.so"
        let built = try RunningProgram(
            try #require(Self.compiler), ["-shared", "-fPIC", "-O1", "-o", shim, tools + "/shim.c", "-ldl"]
        ).wait()
        try #require(built.status == 0, "\(built.errors)")
        let exercise = URL(fileURLWithPath: OxbowProgram.path).deletingLastPathComponent().path + "/VaultExercise"
        let outcome = try RunningProgram(
            "/usr/bin/env",
            ["python3", tools + "/proofs.py", exercise, shim] + proof + [
                "--steps", "60", "--settings", "zstd,encrypted",
            ]
        ).wait()
        #expect(outcome.status == 0, "\(outcome.text)\(outcome.errors)")
        #expect(outcome.text.contains(" 0 losses"), "\(outcome.text)")
    }
}
