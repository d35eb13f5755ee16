use super::*;

const PRICE: &[u8] = b"\x04\x0201\x1B000299\x1B\x03";
const RESULT: &[u8] = b"\x04\x05";
const WHY: &[u8] = b"\x04\x0208\x03";

/// Asks for the result, and why where there is none.
fn result(bench: &mut Bench) -> String {
    match bench.ask(RESULT).as_slice() {
        [0x15] => said(&bench.ask(WHY)),
        other => said(other),
    }
}

#[test]
fn a_price_is_taken_and_the_result_has_weight_and_amount() {
    let mut bench = Bench::of("dialog-06");
    assert_eq!(bench.ask(PRICE), [0x06]);
    assert_eq!(result(&mut bench), r"\x0209\x1b30\x03", "nothing on the plate");
    bench.put(1_235);
    assert_eq!(result(&mut bench), r"\x0209\x1b20\x03", "it moves");
    bench.pass(2_000);
    assert_eq!(result(&mut bench), r"\x0202\x1b3\x1b01235\x1b000299\x1b000369\x03");
    assert_eq!(result(&mut bench), r"\x0209\x1b21\x03", "told already");
    assert_eq!(bench.ask(PRICE), [0x06]);
    assert_eq!(result(&mut bench), r"\x0209\x1b21\x03", "whatever the price is");
    bench.weigh(100);
    assert_eq!(result(&mut bench), r"\x0202\x1b3\x1b01335\x1b000299\x1b000399\x03");
    bench.weigh(100);
    assert_eq!(result(&mut bench), r"\x0209\x1b22\x03", "a price is good for one weighing");
    let mut pounds = Bench::with("dialog-06", "0.01", Unit::Pound);
    pounds.ask(PRICE);
    pounds.weigh(1_129);
    assert_eq!(result(&mut pounds), r"\x0202\x1b1\x1b00249\x1b000299\x1b000745\x03");
}

#[test]
fn outside_its_range_there_is_a_code() {
    let mut bench = Bench::of("dialog-06");
    bench.weigh(20_000);
    assert_eq!(result(&mut bench), r"\x0209\x1b32\x03");
    bench.take_away();
    bench.weigh(-50);
    assert_eq!(result(&mut bench), r"\x0209\x1b31\x03");
    bench.weigh(145);
    assert_eq!(result(&mut bench), r"\x0209\x1b30\x03", "95 g is below 20 divisions");
    bench.weigh(5);
    assert_eq!(result(&mut bench), r"\x0209\x1b22\x03", "100 g is not, but has no price");
}

#[test]
fn tare_and_text_reach_the_scale_and_wrong_fields_have_their_codes() {
    let mut bench = Bench::of("dialog-06");
    assert_eq!(bench.ask(b"\x04\x0205\x1B000299\x1B0020\x1BBANANAS      \x03"), [0x06]);
    assert_eq!(bench.scale.text(), Some("BANANAS"));
    assert_eq!(bench.scale.indication().tare.to_string(), "0.020");
    assert_eq!(bench.ask(b"\x04\x0203\x1B000299\x1B0000\x03"), [0x06]);
    assert!(!bench.scale.indication().net);
    assert_eq!(bench.ask(b"\x04\x04\x0204\x1B00299\x1BLEMONS       \x03"), [0x06], "five digits, two EOT");
    assert!(bench.scale.happened().contains(&What::Price { minor: 299 }));
    for (sent, code) in [
        (b"\x04\x0299\x1B000299\x1B\x03".as_slice(), "10"),
        (b"\x04\x0201\x1B000000\x1B\x03", "11"),
        (b"\x04\x0201\x1B0002x9\x1B\x03", "11"),
        (b"\x04\x0203\x1B000299\x1B0022\x03", "12"),
        (b"\x04\x0204\x1B000299\x1BLEMONS\x03", "13"),
        (b"\x04\x0203\x1B000299\x03", "01"),
    ] {
        assert_eq!(bench.ask(sent), [0x15], "{}", said(sent));
        assert_eq!(said(&bench.ask(WHY)), format!(r"\x0209\x1b{code}\x03"));
    }
    assert_eq!(bench.ask(b"\x04\x0201\x1B0002\x04"), b"", "EOT gives a record up");
    assert_eq!(bench.ask(b"99\x1B\x03"), b"");
}

/// The answer to a challenge, by the example that makers print.
fn answer(challenge: &[u8]) -> Vec<u8> {
    let key = u8::from_str_radix(std::str::from_utf8(&challenge[5..7]).unwrap(), 16).unwrap();
    let (sum, partner) =
        (0x4711_u16.rotate_left(u32::from(key >> 4)), 0xF336_u16.rotate_right(u32::from(key & 15)));
    format!("\x04\x0210\x1B{sum:04X}{partner:04X}\x03").into_bytes()
}

#[test]
fn a_host_that_is_not_trusted_shows_its_checksums() {
    let mut bench = Bench::of("dialog-06/challenge");
    let challenge = bench.ask(PRICE);
    assert!(said(&challenge).starts_with(r"\x0211\x1b2") && challenge.len() == 8, "{}", said(&challenge));
    assert_eq!(bench.ask(b"\x04\x0210\x1B47110000\x03"), [0x06], "the answer is taken, right or wrong");
    assert_eq!(said(&bench.ask(RESULT)), r"\x0211\x1b0\x03");
    let challenge = bench.ask(PRICE);
    assert_eq!(bench.ask(&answer(&challenge)), [0x06]);
    assert_eq!(said(&bench.ask(RESULT)), r"\x0211\x1b1\x03");
    for weighing in 0..51 {
        assert_eq!(bench.ask(PRICE), [0x06], "weighing {weighing}");
        bench.weigh(if weighing % 2 == 0 { 500 } else { -200 });
        assert!(result(&mut bench).starts_with(r"\x0202\x1b3"), "weighing {weighing}");
    }
    assert!(said(&bench.ask(PRICE)).starts_with(r"\x0211\x1b2"), "trust ends after fifty weighings");
    let vector = [0x02, 0x31, 0x31, 0x1B, 0x32, 0x34, 0x37, 0x03];
    assert_eq!(said(&answer(&vector)), r"\x04\x0210\x1b71146DE6\x03");
}
