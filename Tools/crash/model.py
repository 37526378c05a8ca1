"""What is left of a folder after the machine stopped: made from a record of the calls that changed it (shim.c).

A file is what was written to it, in order. What a sync covered is there after a crash. Of what came later, in the strict
model nothing is there; in the others each write and each cut may be there or not, or a part of a write, in pages, as a
kernel that writes back when it likes leaves it. A folder's entries are durable when the folder itself was synced; of later
changes a beginning is there, as in a journal that keeps their order.
"""
import os
import random
import struct

HEADER = struct.Struct("<BBHiQQ")
OPEN, CLOSE, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, LINK, MARK, RMDIR = range(1, 12)
PAGE = 4096


def read_record(path):
    """The calls as (kind, flag, descriptor, path, offset, data)."""
    with open(path, "rb") as file:
        bytes_ = file.read()
    calls, position = [], 0
    while position + HEADER.size <= len(bytes_):
        kind, flag, path_length, descriptor, offset, length = HEADER.unpack_from(bytes_, position)
        position += HEADER.size
        name = bytes_[position:position + path_length].decode()
        position += path_length
        calls.append((kind, flag, descriptor, name, offset, bytes_[position:position + length]))
        position += length
    return calls


class File:
    """Bytes that are durable, and what was done to them since."""

    def __init__(self):
        self.durable = bytearray()
        self.later = []

    def sync(self):
        for change in self.later:
            apply(self.durable, change)
        self.later = []


class Folder:
    """Entries that are durable, and those now."""

    def __init__(self):
        self.durable = {}
        self.now = {}


def apply(content, change):
    offset, data = change
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


class Machine:
    """The state of a folder while its record is gone through."""

    def __init__(self):
        self.root = Folder()
        self.descriptors = {}
        # Changes of entries that no sync covers yet, in order: (folder, name, file or None).
        self.entries = []
        self.low = self.high = 0
        self.failed = False

    def folder(self, path):
        node = self.root
        for part in path.strip("/").split("/"):
            if part:
                node = node.now.get(part)
        return node

    def split(self, path):
        above, _, name = path.rstrip("/").rpartition("/")
        return self.folder(above), name

    def entry(self, folder, name, node):
        if folder is None:
            return
        if node is None:
            folder.now.pop(name, None)
        else:
            folder.now[name] = node
        self.entries.append((folder, name, node))

    def call(self, kind, flag, descriptor, path, offset, data):
        if kind == MARK:
            self.mark(data.decode())
        elif kind == OPEN:
            folder, name = self.split(path)
            node = self.folder(path) if path.strip("/") else self.root
            if node is None and flag & 1:
                node = File()
                self.entry(folder, name, node)
            elif flag & 2 and isinstance(node, File):
                node.later.append((0, None))
            self.descriptors[descriptor] = node
        elif kind == CLOSE:
            self.descriptors.pop(descriptor, None)
        elif kind == WRITE:
            node = self.descriptors.get(descriptor)
            if isinstance(node, File):
                node.later.append((offset, data))
        elif kind == TRUNCATE:
            node = self.descriptors.get(descriptor)
            if isinstance(node, File):
                node.later.append((offset, None))
        elif kind == SYNC:
            node = self.descriptors.get(descriptor)
            if not flag & 1:
                self.sync(node)
            elif isinstance(node, File):
                # A sync that failed: what it should have written never reaches the disk, and nobody is told again.
                node.later = []
        elif kind == RENAME:
            (folder, name), (target, new) = self.split(path), self.split(data.decode())
            node = folder.now.get(name) if folder else None
            if node is not None:
                # One change of two entries: both or neither.
                folder.now.pop(name)
                target.now[new] = node
                self.entries.append((folder, name, None, target, new, node))
        elif kind in (UNLINK, RMDIR):
            folder, name = self.split(path)
            self.entry(folder, name, None)
        elif kind == MKDIR:
            folder, name = self.split(path)
            self.entry(folder, name, Folder())
        elif kind == LINK:
            folder, name = self.split(path)
            target, new = self.split(data.decode())
            self.entry(target, new, folder.now.get(name))

    def sync(self, node):
        if isinstance(node, File):
            node.sync()
        elif isinstance(node, Folder):
            rest = []
            for change in self.entries:
                if any(change[at] is node for at in range(0, len(change), 3)):
                    self.keep(change)
                else:
                    rest.append(change)
            self.entries = rest

    @staticmethod
    def keep(change, durable=lambda folder: folder.durable):
        for at in range(0, len(change), 3):
            folder, name, node = change[at:at + 3]
            if node is None:
                durable(folder).pop(name, None)
            else:
                durable(folder)[name] = node

    def mark(self, text):
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "due":
                self.high = max(self.high, int(rest))
            elif word in ("ack", "done"):
                self.low = self.high = max(self.low, int(rest))
            elif word == "failed":
                self.failed = True

    def stop(self, target):
        """Makes the folder `target` as the end of the process alone leaves it: with everything that was written."""
        self.write_folder(self.root, lambda folder: folder.now, target, "all", None)

    def crash(self, target, mode, draw):
        """Makes the folder `target` as a crash now leaves it. `mode`: strict, ordered or random; `draw`: a Random."""
        views = {}

        def view(folder):
            if id(folder) not in views:
                views[id(folder)] = dict(folder.durable)
            return views[id(folder)]

        kept = 0 if mode == "strict" else draw.randint(0, len(self.entries))
        for change in self.entries[:kept]:
            self.keep(change, view)
        self.write_folder(self.root, view, target, mode, draw)

    def write_folder(self, folder, view, target, mode, draw):
        os.makedirs(target, exist_ok=True)
        for name, node in view(folder).items():
            path = os.path.join(target, name)
            if isinstance(node, Folder):
                self.write_folder(node, view, path, mode, draw)
                continue
            with open(path, "wb") as file:
                file.write(self.content(node, mode, draw))

    @staticmethod
    def content(node, mode, draw):
        if mode == "strict" or not node.later:
            return node.durable
        content = bytearray(node.durable)
        if mode == "all":
            for change in node.later:
                apply(content, change)
            return content
        if mode == "ordered":
            count = draw.randint(0, len(node.later))
            for change in node.later[:count]:
                apply(content, change)
            if count < len(node.later) and node.later[count][1]:
                offset, data = node.later[count]
                apply(content, (offset, data[:draw.randint(0, len(data))]))
            return content
        for offset, data in node.later:
            if data is None:
                if draw.random() < 0.5:
                    apply(content, (offset, None))
                continue
            # The length may be durable before the bytes, which then read as zeros, page by page.
            share = draw.choice((0, 0.5, 0.9, 1))
            for start in range(0, len(data), PAGE):
                piece = data[start:start + PAGE]
                if draw.random() < share:
                    apply(content, (offset + start, piece))
                elif len(content) < offset + start + len(piece) and draw.random() < 0.5:
                    apply(content, (offset + start + len(piece), None))
        return content
