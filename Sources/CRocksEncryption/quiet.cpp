// RocksDB's diary, the files `LOG`, left out. The library that Debian ships has its assertions on, and one of them ends the
// process at the second line that the diary writes after a line for which the disk had no room. What goes wrong is in the
// status that each call returns; nothing reads the diary.

#include "CRocksEncryption.h"

#include <rocksdb/c.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include <memory>

namespace {

class QuietLogger final : public rocksdb::Logger {
public:
    using rocksdb::Logger::Logv;
    QuietLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::HEADER_LEVEL) {}
    void Logv(const char *, va_list) override {}
};

}  // namespace

int oxbow_rocks_keep_quiet(rocksdb_options_t *options) {
    if (!oxbow_rocks_has_expected_layout()) return 0;
    // A `rocksdb_options_t` begins with what it stands for; that was looked at above.
    reinterpret_cast<rocksdb::Options *>(options)->info_log = std::make_shared<QuietLogger>();
    return 1;
}
