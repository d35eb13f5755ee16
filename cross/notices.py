#!/usr/bin/env python3
"""The licences of everything that is linked into a binary, which have to go with it.

    cross/notices.py TARGET        writes them to standard output

Reads the crates' own files where cargo has unpacked them.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
# Where a crate is offered under several licences, the first of these that it brings is the one it is taken under.
TAKEN = ("MIT", "ISC", "BSD", "ZLIB")


def metadata(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def linked(data, kinds=(None,)):
    """The packages that the root depends on, by these kinds of dependency (none: normal), the root itself left out."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = data["resolve"]["root"]
    seen, queue = set(), [root]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue += [each["pkg"] for each in nodes[current]["deps"] if any(kind["kind"] in kinds for kind in each["dep_kinds"])]
    return sorted((packages[each] for each in seen - {root}), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """What the crate itself says of its licence."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and FILES.match(file.name))
    for licence in TAKEN:
        chosen = [file for file in files if licence in file.name.upper()]
        if chosen:
            files = chosen + [file for file in files if "NOTICE" in file.name.upper()]
            break
    return [file.read_text(errors="replace").strip() for file in files]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: cross/notices.py TARGET")
    by_text, apache = collections.OrderedDict(), (ROOT / "LICENSE-APACHE").read_text().strip()
    for package in linked(metadata(sys.argv[1])):
        name = f"{package['name']} {package['version']} ({package['license']})"
        for text in texts(package):
            by_text.setdefault(text, []).append(name)
        if not texts(package):
            if "Apache-2.0" not in package["license"]:
                sys.exit(f"{name} brings no text of its licence, and none is known for it here")
            by_text.setdefault(apache, []).append(f"{name}, {', '.join(package['authors']) or package['repository']}")
    print("scalecam holds the following software. Each part's licence asks that its text comes along.\n")
    print("The Rust standard library: MIT OR Apache-2.0, the Rust project. SQLite: public domain.")
    for text, names in by_text.items():
        print(f"\n{'=' * 80}\n" + "\n".join(names) + f"\n{'-' * 80}\n{text}")


if __name__ == "__main__":
    main()
