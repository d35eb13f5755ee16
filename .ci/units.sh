#!/bin/sh
# systemd's own reading of the units. What it may say: that the program and its manual are not installed on this machine,
# and, before systemd 254, that the growing pause between starts is unknown to it.
set -eu
cd "$(dirname "$0")/.."
for unit in systemd/scalecam.service systemd/scalecam@.service; do
    said=$(systemd-analyze verify "$unit" 2>&1 | grep "scalecam" |
        grep -v -e 'is not executable: No such file' -e "Command 'man scalecam(8)' failed" \
            -e "Unknown key \(name \)\{0,1\}'Restart\(Steps\|MaxDelaySec\)'" || true)
    if [ -n "$said" ]; then
        echo "$said" >&2
        exit 1
    fi
    echo "$unit: systemd $(systemd-analyze --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') finds nothing wrong"
done
