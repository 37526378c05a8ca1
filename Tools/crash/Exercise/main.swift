// The program whose vault Tools/crash/run breaks in every way it can, and the judge of what is left. Not part of Oxbow.
//
// usage: VaultExercise run VAULT [OPTION...]     performs a history, see `Exercise`
//        VaultExercise judge [OPTION...]         for each line `VAULT LOW HIGH [rebuild]` on standard input says `ok STEPS` or
//                                                `bad REASON`
//        options: seed=N steps=N encrypted compression=none|zstd|lz4 no-collect

import Compression
import Foundation

var arguments = Array(CommandLine.arguments.dropFirst())
guard let command = arguments.first else { fatalError("usage: VaultExercise run VAULT [OPTION...]") }
arguments.removeFirst()
let vault = command == "run" ? arguments.removeFirst() : ""
var setting = Setting()
for argument in arguments {
    let parts = argument.split(separator: "=", maxSplits: 1)
    switch parts[0] {
    case "seed": setting.seed = UInt64(parts[1]) ?? 1
    case "steps": setting.steps = Int(parts[1]) ?? 100
    case "encrypted": setting.isEncrypted = true
    case "compression": setting.compression = parts[1] == "zstd" ? .zstd(level: 3) : parts[1] == "lz4" ? .lz4 : .none
    case "no-collect": setting.collects = false
    default: fatalError("unknown option \(argument)")
    }
}
if command == "run" {
    var exercise = Exercise(setting, vault: vault)
    try exercise.run()
} else {
    let judge = Judge(setting)
    while let line = readLine() {
        let words = line.split(separator: " ")
        do {
            let steps = try judge.judge(
                String(words[0]), low: Int(words[1]) ?? 0, high: Int(words[2]) ?? 0,
                rebuilds: words.count > 3)
            say("ok \(steps)")
        } catch {
            say("bad \(String(describing: error).replacing("\n", with: " "))")
        }
    }
}
