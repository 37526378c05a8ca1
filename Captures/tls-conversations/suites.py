#!/usr/bin/env python3
"""Makes suites.txt: a record of each side for every cipher suite that OpenSSL can still agree on, and extended master secrets.

usage: suites.py      needs libssl.so.3, the openssl command and Python's cryptography

Each line is a word and fields in hex: `suite NUMBER NAME ETM MASTER CLIENT-RANDOM SERVER-RANDOM RECORD RECORD` for TLS 1.2,
`secret NUMBER NAME CLIENT-SECRET SERVER-SECRET RECORD RECORD` for TLS 1.3; records are the first of application data, the
client's before the server's, and say `NUMBER from the client`, `NUMBER from the server`. `ems HASH PREMASTER SESSION-HASH MASTER` is
RFC 7627 section 4: the premaster is decrypted here with the server's key, the master is what OpenSSL wrote to its key log.
"""
import ctypes, hashlib, os, subprocess, sys

sys.argv = ["make.py", "none"]
import make
from make import crypto, ssl, declare, P, I, S
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding

declare(ssl, "SSL_CIPHER_get_protocol_id", ctypes.c_uint16, P); declare(ssl, "SSL_CTX_set_num_tickets", I, P, S)
CLIENT = ctypes.CFUNCTYPE(ctypes.c_uint, P, ctypes.c_char_p, P, ctypes.c_uint, P, ctypes.c_uint)
SERVER = ctypes.CFUNCTYPE(ctypes.c_uint, P, ctypes.c_char_p, P, ctypes.c_uint)
declare(ssl, "SSL_CTX_set_psk_client_callback", None, P, CLIENT); declare(ssl, "SSL_CTX_set_psk_server_callback", None, P, SERVER)
declare(ssl, "SSL_CTX_use_psk_identity_hint", I, P, ctypes.c_char_p)
subprocess.run(f"openssl dsaparam -out {make.folder}/dsa.pem 2048 && openssl req -x509 -newkey dsa:{make.folder}/dsa.pem -nodes"
    f" -subj /CN=conversation.test -days 9999 -keyout {make.folder}/dsa.key -out {make.folder}/dsa.crt",
    shell=True, check=True, capture_output=True)

@CLIENT
def client_key(connection, hint, identity, identity_max, key, key_max):
    ctypes.memmove(identity, b"vector\0", 7); ctypes.memmove(key, b"\x5A" * 16, 16)
    return 16
@SERVER
def server_key(connection, identity, key, key_max):
    ctypes.memmove(key, b"\x5A" * 16, 16)
    return 16

def records(flights, mark):
    data = b"".join(bytes.fromhex(line[2:]) for line in flights if line.startswith(mark + " "))
    while data:
        length = 5 + int.from_bytes(data[3:5], "big")
        yield data[:length]
        data = data[length:]

def connect(name, version, certificate, options):
    talk = make.Conversation("vector", version, name, certificate, options)
    for side in (talk.client, talk.server):
        ssl.SSL_CTX_ctrl(side.context, 118, 1, None)
        ssl.SSL_CTX_set_num_tickets(side.context, 0)
        ssl.SSL_CTX_set_psk_client_callback(side.context, client_key) if side.is_client else \
            ssl.SSL_CTX_set_psk_server_callback(side.context, server_key)
        side.connect()
    talk.handshake()
    number = f"{ssl.SSL_CIPHER_get_protocol_id(ssl.SSL_get_current_cipher(talk.client.connection)):04x}"
    for side, who in ((talk.client, "client"), (talk.server, "server")): talk.say(side, f"{number} from the {who}".encode())
    talk.pump()
    return talk, number

def vector(name, version, certificate, options=0):
    talk, number = connect(name, version, certificate, options)
    hello = [next(records(talk.lines, mark)) for mark in "cs"]
    data = [next(record for record in list(records(talk.lines, mark))[::-1] if record[0] == 23).hex() for mark in "cs"]
    if version == 3:
        secrets = [next(line.split()[2] for line in talk.keys if line.startswith(f"{side}_TRAFFIC_SECRET_0")) for side in ("CLIENT", "SERVER")]
        return " ".join(["secret", number, name, *secrets, *data])
    master = next(line.split()[2] for line in talk.keys if line.startswith("CLIENT_RANDOM"))
    is_etm = b"\0\x16\0\0" in hello[1]
    return " ".join(["suite", number, name, str(int(is_etm)), master, *(each[11:43].hex() for each in hello), *data])

def extended(name, hash):
    talk, number = connect(name, 2, "rsa", 0)
    # The handshake messages in clear, as they went: hello, answer with certificate, and the key exchange.
    order = [(line[0], bytes.fromhex(line[2:])) for line in talk.lines if line[:2] in ("c ", "s ")]
    said, premaster = b"", None
    key = serialization.load_pem_private_key(open(f"{make.folder}/rsa.key", "rb").read(), None)
    for mark, data in order:
        while data and premaster is None:
            length = 5 + int.from_bytes(data[3:5], "big")
            content, data = data[5:length], data[length:]
            while content and premaster is None:
                count = 4 + int.from_bytes(content[1:4], "big")
                message, content = content[:count], content[count:]
                said += message
                if message[0] == 16: premaster = key.decrypt(message[6:], padding.PKCS1v15())
    master = next(line.split()[2] for line in talk.keys if line.startswith("CLIENT_RANDOM"))
    return f"ems {hash} {premaster.hex()} {hashlib.new(hash, said).hexdigest()} {master}"

lines = []
names = subprocess.run(["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], check=True, capture_output=True, text=True).stdout
for line in names.splitlines():
    number, _, name, protocol, exchange, authentication, cipher, *_ = line.split()
    if any(word in line for word in ("Camellia", "ARIA", "Enc=None", "SRP", "IDEA", "SEED", "RC4", "3DES")): continue
    if protocol == "TLSv1.3": lines.append(vector(name, 3, "ec")); continue
    certificate = {"ECDSA": "ec", "DSS": "dsa"}.get(authentication[3:], "rsa")
    try:
        lines.append(vector(name, 2, certificate))
        if "Enc=AES(" in cipher: lines.append(vector(name, 2, certificate, make.NO_ETM))
    except (AssertionError, StopIteration): print("not agreed:", line, file=sys.stderr)
for name, hash in (("AES128-SHA", "sha256"), ("AES256-GCM-SHA384", "sha384")): lines.append(extended(name, hash))
for name in ("TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
    if not any(name in line for line in lines): lines.append(vector(name, 3, "ec"))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "suites.txt"), "w") as out: out.write("\n".join(lines) + "\n")
