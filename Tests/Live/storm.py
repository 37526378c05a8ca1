#!/usr/bin/env python3
"""Many short connections with a small object each, and the S3 server that takes them: raw sockets, so that one core does
thousands a second.

usage: storm.py server ADDRESS PORT PROCESSES
       storm.py client ADDRESS PORT PROCESSES SECONDS RATE      connections a second in all; 0 for as many as can be

Seven of eight connections put an object, the eighth reads one; contents come from the key (`content`), so nobody keeps
them. The server answers with the MD5 as ETag and closes. Each client process prints one JSON object: `worker`, `sent` (keys
0 to sent-1), `failed` (keys and why).
"""
import hashlib
import json
import os
import random
import socket
import sys
import time

HEAD = ("%s /bucket/%s HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %d\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
        "Signature=0\r\n\r\n")


def key_of(worker, number):
    return f"{'read' if number % 8 == 7 else 'put'}/{worker}/{number}"


def content(key):
    """1 to 8192 bytes that belong to the key."""
    chance = random.Random(key)
    return chance.randbytes(chance.randint(1, 8192))


def read(connection):
    """A message's head and body, the body by its length or to the end; None when nothing came."""
    data = connection.recv(1 << 16)
    while data and b"\r\n\r\n" not in data:
        more = connection.recv(1 << 16)
        if not more:
            return None
        data += more
    if not data:
        return None
    head, body = data.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
    while len(body) < length:
        more = connection.recv(1 << 16)
        if not more:
            return None
        body += more
    return head.decode(), body


def serve(address, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((address, port))
    listener.listen(1024)
    while True:
        connection, _ = listener.accept()
        try:
            message = read(connection)
            if message is None:
                continue
            method, path = message[0].split(" ", 2)[:2]
            body = content(path.split("/", 2)[2]) if method == "GET" else b""
            tag = hashlib.md5(body if method == "GET" else message[1]).hexdigest()
            connection.sendall((f'HTTP/1.1 200 OK\r\nETag: "{tag}"\r\nContent-Length: {len(body)}\r\n'
                                "Connection: close\r\n\r\n").encode() + body)
        except OSError:
            pass
        finally:
            connection.close()


def storm(worker, workers, address, port, seconds, rate):
    number, failed, began = 0, [], time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        if rate:
            ahead = number * workers / rate - now
            if ahead > 0:
                time.sleep(ahead)
        key = key_of(worker, number)
        method, body = ("GET", b"") if number % 8 == 7 else ("PUT", content(key))
        number += 1
        try:
            with socket.create_connection((address, port), timeout=30) as connection:
                connection.sendall((HEAD % (method, key, address, port, len(body))).encode() + body)
                answer = read(connection)
                # The server closes first, so that the client's ports are free again.
                connection.recv(1)
                if answer is None or not answer[0].startswith("HTTP/1.1 200"):
                    failed.append([key, "no proper answer"])
                elif method == "GET" and answer[1] != content(key):
                    failed.append([key, "other bytes"])
        except OSError as error:
            failed.append([key, repr(error)])
    # One write, which a pipe keeps whole.
    os.write(1, (json.dumps({"worker": worker, "sent": number, "failed": failed[:20]}) + "\n").encode())


def fork(processes, body):
    children = []
    for worker in range(processes):
        child = os.fork()
        if child == 0:
            body(worker)
            os._exit(0)
        children.append(child)
    return children


if __name__ == "__main__":
    what, address, port, processes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if what == "server":
        children = fork(processes, lambda _: serve(address, port))
        print("ready", flush=True)
        sys.stdin.read()
        for child in children:
            os.kill(child, 9)
    else:
        seconds, rate = float(sys.argv[5]), float(sys.argv[6])
        for child in fork(processes, lambda worker: storm(worker, processes, address, port, seconds, rate)):
            os.waitpid(child, 0)
