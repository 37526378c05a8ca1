// AES-256-CTR beneath RocksDB, whose C interface offers no encrypted environment.

#include "CRocksEncryption.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <rocksdb/c.h>
#include <rocksdb/env.h>
#include <rocksdb/env_encryption.h>
#include <rocksdb/file_system.h>
#include <sys/mman.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <new>

namespace {

constexpr size_t keyBytes = 32;
constexpr size_t saltBytes = 32;
// A page, so that RocksDB's own alignment of reads is kept.
constexpr size_t prefixBytes = 4096;
constexpr char magic[8] = {'O', 'X', 'B', 'O', 'W', 'R', 'D', 'B'};
constexpr unsigned char version = 1;
constexpr size_t saltOffset = 16;

// 32 bytes that are wiped when they go, and not swapped out if the system allows.
class Key {
  public:
    Key() { mlock(bytes, sizeof bytes); }
    ~Key() {
        OPENSSL_cleanse(bytes, sizeof bytes);
        munlock(bytes, sizeof bytes);
    }
    Key(const Key &) = delete;
    Key &operator=(const Key &) = delete;
    unsigned char bytes[keyBytes] = {};
};

// The cipher of one file. Its key is used for this file only, and every place of the file is written once: so the counter
// is the place, and no (key, counter) is used twice.
class FileCipher final : public rocksdb::BlockAccessCipherStream {
  public:
    Key key;

    size_t BlockSize() override { return 16; }

    rocksdb::Status Encrypt(uint64_t offset, char *data, size_t count) override { return apply(offset, data, count); }
    rocksdb::Status Decrypt(uint64_t offset, char *data, size_t count) override { return apply(offset, data, count); }

  protected:
    void AllocateScratch(std::string &) override {}
    rocksdb::Status EncryptBlock(uint64_t block, char *data, char *) override { return apply(block * 16, data, 16); }
    rocksdb::Status DecryptBlock(uint64_t block, char *data, char *) override { return apply(block * 16, data, 16); }

  private:
    // Counter mode is its own inverse. Any number of threads read a file at once, so there is no state to share.
    rocksdb::Status apply(uint64_t offset, char *data, size_t count) {
        unsigned char counter[16] = {};
        for (int index = 0; index < 8; index++) counter[15 - index] = (unsigned char)((offset / 16) >> (8 * index));
        std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX *)> context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
        unsigned char skipped[16] = {};
        int written = 0;
        bool good = context && EVP_EncryptInit_ex(context.get(), EVP_aes_256_ctr(), nullptr, key.bytes, counter) == 1;
        if (good && offset % 16 != 0)
            good = EVP_EncryptUpdate(context.get(), skipped, &written, skipped, int(offset % 16)) == 1;
        auto *bytes = reinterpret_cast<unsigned char *>(data);
        while (good && count > 0) {
            int piece = int(std::min(count, size_t(INT_MAX) & ~size_t(15)));
            good = EVP_EncryptUpdate(context.get(), bytes, &written, bytes, piece) == 1;
            bytes += piece;
            count -= size_t(piece);
        }
        return good ? rocksdb::Status::OK() : rocksdb::Status::IOError("encryption", "libcrypto refused AES-256-CTR");
    }
};

// What is written as zeros and is something else was changed since: nothing else vouches for a file's first page.
bool isZero(const char *first, const char *end) {
    return std::all_of(first, end, [](char byte) { return byte == 0; });
}

// Gives each file a key of its own: HMAC-SHA-256 of the salt in the file's first page, by the catalog's key.
class Provider final : public rocksdb::EncryptionProvider {
  public:
    Key key;

    const char *Name() const override { return "OxbowCTR"; }
    size_t GetPrefixLength() const override { return prefixBytes; }

    rocksdb::Status CreateNewPrefix(const std::string &, char *prefix, size_t count) const override {
        if (count < saltOffset + saltBytes) return rocksdb::Status::InvalidArgument("prefix too short");
        memset(prefix, 0, count);
        memcpy(prefix, magic, sizeof magic);
        prefix[sizeof magic] = char(version);
        auto *salt = reinterpret_cast<unsigned char *>(prefix + saltOffset);
        return RAND_bytes(salt, int(saltBytes)) == 1 ? rocksdb::Status::OK()
                                                     : rocksdb::Status::IOError("encryption", "no random bytes");
    }

    rocksdb::Status AddCipher(const std::string &, const char *, size_t, bool) override {
        return rocksdb::Status::NotSupported("keys are given at creation");
    }

    rocksdb::Status CreateCipherStream(const std::string &name, const rocksdb::EnvOptions &, rocksdb::Slice &prefix,
                                       std::unique_ptr<rocksdb::BlockAccessCipherStream> *result) override {
        if (prefix.size() < saltOffset + saltBytes || memcmp(prefix.data(), magic, sizeof magic) != 0 ||
            prefix[sizeof magic] != char(version) || !isZero(prefix.data() + sizeof magic + 1, prefix.data() + saltOffset) ||
            !isZero(prefix.data() + saltOffset + saltBytes, prefix.data() + prefix.size()))
            return rocksdb::Status::Corruption(name, "the file is not encrypted as this vault's files are");
        std::unique_ptr<FileCipher> cipher(new (std::nothrow) FileCipher());
        if (!cipher) return rocksdb::Status::MemoryLimit();
        auto *salt = reinterpret_cast<const unsigned char *>(prefix.data() + saltOffset);
        unsigned int count = 0;
        if (!HMAC(EVP_sha256(), key.bytes, keyBytes, salt, saltBytes, cipher->key.bytes, &count) || count != keyBytes)
            return rocksdb::Status::IOError("encryption", "libcrypto refused HMAC-SHA-256");
        *result = std::move(cipher);
        return rocksdb::Status::OK();
    }
};

// RocksDB writes its log of events through the file system below, unencrypted: names of files, options, at times keys.
class NoLog final : public rocksdb::Logger {
  public:
    using rocksdb::Logger::Logv;
    void Logv(const char *, va_list) override {}
    void Logv(const rocksdb::InfoLogLevel, const char *, va_list) override {}
    void LogHeader(const char *, va_list) override {}
    // Or the roll-over by size would come at every line.
    size_t GetLogFileSize() const override { return 0; }
};

class QuietFileSystem final : public rocksdb::FileSystemWrapper {
  public:
    explicit QuietFileSystem(const std::shared_ptr<rocksdb::FileSystem> &target) : FileSystemWrapper(target) {}
    const char *Name() const override { return "OxbowQuietFileSystem"; }
    rocksdb::IOStatus NewLogger(const std::string &, const rocksdb::IOOptions &, std::shared_ptr<rocksdb::Logger> *result,
                                rocksdb::IODebugContext *) override {
        *result = std::make_shared<NoLog>();
        return rocksdb::IOStatus::OK();
    }
};

// A file whose first page never became durable: the machine stopped while it was made, and nothing in it can be read. To
// RocksDB it is empty, as such a file without encryption would be. The file system above would end the process by an
// assertion when it is shorter than its first page, and refuse the whole catalog when that page is zeros.
class BegunFileSystem final : public rocksdb::FileSystemWrapper {
  public:
    explicit BegunFileSystem(const std::shared_ptr<rocksdb::FileSystem> &target) : FileSystemWrapper(target) {}
    const char *Name() const override { return "OxbowBegunFileSystem"; }

    rocksdb::IOStatus GetFileSize(const std::string &path, const rocksdb::IOOptions &options, uint64_t *size,
                                  rocksdb::IODebugContext *context) override {
        auto status = target()->GetFileSize(path, options, size, context);
        if (status.ok() && *size > 0 && isOnlyBegun(path, *size)) *size = 0;
        return status;
    }

    rocksdb::IOStatus NewSequentialFile(const std::string &path, const rocksdb::FileOptions &options,
                                        std::unique_ptr<rocksdb::FSSequentialFile> *result,
                                        rocksdb::IODebugContext *context) override {
        uint64_t size = 0;
        auto status = target()->GetFileSize(path, options.io_options, &size, context);
        bool isEmpty = status.ok() && size > 0 && isOnlyBegun(path, size);
        return target()->NewSequentialFile(isEmpty ? "/dev/null" : path, options, result, context);
    }

  private:
    bool isOnlyBegun(const std::string &path, uint64_t size) {
        if (size < prefixBytes) return true;
        std::unique_ptr<rocksdb::FSRandomAccessFile> file;
        char room[sizeof magic];
        rocksdb::Slice found;
        if (!target()->NewRandomAccessFile(path, rocksdb::FileOptions(), &file, nullptr).ok() ||
            !file->Read(0, sizeof room, rocksdb::IOOptions(), &found, room, nullptr).ok())
            return false;
        return std::all_of(found.data(), found.data() + found.size(), [](char byte) { return byte == 0; });
    }
};

}  // namespace

struct oxbow_rocks_encryption {
    std::shared_ptr<Provider> provider = std::make_shared<Provider>();
    std::unique_ptr<rocksdb::Env> env;
    // The C interface's view of `env`.
    rocksdb_env_t *view = nullptr;
};

oxbow_rocks_encryption *oxbow_rocks_encryption_create(const unsigned char *key) {
    std::unique_ptr<oxbow_rocks_encryption> made(new (std::nothrow) oxbow_rocks_encryption());
    if (!made) return nullptr;
    memcpy(made->provider->key.bytes, key, keyBytes);
    auto encrypted = rocksdb::NewEncryptedFS(
        std::make_shared<BegunFileSystem>(rocksdb::FileSystem::Default()), made->provider);
    if (!encrypted) return nullptr;
    made->env = rocksdb::NewCompositeEnv(std::make_shared<QuietFileSystem>(encrypted));
    // rocksdb_env_t is private to RocksDB's c.cc. Its first member is the Env, and the default environment's shows whether
    // that still holds in the library that is loaded.
    made->view = rocksdb_create_default_env();
    auto **slot = reinterpret_cast<rocksdb::Env **>(made->view);
    if (slot == nullptr || *slot != rocksdb::Env::Default()) return nullptr;
    *slot = made->env.get();
    return made.release();
}

void oxbow_rocks_encryption_attach(oxbow_rocks_encryption *encryption, rocksdb_options_t *options) {
    rocksdb_options_set_env(options, encryption->view);
}

void oxbow_rocks_encryption_destroy(oxbow_rocks_encryption *encryption) {
    if (!encryption) return;
    // The view was made as the default environment's, so destroying it leaves ours alone.
    rocksdb_env_destroy(encryption->view);
    delete encryption;
}
