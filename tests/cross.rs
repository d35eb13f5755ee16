//! What the build scripts say on machines that lack something: one sentence with the remedy, and nothing half-made.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every Debian has, and the scripts use.
const ORDINARY: [&str; 24] = [
    "awk", "cat", "chmod", "cp", "cut", "df", "dirname", "find", "grep", "gzip", "head", "id", "mkdir", "mv",
    "printf", "rm", "sed", "sh", "sort", "tail", "touch", "tr", "wc", "xargs",
];

/// A machine that has these programs and no others.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// With Rust of the version that these tests were built by, a C compiler and no foreign standard library, without
    /// a network: whatever fetches something fails.
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(machine.tools()).unwrap();
        for tool in ORDINARY {
            let found = ["/usr/bin", "/bin"]
                .map(|folder| Path::new(folder).join(tool))
                .into_iter()
                .find(|file| file.exists());
            symlink(found.unwrap(), machine.tools().join(tool)).unwrap();
        }
        machine.has("rustc", "case $* in -V) echo 'rustc 1.95.0 (0 2026-01-01)' ;; -vV) echo 'host: none' ;; *) echo /nowhere ;; esac");
        for tool in ["cargo", "cc", "rustup", "python3", "dpkg-deb", "qemu-aarch64-static"] {
            machine.has(tool, "echo \"$0: no network\" >&2; exit 1");
        }
        machine
    }

    fn tools(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn has(&self, tool: &str, script: &str) {
        let file = self.tools().join(tool);
        let _ = fs::remove_file(&file);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn lacks(&self, tool: &str) {
        fs::remove_file(self.tools().join(tool)).unwrap();
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(script));
        command.env_clear().env("PATH", self.tools()).env("HOME", self.folder.path());
        command.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        command
    }

    /// Exit code and what was said on standard error.
    fn run(&self, script: &str, words: &[&str]) -> (i32, String) {
        Self::said(self.command(script).args(words))
    }

    fn said(command: &mut Command) -> (i32, String) {
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// A mirror that has every package, for whatever architecture is asked for.
    fn has_mirror(&self) {
        let keyring = self.folder.path().join("keyring.gpg");
        fs::write(keyring, "").unwrap();
        self.has(
            "apt-get",
            "for last; do :; done
             case $* in
             *indextargets*) echo http://mirror.invalid ;;
             *download*) : >\"${last%%=*}_1_$(sed -n 's/APT::Architecture \"\\(.*\\)\";/\\1/p' \"$APT_CONFIG\").deb\" ;;
             esac",
        );
    }

    /// Building fails with that code and one sentence that holds these words; only logs are left.
    fn fails(&self, words: &[&str], code: i32, said: &[&str]) {
        let (found, told) = self.run("cross/build.sh", words);
        assert_eq!(found, code, "{words:?}: {told}");
        assert_eq!(told.lines().count(), 1, "{words:?}: {told}");
        for each in said {
            assert!(told.contains(each), "{words:?}: {each:?} is not in {told:?}");
        }
        let left = Self::left(&self.folder.path().join("target"));
        assert!(left.is_empty(), "{words:?}: {left:?} is left over");
    }

    fn left(folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let files = entries
            .map(|entry| entry.unwrap().path())
            .flat_map(|path| if path.is_dir() { Self::left(&path) } else { vec![path] });
        files.filter(|file| file.extension().is_none_or(|kind| kind != "log")).collect()
    }
}

#[test]
fn what_nobody_builds_for_is_wrong_usage() {
    let machine = Machine::new();
    machine.fails(&["mips"], 2, &["mips", "arm64|armhf|amd64|all"]);
    machine.fails(&["arm64", "--dep"], 2, &["--dep", "--musl", "--deb", "--test"]);
}

#[test]
fn missing_tools_are_named_with_their_remedy() {
    for tool in ["cargo", "rustc", "cc"] {
        let machine = Machine::new();
        machine.lacks(tool);
        machine.fails(&["arm64"], 1, &[tool, "is missing", "install"]);
    }
    let machine = Machine::new();
    machine.lacks("dpkg-deb");
    machine.fails(&["arm64", "--deb"], 1, &["dpkg-deb", "apt-get install", "leave --deb out"]);
    let machine = Machine::new();
    machine.lacks("qemu-aarch64-static");
    machine.fails(&["arm64", "--test"], 1, &["qemu-user", "apt-get install qemu-user-static"]);
}

#[test]
fn a_full_disk_is_said_before_anything_is_made() {
    let machine = Machine::new();
    machine.has(
        "df",
        "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\nx 9 9 2400000 9%% /\\n'",
    );
    machine.fails(&["arm64"], 1, &["2.5 GB", "CARGO_TARGET_DIR"]);
    assert!(!machine.folder.path().join("target").exists());
}

#[test]
fn without_a_network_each_thing_that_is_missing_is_named() {
    let machine = Machine::new();
    machine.fails(&["arm64"], 1, &["no linker", "apt-get install gcc-aarch64-linux-gnu", "zig"]);
    machine.has("aarch64-linux-gnu-gcc", "exit 1");
    machine.fails(
        &["arm64"],
        1,
        &["no standard library of Rust 1.95.0", "rustup target add aarch64-unknown-linux-gnu"],
    );
    machine.fails(&["arm64", "--deb"], 1, &["no standard library"]);
}

#[test]
fn a_build_that_fails_is_not_called_a_success() {
    let machine = Machine::new();
    machine.has("aarch64-linux-gnu-gcc", "exit 1");
    let library = machine.folder.path().join("library");
    fs::create_dir(&library).unwrap();
    fs::write(library.join("libstd-0.rlib"), "").unwrap();
    let place = library.display();
    machine.has(
        "rustc",
        &format!(
            "case $* in -V) echo 'rustc 1.95.0 (0 0)' ;; -vV) echo 'host: none' ;; *) echo {place} ;; esac"
        ),
    );
    let (code, told) = machine.run("cross/build.sh", &["arm64"]);
    assert_eq!(code, 1);
    assert!(
        told.ends_with("cargo could not build for aarch64-unknown-linux-gnu; the lines above say why\n"),
        "{told}"
    );
}

#[test]
fn the_box_and_the_release_name_what_they_lack() {
    let machine = Machine::new();
    machine.has("id", "echo 1000");
    for (script, words, said) in [
        ("tests/box/run", &["--shirt"][..], "--shirt is not known"),
        ("tests/box/run", &["--package", "none.deb"], "--package wants a file"),
        ("tests/box/run", &[], "run: apt-get update && apt-get install"),
        ("cross/release.sh", &["--advisories", "nowhere"], "wants the folder"),
        ("cross/release.sh", &[], "is missing; run: apt-get install"),
    ] {
        let (code, told) = machine.run(script, words);
        assert_eq!((code, told.lines().count()), (1, 1), "{script} {words:?}: {told}");
        assert!(told.contains(said), "{script} {words:?}: {told}");
    }
}

#[test]
fn a_package_is_that_of_the_architecture_which_was_asked_for() {
    let machine = Machine::new();
    machine.has_mirror();
    let fetched = |arch: &str| {
        let mut command = machine.command("cross/debian-fetch.sh");
        command.env("DEBIAN_KEYRING", machine.folder.path().join("keyring.gpg"));
        command.args([arch, "bookworm"]).arg(machine.folder.path().join("debs")).arg("libc6");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    };
    for arch in ["arm64", "armhf", "arm64"] {
        let file = fetched(arch);
        assert!(file.ends_with(format!("libc6_1_{arch}.deb")) && file.exists(), "{file:?}");
    }
}

#[test]
fn a_source_package_that_cannot_be_used_ends_the_build_with_a_sentence() {
    for (unpacks, said) in
        [("exit 1", "cannot be unpacked"), ("mkdir -p \"$3\"", "does not hold the standard library")]
    {
        let machine = Machine::new();
        machine.has_mirror();
        machine.has("aarch64-linux-gnu-gcc", "exit 1");
        machine.has("dpkg-deb", unpacks);
        let mut command = machine.command("cross/build.sh");
        command
            .env("DEBIAN_KEYRING", machine.folder.path().join("keyring.gpg"))
            .env("STD", "debian")
            .arg("arm64");
        let (code, told) = Machine::said(&mut command);
        assert_eq!((code, told.lines().count()), (1, 1), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
