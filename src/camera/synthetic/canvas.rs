//! What the drawn camera shows.

use image::{Rgb, RgbImage};

/// A block of a JPEG with half-resolution colour is 16 pixels square: T.81, A.2.
const BLOCK: u32 = 16;
/// Nine digits last a year at 30 frames a second; then the number begins anew.
const PLACES: u32 = 9;
/// The values of a digit, in order.
pub(super) const DIGITS: std::ops::RangeInclusive<char> = '0'..='9';

/// Where one digit stands: whole blocks, so that it can be changed alone.
pub(super) struct Cell {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    /// Blocks in a row of the picture.
    across: u32,
    /// What the digit counts: ones, tens, …
    pub(super) worth: u64,
}

impl Cell {
    /// Whether the block with this number, counted row by row, is part of the cell.
    pub(super) fn holds(&self, block: usize) -> bool {
        let Ok(block) = u32::try_from(block) else { return false };
        let (x, y) = (block % self.across * BLOCK, block / self.across * BLOCK);
        (self.left..self.left + self.width).contains(&x) && (self.top..self.top + self.height).contains(&y)
    }
}

/// The places of the digits, the first digit first: in the top left corner, as large as fits.
pub(super) fn cells(picture: &RgbImage) -> Vec<Cell> {
    let scale = if picture.width() > 2 * BLOCK * PLACES { 2 } else { 1 };
    let (width, height) = (BLOCK * scale, BLOCK * (2 * scale - scale / 2));
    let cell = |place: u32| Cell {
        left: place * width,
        top: 0,
        width,
        height,
        across: picture.width().div_ceil(BLOCK),
        worth: 10_u64.pow(PLACES - 1 - place),
    };
    (0..PLACES).map(cell).collect()
}

const DARK: Rgb<u8> = Rgb([16, 16, 16]);
const LIGHT: Rgb<u8> = Rgb([240, 240, 240]);

/// Draws one digit, light on dark, into its cell.
pub(super) fn glyph(picture: &mut RgbImage, digit: char, cell: &Cell) {
    fill(picture, (cell.left, cell.top, cell.width, cell.height), DARK);
    let scale = (cell.width / 6).min(cell.height / 8);
    let (left, top) = (cell.left + (cell.width - 5 * scale) / 2, cell.top + (cell.height - 7 * scale) / 2);
    letter(picture, digit, (left, top), scale, LIGHT);
}

/// Draws what stands still: a pan, a plate with three pieces of produce, and what the picture is.
pub(super) fn plate(picture: &mut RgbImage) {
    let (width, height) = picture.dimensions();
    for (_, y, pixel) in picture.enumerate_pixels_mut() {
        let shade = u8::try_from(110 + 40 * y / height).unwrap_or(u8::MAX);
        *pixel = Rgb([shade, shade, shade]);
    }
    let (middle, radius) = ((width / 2, height * 11 / 20), height * 2 / 5);
    disc(picture, middle, radius, Rgb([226, 226, 220]));
    disc(picture, middle, radius * 9 / 10, Rgb([240, 240, 236]));
    let (third, small) = (radius / 3, radius * 3 / 8);
    disc(picture, (middle.0 - third, middle.1 + third / 2), small, Rgb([196, 40, 34]));
    disc(picture, (middle.0 + third, middle.1 + third / 2), small, Rgb([232, 140, 30]));
    disc(picture, (middle.0, middle.1 - third), small, Rgb([120, 170, 60]));
    let scale = (width / 160).max(1);
    let word = "SIMULATED";
    for (place, character) in (0..).zip(word.chars()) {
        letter(picture, character, (4 * scale + place * 6 * scale, height - 11 * scale), scale, DARK);
    }
}

fn fill(picture: &mut RgbImage, (left, top, width, height): (u32, u32, u32, u32), colour: Rgb<u8>) {
    for y in top..(top + height).min(picture.height()) {
        for x in left..(left + width).min(picture.width()) {
            picture.put_pixel(x, y, colour);
        }
    }
}

/// A round thing, darker towards its lower right as under a lamp.
fn disc(picture: &mut RgbImage, (x, y): (u32, u32), radius: u32, Rgb([red, green, blue]): Rgb<u8>) {
    for (px, py, pixel) in picture.enumerate_pixels_mut() {
        let (across, down) = (px.abs_diff(x), py.abs_diff(y));
        if across * across + down * down <= radius * radius {
            let lit = (4 * radius + x + y).saturating_sub(px + py).min(4 * radius);
            let shaded = |part: u8| u8::try_from(u32::from(part) * lit / (4 * radius).max(1)).unwrap_or(part);
            *pixel = Rgb([shaded(red), shaded(green), shaded(blue)]);
        }
    }
}

/// Draws a character of five by seven dots, each `scale` pixels square.
fn letter(picture: &mut RgbImage, character: char, (left, top): (u32, u32), scale: u32, colour: Rgb<u8>) {
    for (row, dots) in (0..).zip(dots(character)) {
        for column in (0..5).filter(|column| dots >> (4 - column) & 1 == 1) {
            fill(picture, (left + column * scale, top + row * scale, scale, scale), colour);
        }
    }
}

/// The dots of a character, row by row, the leftmost dot in bit 4.
const fn dots(character: char) -> [u8; 7] {
    match character {
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'D' => [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
        'E' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        'I' => [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'L' => [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
        'M' => [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
        'S' => [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        'U' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        // Nothing else is ever written.
        _ => [0; 7],
    }
}
