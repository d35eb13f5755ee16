"""Every relative link in the project's Markdown leads to a file, and every anchor to a heading."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
files = subprocess.run(["git", "ls-files", "*.md"], cwd=root, check=True, capture_output=True, text=True).stdout.split()
bad = []


def anchors(path):
    heads = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


for name in files:
    text = (root / name).read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (root / name).parent / target if target else root / name
        if not path.exists():
            bad.append(f"{name}: {link}: there is no such file")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            bad.append(f"{name}: {link}: there is no such heading")
print(f"{len(files)} documents, {len(bad)} bad links")
sys.exit("\n".join(bad) or 0)
