#!/usr/bin/env python3
"""Makes the TLS conversations in this folder with OpenSSL's own client and server, connected by memory.

usage: make.py [NAME...]      needs libssl.so.3 and the openssl command

Each file holds: `key` lines (what SSLKEYLOGFILE would hold), `c` and `s` lines (what the client and the server put on the
wire, one flight a line, in hex), `C` and `S` lines (what the applications handed to TLS, in hex), and `note` lines.
"""
import ctypes, ctypes.util, hashlib, os, subprocess, sys, tempfile

ssl = ctypes.CDLL("libssl.so.3")
crypto = ctypes.CDLL("libcrypto.so.3")
P, I, L, S = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_size_t
def declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)
    return function
for name in ("TLS_client_method", "TLS_server_method"): declare(ssl, name, P)
declare(crypto, "BIO_s_mem", P); declare(crypto, "BIO_new", P, P)
declare(crypto, "BIO_read", I, P, P, I); declare(crypto, "BIO_write", I, P, P, I)
declare(ssl, "SSL_CTX_new", P, P); declare(ssl, "SSL_new", P, P); declare(ssl, "SSL_free", None, P)
declare(ssl, "SSL_CTX_ctrl", L, P, I, L, P); declare(ssl, "SSL_ctrl", L, P, I, L, P)
declare(ssl, "SSL_CTX_set_cipher_list", I, P, ctypes.c_char_p); declare(ssl, "SSL_CTX_set_ciphersuites", I, P, ctypes.c_char_p)
declare(ssl, "SSL_CTX_use_certificate_file", I, P, ctypes.c_char_p, I); declare(ssl, "SSL_CTX_use_PrivateKey_file", I, P, ctypes.c_char_p, I)
declare(ssl, "SSL_set_bio", None, P, P, P); declare(ssl, "SSL_set_connect_state", None, P); declare(ssl, "SSL_set_accept_state", None, P)
declare(ssl, "SSL_do_handshake", I, P); declare(ssl, "SSL_write", I, P, P, I); declare(ssl, "SSL_read", I, P, P, I)
declare(ssl, "SSL_shutdown", I, P); declare(ssl, "SSL_key_update", I, P, I); declare(ssl, "SSL_renegotiate", I, P)
declare(ssl, "SSL_get1_session", P, P); declare(ssl, "SSL_set_session", I, P, P); declare(ssl, "SSL_session_reused", I, P)
declare(ssl, "SSL_write_early_data", I, P, P, S, ctypes.POINTER(S)); declare(ssl, "SSL_read_early_data", I, P, P, S, ctypes.POINTER(S))
declare(ssl, "SSL_CTX_set_max_early_data", I, P, ctypes.c_uint32); declare(ssl, "SSL_get_cipher_list", ctypes.c_char_p, P, I)
declare(ssl, "SSL_get_current_cipher", P, P); declare(ssl, "SSL_CIPHER_get_name", ctypes.c_char_p, P)
declare(ssl, "SSL_CTX_set_options", ctypes.c_uint64, P, ctypes.c_uint64); declare(ssl, "SSL_CTX_set_block_padding", I, P, S)
declare(ssl, "SSL_CTX_set_alpn_protos", I, P, ctypes.c_char_p, ctypes.c_uint)
LOG = ctypes.CFUNCTYPE(None, P, ctypes.c_char_p)
declare(ssl, "SSL_CTX_set_keylog_callback", None, P, LOG)
ALPN = ctypes.CFUNCTYPE(I, P, ctypes.POINTER(P), ctypes.POINTER(ctypes.c_ubyte), P, ctypes.c_uint, P)
declare(ssl, "SSL_CTX_set_alpn_select_cb", None, P, ALPN, P)

NO_ETM, ALLOW_RENEGOTIATION, NO_ANTI_REPLAY = 1 << 19, 1 << 8, 1 << 24
folder = tempfile.mkdtemp()
for kind, arguments in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])):
    subprocess.run(["openssl", "req", "-x509", "-newkey", *arguments, "-nodes", "-subj", "/CN=conversation.test", "-days", "9999",
        "-keyout", f"{folder}/{kind}.key", "-out", f"{folder}/{kind}.crt"], check=True, capture_output=True)

protocol = ctypes.create_string_buffer(b"http/1.1")
@ALPN
def choose(connection, out, length, offered, count, argument):
    out[0] = ctypes.cast(protocol, P)
    length[0] = 8
    return 0

class Side:
    """A context and the connection made from it."""
    def __init__(self, is_client, version, suite, certificate, options, log):
        self.context = ssl.SSL_CTX_new(ssl.TLS_client_method() if is_client else ssl.TLS_server_method())
        number = {2: 0x0303, 3: 0x0304}[version]
        for command in (123, 124): ssl.SSL_CTX_ctrl(self.context, command, number, None)
        if version == 3: assert ssl.SSL_CTX_set_ciphersuites(self.context, suite.encode()) == 1, suite
        else: assert ssl.SSL_CTX_set_cipher_list(self.context, f"{suite}:@SECLEVEL=0".encode()) == 1, suite
        ssl.SSL_CTX_set_options(self.context, options)
        if is_client:
            self.log = LOG(lambda connection, line: log(line.decode()))
            ssl.SSL_CTX_set_keylog_callback(self.context, self.log)
            ssl.SSL_CTX_set_alpn_protos(self.context, b"\x08http/1.1", 9)
        else:
            ssl.SSL_CTX_use_certificate_file(self.context, f"{folder}/{certificate}.crt".encode(), 1)
            ssl.SSL_CTX_use_PrivateKey_file(self.context, f"{folder}/{certificate}.key".encode(), 1)
            ssl.SSL_CTX_set_alpn_select_cb(self.context, choose, None)
            ssl.SSL_CTX_set_max_early_data(self.context, 16384)
        self.is_client = is_client
    def connect(self, session=None):
        self.connection = ssl.SSL_new(self.context)
        self.input, self.output = crypto.BIO_new(crypto.BIO_s_mem()), crypto.BIO_new(crypto.BIO_s_mem())
        ssl.SSL_set_bio(self.connection, self.input, self.output)
        if self.is_client:
            ssl.SSL_ctrl(self.connection, 55, 0, ctypes.cast(ctypes.c_char_p(b"conversation.test"), P))
            ssl.SSL_set_connect_state(self.connection)
            if session: ssl.SSL_set_session(self.connection, session)
        else: ssl.SSL_set_accept_state(self.connection)
    def taken(self):
        data, buffer = b"", ctypes.create_string_buffer(65536)
        while (count := crypto.BIO_read(self.output, buffer, 65536)) > 0: data += buffer.raw[:count]
        return data

def pattern(seed, count):
    """Bytes that do not repeat, so that a misplaced record shows."""
    data = b""
    while len(data) < count: data += hashlib.sha256(f"{seed} {len(data)}".encode()).digest()
    return data[:count]

class Conversation:
    def __init__(self, name, version, suite, certificate="ec", options=0, padding=0, groups=None, note=""):
        self.name, self.lines, self.keys = name, [f"note {suite} {note}".strip()], []
        both = options | NO_ANTI_REPLAY | ALLOW_RENEGOTIATION
        self.client = Side(True, version, suite, certificate, both, self.keys.append)
        self.server = Side(False, version, suite, certificate, both, None)
        if padding:
            for side in (self.client, self.server): ssl.SSL_CTX_set_block_padding(side.context, padding)
        if groups:
            ssl.SSL_CTX_ctrl(self.client.context, 92, 0, ctypes.cast(ctypes.c_char_p(b"X25519:P-384"), P))
            ssl.SSL_CTX_ctrl(self.server.context, 92, 0, ctypes.cast(ctypes.c_char_p(groups.encode()), P))
    def pump(self):
        """Carries bytes both ways until nothing moves."""
        moved = True
        while moved:
            moved = False
            for one, other, mark in ((self.client, self.server, "c"), (self.server, self.client, "s")):
                if data := one.taken():
                    self.lines.append(f"{mark} {data.hex()}")
                    crypto.BIO_write(other.input, data, len(data))
                    moved = True
                    buffer = ctypes.create_string_buffer(65536)
                    while ssl.SSL_read(other.connection, buffer, 65536) > 0: pass
    def handshake(self):
        for _ in range(6):
            ssl.SSL_do_handshake(self.client.connection); ssl.SSL_do_handshake(self.server.connection); self.pump()
    def say(self, side, data):
        self.lines.append(f"{'C' if side is self.client else 'S'} {data.hex()}")
        assert ssl.SSL_write(side.connection, data, len(data)) == len(data)
    def talk(self, seed):
        self.say(self.client, b"GET /one HTTP/1.1\r\nHost: conversation.test\r\n\r\n"); self.pump()
        for index, count in enumerate((700, 1400, 1)): self.say(self.server, pattern(f"s{seed}{index}", count))
        self.pump()
        for index, count in enumerate((300, 900, 17, 1200)):
            self.say(self.client, pattern(f"c{seed}{index}", count))
            if index % 2: self.pump()
        self.say(self.server, pattern(f"t{seed}", 500)); self.pump()
    def finish(self):
        ssl.SSL_shutdown(self.client.connection); self.pump(); ssl.SSL_shutdown(self.server.connection); self.pump()
    def write(self):
        name = ssl.SSL_CIPHER_get_name(ssl.SSL_get_current_cipher(self.client.connection)).decode()
        self.lines.insert(1, f"note agreed on {name}")
        keys = [f"key {line}" for line in dict.fromkeys(self.keys) if "EXPORTER" not in line]
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), self.name + ".tls"), "w") as out:
            out.write("\n".join(keys + self.lines) + "\n")

def plain(*arguments, **named):
    conversation = Conversation(*arguments, **named)
    for side in (conversation.client, conversation.server): side.connect()
    conversation.handshake(); conversation.talk("a"); conversation.finish(); conversation.write()

def resumed(name, version, suite, early=None, reject=False, **named):
    """A second connection with the session of a first one, which is not recorded."""
    conversation = Conversation(name, version, suite, **named)
    for side in (conversation.client, conversation.server): side.connect()
    conversation.handshake(); conversation.talk("x")
    session = ssl.SSL_get1_session(conversation.client.connection)
    conversation.finish()
    conversation.lines = conversation.lines[:1]; conversation.keys.clear()
    for side in (conversation.client, conversation.server): side.connect(session if side.is_client else None)
    if early:
        written, buffer = S(), ctypes.create_string_buffer(65536)
        for part in early:
            assert ssl.SSL_write_early_data(conversation.client.connection, part, len(part), ctypes.byref(written)) == 1
            conversation.lines.append(f"{'note refused' if reject else 'C'} {part.hex()}")
        data = conversation.client.taken()
        conversation.lines.append(f"c {data.hex()}")
        crypto.BIO_write(conversation.server.input, data, len(data))
        if not reject:
            for _ in range(4): ssl.SSL_read_early_data(conversation.server.connection, buffer, 65536, ctypes.byref(written))
    conversation.handshake()
    assert ssl.SSL_session_reused(conversation.client.connection) == 1
    conversation.talk("b"); conversation.finish(); conversation.write()

def updated(name, suite):
    conversation = Conversation(name, 3, suite, note="KeyUpdate both ways")
    for side in (conversation.client, conversation.server): side.connect()
    conversation.handshake(); conversation.talk("a")
    assert ssl.SSL_key_update(conversation.client.connection, 1) == 1
    conversation.talk("b")
    assert ssl.SSL_key_update(conversation.server.connection, 0) == 1
    conversation.talk("c"); conversation.finish(); conversation.write()

def renegotiated(name, suite):
    conversation = Conversation(name, 2, suite, note="renegotiated")
    for side in (conversation.client, conversation.server): side.connect()
    conversation.handshake(); conversation.talk("a")
    assert ssl.SSL_renegotiate(conversation.client.connection) == 1
    conversation.handshake(); conversation.talk("b"); conversation.finish(); conversation.write()

wanted = sys.argv[1:]
def case(name, make, *arguments, **named):
    if not wanted or name in wanted: make(name, *arguments, **named)

case("v13-aes128-gcm", plain, 3, "TLS_AES_128_GCM_SHA256")
case("v13-aes256-gcm", plain, 3, "TLS_AES_256_GCM_SHA384")
case("v13-chacha20", plain, 3, "TLS_CHACHA20_POLY1305_SHA256")
case("v13-aes128-ccm", plain, 3, "TLS_AES_128_CCM_SHA256")
case("v13-aes128-ccm8", plain, 3, "TLS_AES_128_CCM_8_SHA256")
case("v13-retry", plain, 3, "TLS_AES_256_GCM_SHA384", groups="P-384", note="HelloRetryRequest")
case("v13-padded", plain, 3, "TLS_AES_128_GCM_SHA256", padding=512, note="records padded to 512")
case("v13-updated", updated, "TLS_AES_256_GCM_SHA384")
case("v13-resumed", resumed, 3, "TLS_AES_128_GCM_SHA256", note="PSK resumption")
case("v13-early", resumed, 3, "TLS_AES_128_GCM_SHA256", early=[pattern("e0", 200), pattern("e1", 400)], note="0-RTT taken")
case("v13-early-refused", resumed, 3, "TLS_AES_128_GCM_SHA256", early=[pattern("e0", 200)], reject=True, note="0-RTT refused")
case("v12-aes128-gcm", plain, 2, "ECDHE-ECDSA-AES128-GCM-SHA256")
case("v12-aes256-gcm", plain, 2, "ECDHE-RSA-AES256-GCM-SHA384", certificate="rsa")
case("v12-chacha20", plain, 2, "ECDHE-ECDSA-CHACHA20-POLY1305")
case("v12-aes128-ccm", plain, 2, "ECDHE-ECDSA-AES128-CCM")
case("v12-aes256-ccm8", plain, 2, "ECDHE-ECDSA-AES256-CCM8")
case("v12-aes128-sha", plain, 2, "ECDHE-ECDSA-AES128-SHA", note="encrypt-then-MAC")
case("v12-aes128-sha-mte", plain, 2, "AES128-SHA", certificate="rsa", options=NO_ETM, note="MAC-then-encrypt, RSA key exchange")
case("v12-aes128-sha256-mte", plain, 2, "ECDHE-ECDSA-AES128-SHA256", options=NO_ETM, note="MAC-then-encrypt")
case("v12-aes256-sha384", plain, 2, "ECDHE-ECDSA-AES256-SHA384", note="encrypt-then-MAC")
case("v12-aes256-sha384-mte", plain, 2, "ECDHE-ECDSA-AES256-SHA384", options=NO_ETM, note="MAC-then-encrypt")
case("v12-resumed", resumed, 2, "ECDHE-ECDSA-AES128-GCM-SHA256", note="session ticket")
case("v12-renegotiated", renegotiated, "ECDHE-ECDSA-AES256-GCM-SHA384")
