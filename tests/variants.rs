//! `scalecam decode` for makers' variants and for protocols in a site's own words.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn decode(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scalecam"))
        .arg("decode")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_variant_refuses_the_frames_of_the_others() {
    for (protocol, variant, good, other) in [
        ("toledo-8217", "3700lp", &b"\x02001235\r"[..], &b""[..]),
        ("nci-scp", "scp-01", b"\n0002.49LB\r\n00\r\x03", b"\n01.235KG\r\nS00\r\x03"),
        ("nci-scp", "ecr", b"\n01.235KG\r\nS00\r\x03", b"\n0002.49LB\r\n00\r\x03"),
        ("nci-scp", "3835", b"\n 002.49LB\r00\x03", b"\n0002.49LB\r\n00\r\x03"),
        ("st-gs", "and", b"ST,+0001.234 kg\r\n", b"ST,GS,+  1.234kg\r\n"),
        ("st-gs", "and-18", b"ST,GS,+  1.234kg\r\n", b"ST,GS   1.234,kg\r\n"),
        ("st-gs", "tiger-18", b"ST,GS   1.234,kg\r\n", b"ST,GS,+  1.234kg\r\n"),
        ("st-gs", "cas-22", b"ST,GS,1\xC4,  13.500 kg\r\n", b"ST,+0001.234 kg\r\n"),
        ("st-gs", "dini", b"ST,1,   1.234kg,   0.050kg\r\n", b"ST,GS,+  1.234kg\r\n"),
    ] {
        let read = |bytes: &[u8]| {
            let done = decode(&["--protocol", protocol, "--profile", variant], bytes);
            assert_eq!(done.status.code(), Some(0));
            String::from_utf8(done.stdout).unwrap()
        };
        assert!(read(good).contains("\"stability\":\"stable\""), "{protocol} {variant}: {}", read(good));
        assert!(
            other.is_empty() || read(other).contains("\"garbled\":"),
            "{protocol} {variant}: {}",
            read(other)
        );
    }
    let net = |variant: &[&str]| {
        let arguments = [&["--protocol", "toledo-8217"], variant].concat();
        String::from_utf8(decode(&arguments, b"\x02?a\r").stdout).unwrap()
    };
    assert!(net(&["--profile", "8217"]).contains("\"net\":true"));
    assert!(net(&["--profile", "8213"]).contains("\"net\":null"));
    assert!(net(&["--profile", "sasi"]).contains("\"stability\":\"unknown\""));
    let done = decode(&["--protocol", "prix", "--profile", "prt9"], b"");
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("prt1, prt3, prt5, filizola"));
}

#[test]
fn a_protocol_of_the_settings_is_decoded_as_they_describe_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let settings = "[device]\nid = \"a\"\n[scale]\nport = \"/dev/x\"\nprotocol = \"custom\"\nunit = \"kg\"\ndecimals = 3\n\
                    [scale.custom]\nend = '\\x03'\npattern = '\\x02(?<state>[\\x80-\\xFF])(?<weight>[0-9]{5})'\n\
                    stable = ['\\xC0']\nmoving = ['\\x80']\n[camera]\nkind = \"synthetic\"\n";
    std::fs::write(&file, settings).unwrap();
    let done = decode(
        &["--protocol", "custom", "--config", file.to_str().unwrap()],
        b"\x02\xC001235\x03\x02\x8001180\x03",
    );
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.contains("\"weight\":\"1.235\",\"unit\":\"kg\"") && said.contains("\"moving\""), "{said}");
    let plain = decode(&["--protocol", "custom"], b"ST   1.235 kg\r\n");
    assert!(String::from_utf8(plain.stdout).unwrap().contains("\"weight\":\"1.235\""));
    std::fs::write(
        &file,
        settings.replace("custom\"", "mt-sics\"").split("[scale.custom]").next().unwrap().to_owned()
            + "[camera]\nkind = \"synthetic\"\n",
    )
    .unwrap();
    let other = decode(&["--protocol", "custom", "--config", file.to_str().unwrap()], b"");
    assert_eq!(other.status.code(), Some(78));
}
